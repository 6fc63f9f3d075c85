"""What networks that serve as metrics share: reading weights, and running so that no digit depends on batching."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from occbench.errors import InputError

BATCH = 8  # items that a network sees at a time, always


def load_weights(network: nn.Module, path: Path, rename: Callable[[str], str | None] = lambda key: key) -> None:
    """Fill a network from a safetensors file, as float32, and make it ready to run.

    Args:
        network: whose state dict names what is needed.
        path: of the file. Pickles are never read.
        rename: key in the file to key of the network; None leaves it out.

    Raises:
        InputError: unreadable, or with missing, surplus or wrongly shaped arrays; names the file.
    """
    try:
        stored = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from None
    renamed = {name: array for key, array in stored.items() if (name := rename(key)) is not None}
    state = network.state_dict()
    for key in state:  # a count of training batches that older files lack and nobody needs
        if key.endswith("num_batches_tracked"):
            renamed.setdefault(key, state[key])
    wanted = {key: tuple(array.shape) for key, array in state.items()}
    found = {key: tuple(array.shape) for key, array in renamed.items()}
    if wanted != found:
        wrong = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
        raise InputError(f"{path} holds the weights of another network; {len(wrong)} arrays differ, {wrong[0]} for one.")
    network.load_state_dict({key: array.to(state[key].dtype) for key, array in renamed.items()})
    network.eval().requires_grad_(False)


def in_batches(function: Callable[..., Tensor], *stacks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Run a function on stacks of images, `BATCH` at a time on one thread; the last batch is filled up with its first image.

    Args:
        function: takes one float32 tensor (BATCH, 3, H, W) in [0, 1] a stack, and gives a tensor (BATCH, ...).
        stacks: (N, H, W, 3) uint8 each.

    Returns:
        (N, ...) float64.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order would be other sums; processes share the work instead
    try:
        with torch.inference_mode():
            parts = []
            for first in range(0, len(stacks[0]), BATCH):
                batch = [_filled(stack[first : first + BATCH]) for stack in stacks]
                size = min(BATCH, len(stacks[0]) - first)
                parts.append(function(*map(as_tensor, batch))[:size].double().numpy())
            return np.concatenate(parts)
    finally:
        torch.set_num_threads(threads)


def as_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def _filled(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return images if len(images) == BATCH else np.concatenate([images, np.repeat(images[:1], BATCH - len(images), axis=0)])
