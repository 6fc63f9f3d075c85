"""occbench: paired face-occlusion data sets, de-occlusion baselines, and one harness that scores them."""

__version__ = "0.1.0"
