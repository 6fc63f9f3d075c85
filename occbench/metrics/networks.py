"""What networks that serve as metrics share: reading weights, and running so that no digit depends on batching."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from occbench.errors import InputError

Image = npt.NDArray[np.uint8]
Images = Sequence[Image] | Image  # N images (H, W, 3), or an array (N, H, W, 3)

BATCH = 8  # items that a network sees at a time, always


def load_weights(network: nn.Module, path: Path, rename: Callable[[str], str | None] = lambda key: key) -> None:
    """Fill a network from a safetensors file, as float32, and make it ready to run.

    Args:
        network: whose state dict names what is needed; best made on the device `meta`, where nothing is drawn or allocated.
        path: of the file. Pickles are never read.
        rename: key in the file to key of the network; None leaves it out.

    Raises:
        InputError: unreadable, with missing, surplus or wrongly shaped arrays, or with values that are not finite; names the file.
    """
    try:
        stored = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from None
    renamed = {name: array for key, array in stored.items() if (name := rename(key)) is not None}
    state = network.state_dict()
    for key in state:  # a count of training batches that older files lack and nobody needs
        if key.endswith("num_batches_tracked"):
            renamed.setdefault(key, torch.zeros((), dtype=state[key].dtype))
    wanted = {key: tuple(array.shape) for key, array in state.items()}
    found = {key: tuple(array.shape) for key, array in renamed.items()}
    if wanted != found:
        wrong = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
        raise InputError(f"{path} holds the weights of another network; {len(wrong)} arrays differ, {wrong[0]} for one.")
    if spoilt := [key for key, array in renamed.items() if not bool(torch.isfinite(array).all())]:
        raise InputError(f"{path} is damaged: {spoilt[0]} holds values that are not finite.")
    # Copied: as read, arrays may be a view of the file, which can change.
    network.load_state_dict({key: array.to(state[key].dtype, copy=True) for key, array in renamed.items()}, assign=True)
    network.eval().requires_grad_(False)


def in_batches(
    function: Callable[..., Tensor],
    *stacks: Images,
    prepare: Callable[[Sequence[Image]], Tensor] | None = None,
) -> npt.NDArray[np.float64]:
    """Run a function on stacks of images, `BATCH` at a time on one thread; the last batch is filled up with its first image.

    Args:
        function: takes one tensor (BATCH, ...) a stack, and gives a tensor (BATCH, ...).
        stacks: N images (H, W, 3) uint8 each.
        prepare: makes a batch of images a tensor; `as_tensor` unless another is given.

    Returns:
        (N, ...) float64.

    Raises:
        ValueError: no images, stacks of different lengths, or images that are not uint8.
    """
    count = len(stacks[0])
    if count == 0 or any(len(stack) != count for stack in stacks):
        raise ValueError(f"stacks of one length, at least 1, are needed, not of {', '.join(str(len(stack)) for stack in stacks)}")
    if wrong := {str(image.dtype) for stack in stacks for image in stack} - {"uint8"}:
        raise ValueError(f"images must be uint8 in 0..255, not {sorted(wrong)[0]}: a network cannot tell another range from them")
    parts = []
    with one_thread(), torch.inference_mode():
        for first in range(0, count, BATCH):
            batch = [(prepare or as_tensor)(_filled(stack[first : first + BATCH])) for stack in stacks]
            parts.append(function(*batch)[: count - first].double().numpy())
    return np.concatenate(parts)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: sums in another order would be other sums. Processes share the work instead."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def as_tensor(images: Images) -> Tensor:
    """N images (H, W, 3) uint8 of one size to (N, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(list(images)).transpose(0, 3, 1, 2))).float() / 255


def taps(trunk: nn.Sequential, at: Sequence[int], normalised: Tensor) -> list[Tensor]:
    """Features after some layers of a trunk, in their order, for images (B, 3, H, W) normalised as it needs them.

    Layers behind the last of them are not run.
    """
    features, out = normalised, []
    for number in range(max(at) + 1):
        features = trunk[number](features)
        if number in at:
            out.append(features)
    return out


def _filled(images: Images) -> list[Image]:
    return [*images, *[images[0]] * (BATCH - len(images))]
