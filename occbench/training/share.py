"""Several processes, one training run: started by `torchrun`, each with a share of every batch."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, distributed

from occbench.errors import UsageError
from occbench.training.feed import Share


@contextmanager
def joined(device: torch.device) -> Iterator[Share]:
    """Join the other processes of `torchrun`; alone without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Share()
        return
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)  # or all of them would wait for each other on the first GPU
    distributed.init_process_group("nccl" if on_gpu else "gloo", device_id=device if on_gpu else None)
    try:
        yield Share(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def average(gradients: Sequence[Tensor], share: Share) -> None:
    """Replace gradients by their mean over all processes, in place and in one message."""
    if share.world > 1:
        together = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(together)
        together /= share.world
        parts = torch.split(together, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


def together(share: Share) -> None:
    """Wait for all processes."""
    if share.world > 1:
        distributed.barrier()


def pick(device: str) -> torch.device:
    """The device called `auto`, `cpu` or `cuda`; of several GPUs the one that `torchrun` gives this process.

    Raises:
        UsageError: there is no GPU, or none for this process.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda, but torch finds no GPU that it can use here: see `occbench doctor`, or take --device cpu.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        return torch.device(device)
    own, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= count:
        raise UsageError(f"torchrun started more processes than there are GPUs: take --nproc-per-node {count}, or --device cpu.")
    return torch.device("cuda", own)
