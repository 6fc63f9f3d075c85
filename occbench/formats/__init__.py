"""A data set in the shape that other programs want, and packs of occluders without faces."""
