"""A trained run as an ONNX file, for programs without torch."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from occbench.atomic import replacing, writing
from occbench.errors import RunError, UsageError
from occbench.restoration.trained import opened
from occbench.seeding import generator
from occbench.training import Baseline

TOLERANCE = 1e-3  # a quarter of a gray level

_BATCHES = (1, 3)


class _Restoring(nn.Module):
    """A baseline's `restore` as a module of tensors."""

    def __init__(self, baseline: Baseline) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({name: baseline.networks[name] for name in baseline.restoring})
        self._baseline = baseline

    def forward(self, occluded: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        found = self._baseline.restore(occluded, mask)
        return (found.images,) if found.masks is None else (found.images, found.masks)


def export_onnx(run: Path, file: Path) -> dict[str, Any]:
    """Write a run's networks as ONNX, and compare what ONNX Runtime makes of them with torch.

    Inputs are `occluded` (B, 3, S, S) float32 RGB in [0, 1] and, for given-mask baselines, `mask` (B, 1, S, S), 1 = to be filled.
    Outputs are `restored` (B, 3, S, S) and, where the networks predict it, `occlusion` (B, 1, S, S), 1 = occluded. Any B.

    Args:
        run: a run's folder or a checkpoint.
        file: to write; what was there is replaced.

    Returns:
        `file`, `inputs`, `outputs`, and `difference`, the largest between the two on random images.

    Raises:
        InputError: no usable checkpoint.
        UsageError: the packages of the extra `onnx` are not installed.
        RunError: the networks cannot be exported, or the file computes something else; nothing is written then.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - what torch exports with
    except ImportError as error:
        raise UsageError(f"ONNX files need packages that are not installed ({error.name}): pip install 'occbench[onnx]'.") from None
    loaded = opened(run)
    network = _Restoring(loaded.baseline).eval()
    size, given = loaded.recipe.settings.size, loaded.baseline.track == "given-mask"
    with torch.inference_mode():
        outputs = ["restored", "occlusion"][: len(network(*_images(2, size, given)))]
    inputs = ["occluded", "mask"] if given else ["occluded"]
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    shapes = tuple({0: batch} for _ in inputs)
    with replacing(file) as temporary, writing(file):
        try:
            with _quietly():
                torch.onnx.export(
                    network,
                    _images(2, size, given),
                    str(temporary),
                    input_names=inputs,
                    output_names=outputs,
                    dynamic_shapes=dict(zip(inputs, shapes, strict=True)),
                    external_data=False,
                    verbose=False,
                )
        except Exception as error:  # whatever torch's exporter meets
            raise RunError(f"{run} cannot be exported as ONNX: {' '.join(str(error).split())[:300]}") from error
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        difference = max(_difference(session, network, inputs, _images(count, size, given)) for count in _BATCHES)
        if not difference <= TOLERANCE:
            raise RunError(f"{file}: ONNX Runtime restores otherwise than torch, by up to {difference:.4g}; nothing was written.")
    return {"file": str(file), "inputs": inputs, "outputs": outputs, "difference": difference}


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch's exporter says of packages that nobody needs."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.setLevel(level)


def _images(count: int, size: int, given: bool) -> tuple[Tensor, ...]:
    draws = generator(0, "onnx", count, size)
    occluded = torch.from_numpy(draws.random((count, 3, size, size), dtype=np.float32))
    mask = torch.zeros(count, 1, size, size)
    mask[:, :, size // 4 : size // 2, size // 3 : size // 2] = 1
    return (occluded, mask) if given else (occluded,)


def _difference(session: Any, network: nn.Module, names: list[str], images: tuple[Tensor, ...]) -> float:
    theirs = session.run(None, {name: image.numpy() for name, image in zip(names, images, strict=True)})
    with torch.inference_mode():
        ours = network(*images)
    return max(float(np.abs(one.numpy() - other).max()) for one, other in zip(ours, theirs, strict=True))
