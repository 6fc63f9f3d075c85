"""What `train` makes of its data, its device and what lies in its folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from occbench.errors import InputError, RunError, UsageError
from occbench.pairs import paired
from occbench.training import share
from occbench.training.checkpoints import BEST, LAST, load
from occbench.training.feed import Share
from occbench.training.loop import Loop, Observer
from occbench.training.recipe import resolve
from occbench.training.train import build, place

Run = Callable[..., Path]


def lines(run: Path) -> list[str]:
    return [line for line in (run / "metrics.csv").read_text().splitlines() if ",speed," not in line]


@pytest.mark.parametrize("changes", [(), ("ema=0.9",)], ids=str)
def test_a_resumed_run_writes_the_same_files(run: Run, changes: tuple[str, ...]) -> None:
    """Weights are compared in test_loop.py; here it is what people read, and the header."""
    every = ("validation.every=3", "grid_every=3", *changes)
    whole = run("whole", 6, *every)
    run("resumed", 3, *every)
    resumed = run("resumed", 6, *every, resume=True)
    assert lines(whole) == lines(resumed)
    assert (whole / "README.md").read_bytes() == (resumed / "README.md").read_bytes()
    for grid in sorted((whole / "grids").iterdir()):
        assert (resumed / "grids" / grid.name).read_bytes() == grid.read_bytes()
    for name in (BEST, LAST):
        assert (whole / name).read_bytes() == (resumed / name).read_bytes()


def test_other_data_are_not_gone_on_with(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("run", 1)
    read = paired.read
    monkeypatch.setattr(paired, "read", lambda path: [pair for pair in read(path) if pair.split != "train" or pair.index == 0])
    with pytest.raises(UsageError, match=r"data was '\w+' and is now '\w+'"):
        run("run", 2, resume=True)


def test_what_only_restores_is_not_gone_on_with(run: Run) -> None:
    out = run("run", 1)
    shutil.copy(out / BEST, out / LAST)
    with pytest.raises(InputError, match=LAST):
        run("run", 2, resume=True)


def test_a_spoilt_checkpoint_is_not_gone_on_with(run: Run) -> None:
    out = run("run", 1)
    (out / LAST).write_bytes((out / LAST).read_bytes()[:-5])
    with pytest.raises(InputError, match=LAST):
        run("run", 2, resume=True)


def test_fewer_steps_than_were_trained_are_none(run: Run) -> None:
    before = (run("run", 3) / LAST).read_bytes()
    assert (run("run", 2, resume=True) / LAST).read_bytes() == before


def test_nobody_is_validated_on_no_pairs(run: Run) -> None:
    out = run("run", 2, "validation.pairs=0")
    assert not (out / BEST).exists()
    assert not any(",val," in line for line in lines(out))
    assert "Nothing has been measured" in (out / "README.md").read_text()


def test_a_data_set_without_validation_split_trains(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read, heard = paired.read, []
    monkeypatch.setattr(paired, "read", lambda path: [pair for pair in read(path) if pair.split != "val"])
    out = run("run", 1, observer=Observer(say=heard.append))
    assert any("no validation split" in sentence for sentence in heard)
    assert [(out / name).exists() for name in (LAST, BEST)] == [True, False]


def test_a_refused_run_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch_size"):
        run("run", 1, "batch_size=4000")
    assert not (tmp_path / "run").exists()


def test_the_callers_random_numbers_are_left_alone(run: Run) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run("run", 1)
    assert torch.equal(torch.rand(3), expected)


def test_weights_begin_the_same_whatever_was_drawn_before() -> None:
    recipe = resolve("context-encoder", changes=["size=32", "base=2"])
    one = build(recipe, 0, 4).networks["generator"].state_dict()
    torch.rand(7)
    two = build(recipe, 0, 4).networks["generator"].state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_averages_follow_the_weights(run: Run) -> None:
    """After the first step they are the weights; after the second, half of each."""
    first, second = (load_file(run(f"{steps}", steps, "ema=0.5") / LAST) for steps in (1, 2))
    for key in (key for key in first if key.startswith("averages.")):
        own = key.replace("averages.", "networks.")
        assert torch.equal(first[key], first[own])
        assert torch.allclose(second[key], (first[own] + second[own]) / 2, atol=1e-7)


def test_a_checkpoint_says_what_the_run_was(run: Run) -> None:
    found = load(run("run", 2, seed=9) / LAST)
    assert (found.facts["step"], found.facts["seed"], found.facts["labels"]) == (2, 9, 0)
    assert (found.facts["precision"], found.facts["processes"], found.facts["data_size"]) == ("32", 1, 64)
    assert found.recipe.settings.size == 32


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="--device cpu"):
        share.pick("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_auto_takes_the_cpu_where_there_is_no_gpu() -> None:
    assert share.pick("auto") == torch.device("cpu")


def gpus(monkeypatch: pytest.MonkeyPatch, count: int, process: int) -> None:
    """As on a machine with GPUs, in this process of `torchrun`."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setenv("LOCAL_RANK", str(process))


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    gpus(monkeypatch, 2, 1)
    assert share.pick(device) == torch.device("cuda", 1)
    assert share.pick("cpu") == torch.device("cpu")


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 1, 1)
    with pytest.raises(UsageError, match="--nproc-per-node 1"):
        share.pick("auto")


@pytest.mark.parametrize(("device", "backend"), [(torch.device("cuda", 1), "nccl"), (torch.device("cpu"), "gloo")], ids=str)
def test_processes_meet_on_their_own_devices(monkeypatch: pytest.MonkeyPatch, device: torch.device, backend: str) -> None:
    """Barriers too: without being told, each of them would wait on the first GPU."""
    begun: list[dict[str, object]] = []
    chosen: list[torch.device] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda name, **how: begun.append({"name": name, **how}))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with share.joined(device) as found:
        assert found == Share(1, 2)
    on_gpu = device.type == "cuda"
    assert begun == [{"name": backend, "device_id": device if on_gpu else None}]
    assert chosen == ([device] if on_gpu else [])


def test_a_run_on_a_cpu_opens_no_gpu(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2, 0)
    opened: list[object] = []
    for name in ("get_rng_state", "set_rng_state"):
        monkeypatch.setattr(torch.cuda, name, lambda *given: opened.append(given))
    run("run", 1)
    assert opened == []


def weights(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    gpus(monkeypatch, int(gpu), 0)
    built = build(resolve("oa-gan", changes=["size=64", "width=2", "blocks=1", "random_features=true"]), 0, 0)
    networks = [*built.networks.values(), *built.helpers.values()]
    place(networks, torch.device("cpu"))
    return [p for network in networks for p in network.parameters() if p.ndim == 4]


def test_on_a_cpu_memory_is_laid_out_alike_with_and_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or sums would differ between machines."""
    without, beside = (weights(gpu, monkeypatch) for gpu in (False, True))
    assert [p.stride() for p in without] == [p.stride() for p in beside]


def test_alone_a_process_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with share.joined(torch.device("cpu")) as found:
        assert found == Share(0, 1)
        gradient = torch.ones(2)
        share.average([gradient], found)
        assert gradient.tolist() == [1, 1]


def test_too_little_memory_on_the_gpu_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Loop, *_: object) -> None:
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(Loop, "_step", step)
    with pytest.raises(RunError, match="accumulate=N"):
        run("run", 1)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_networks_learn_the_same(run: Run) -> None:
    plain, compiled = (load_file(run(name, 2, f"compile={name}", "validation.pairs=0") / LAST) for name in ("false", "true"))
    assert plain.keys() == compiled.keys()
    for key in (key for key in plain if key.startswith("networks.")):
        assert np.allclose(plain[key].numpy(), compiled[key].numpy(), atol=1e-4), key
