"""Runs: resumed to the bit, stopped before anything spoilt is saved, telling what they do."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from occbench.baselines.context_encoder.baseline import ContextEncoder
from occbench.errors import RunError, UsageError
from occbench.images import decode_exact
from occbench.training import Losses
from occbench.training.checkpoints import BEST, LAST, load
from occbench.training.loop import Observer, Progress

Run = Callable[..., Path]


def differing(one: Path, other: Path, name: str = LAST) -> list[str]:
    """Arrays that differ between the checkpoints of two runs."""
    a, b = load_file(one / name), load_file(other / name)
    assert a.keys() == b.keys()
    return [key for key in a if not np.array_equal(a[key].numpy(), b[key].numpy())]


def rows(run: Path, *kinds: str) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in kinds]


@pytest.mark.parametrize("changes", [(), ("ema=0.9",), ("accumulate=2",), ("holes=rectangles", "augment.flip=true")], ids=str)
def test_a_resumed_run_comes_to_the_same_weights(run: Run, changes: tuple[str, ...]) -> None:
    whole = run("whole", 7, *changes)
    run("resumed", 3, *changes)
    assert differing(whole, run("resumed", 7, *changes, resume=True)) == []


def test_a_resumed_run_tells_the_same(run: Run) -> None:
    """Whole epochs too, though the run was stopped in the middle of one."""
    whole = run("whole", 7)
    run("resumed", 3)
    kinds = ("loss", "report", "epoch")
    assert rows(whole, *kinds) == rows(run("resumed", 7, resume=True), *kinds)


def test_lines_after_the_checkpoint_are_dropped(run: Run) -> None:
    out = run("run", 3)
    with (out / "metrics.csv").open("a") as file:
        file.write("5,2,loss,reconstruction,99\n6,2,lo")
    run("run", 4, resume=True)
    assert {row["step"] for row in rows(out, "loss")} == {"1", "2", "3", "4"}


@pytest.mark.parametrize("workers", [3])
def test_weights_do_not_depend_on_the_number_of_workers(run: Run, workers: int) -> None:
    assert differing(run("one", 4), run("many", 4, workers=workers)) == []


def test_another_seed_has_other_weights(run: Run) -> None:
    assert differing(run("one", 1), run("two", 1, seed=1))


def test_a_finished_run_is_left_as_it_is(run: Run) -> None:
    before = (run("run", 3) / LAST).read_bytes()
    assert (run("run", 3, resume=True) / LAST).read_bytes() == before


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(run: Run, data: Path, cache: Path, tmp_path: Path) -> None:
    """SIGKILL in a subprocess, whenever it comes, loses at most `save_every` steps."""
    changes = ("save_every=2",)
    whole = run("whole", 24, *changes)
    sets = ["size=32", "base=2", "batch_size=4", "log_every=1", "validation.pairs=2", "optimizer.lr=1e-3", *changes]
    command = [sys.executable, "-m", "occbench", "train-baseline", "context-encoder", "--data", str(data), "--cache", str(cache)]
    command += ["--out", str(tmp_path / "killed"), "--steps", "24", "--device", "cpu", "--resume"]
    command += [part for change in sets for part in ("--set", change)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    for after in (4, 12):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and last(tmp_path / "killed") < after:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert after <= last(tmp_path / "killed") <= int(load(tmp_path / "killed" / LAST).facts["step"]) + 2
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert differing(whole, tmp_path / "killed") == []
    kinds = ("loss", "report", "epoch", "val")
    assert rows(whole, *kinds) == rows(tmp_path / "killed", *kinds)


def last(run: Path) -> int:
    """The last step that metrics.csv tells of."""
    try:
        return max((int(row["step"]) for row in rows(run, "loss") if (row["step"] or "").isdigit()), default=0)
    except OSError:
        return 0


def spoilt(monkeypatch: pytest.MonkeyPatch, step: int, value: float) -> None:
    """From this step on the reconstruction term has this value."""
    calls = []
    reconstruction = ContextEncoder._generator

    def worse(self: ContextEncoder, batch: object) -> Losses:
        calls.append(1)
        found = reconstruction(self, batch)  # type: ignore[arg-type]
        if len(calls) >= step:
            found["reconstruction"] = found["reconstruction"] * value
        return found

    monkeypatch.setattr(ContextEncoder, "_generator", worse)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9], ids=str)
def test_a_spoilt_loss_stops_the_run_and_the_last_good_checkpoint_stays(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: float
) -> None:
    changes = ("save_every=2", "validation.every=100", "grid_every=100")
    good = run("good", 2, *changes)
    spoilt(monkeypatch, 4, value)
    with pytest.raises(RunError, match=r"step 4.*reconstruction.*step 2 is kept"):
        run("bad", 9, *changes)
    assert differing(good, tmp_path / "bad") == []


def test_spoilt_weights_are_never_saved(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Even where losses are hardly ever looked at, they and the weights are before each checkpoint."""
    spoilt(monkeypatch, 3, float("nan"))
    with pytest.raises(RunError):
        run("bad", 9, "save_every=2", "log_every=9", "validation.every=9", "grid_every=9")
    assert all(torch.isfinite(value).all() for value in load_file(tmp_path / "bad" / LAST).values())


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        (("optimizer.lr=2e-3",), {}, r"settings\.optimizer\.lr was 0\.001 and is now 0\.002"),
        ((), {"seed": 4}, "seed was 0 and is now 4"),
        ((), {"variant": "rectangles"}, "variant was 'intended' and is now 'rectangles'"),
        ((), {"precision": "bf16"}, "precision"),
    ],
)
def test_another_run_does_not_go_on(run: Run, changes: tuple[str, ...], options: dict[str, object], said: str) -> None:
    run("run", 1)
    with pytest.raises(UsageError, match=said):
        run("run", 2, *changes, resume=True, **options)


def test_a_folder_with_something_in_it_is_refused(run: Run) -> None:
    run("run", 1)
    with pytest.raises(UsageError, match="--resume"):
        run("run", 1)


def test_resuming_without_a_checkpoint_begins(run: Run) -> None:
    assert (run("run", 1, resume=True) / LAST).is_file()


@pytest.mark.parametrize(("phase", "own", "other"), [(0, "discriminator", "generator"), (1, "generator", "discriminator")])
def test_ce_8_a_phase_changes_its_own_network_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, phase: int, own: str, other: str
) -> None:
    phases = ContextEncoder.phases
    before = run("before", 1, "optimizer.lr=0", "optimizer.d_lr=0")
    monkeypatch.setattr(ContextEncoder, "phases", lambda self, moment: phases(self, moment)[phase : phase + 1])
    changed = {key.split(".")[1] for key in differing_networks(before, run("after", 1))}
    assert changed == {own}
    assert other not in changed


def differing_networks(one: Path, other: Path) -> list[str]:
    a, b = load_file(one / LAST), load_file(other / LAST)
    return [key for key in a if key.startswith("networks.") and not np.array_equal(a[key].numpy(), b[key].numpy())]


def test_parts_of_a_batch_have_its_gradient(run: Run) -> None:
    """With a mean over pictures as loss, two parts of two are one batch of four, but for rounding."""
    changes = ("reconstruction=sum", "weights.adversarial=0", "optimizer.lr=1e-4")
    whole, parts = load_file(run("whole", 2, *changes) / LAST), load_file(run("parts", 2, *changes, "accumulate=2") / LAST)
    for key, value in whole.items():
        assert torch.allclose(value, parts[key], atol=2e-5, rtol=1e-3), key


def test_the_best_checkpoint_has_the_averages(run: Run) -> None:
    out = run("run", 3, "ema=0.5")
    best, everything = load_file(out / BEST), load_file(out / LAST)
    for key, value in best.items():
        assert torch.equal(value, everything[key.replace("networks.", "averages.")])
        assert key.startswith("networks.generator")


def test_mixed_precision_trains_on_a_cpu(run: Run) -> None:
    stored = load_file(run("run", 2, precision="bf16") / LAST)
    assert {value.dtype for key, value in stored.items() if key.startswith("networks.")} == {torch.float32}


def test_networks_train_again_after_a_validation(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    begin = ContextEncoder.begin

    def noted(self: ContextEncoder, batch: object, moment: object) -> None:
        modes.append(all(module.training for module in self.generator.modules()))
        begin(self, batch, moment)  # type: ignore[arg-type]

    monkeypatch.setattr(ContextEncoder, "begin", noted)
    run("run", 4, "validation.every=1", "grid_every=1")
    assert modes == [True] * 4


def test_grids_show_pairs_side_by_side(run: Run) -> None:
    out = run("run", 2, "grid_every=2")
    image = decode_exact((out / "grids" / "00000002.png").read_bytes())
    assert image.shape == (2 * 66, 4 * 66, 3)  # two pairs of 64 px: occluded, restored, clean, mask, and gaps of 2 px


def test_errors_are_told_as_the_seed_tells_them(run: Run) -> None:
    """`seed_error` is a sum over the hole, `mse_hole` a mean; an epoch has the mean of its steps."""
    out = run("run", 4)
    found = {(row["step"], row["name"]): float(row["value"]) for row in rows(out, "report")}
    assert found["1", "seed_error"] > 100 * found["1", "mse_hole"] > 0
    steps = [float(row["value"]) for row in rows(out, "report") if row["name"] == "mse_hole"]
    epochs = [float(row["value"]) for row in rows(out, "epoch") if row["name"] == "mse_hole"]
    first = [float(row["value"]) for row in rows(out, "report") if row["name"] == "mse_hole" and row["epoch"] == "1"]
    assert 1 < len(first) < len(steps)
    assert epochs[0] == pytest.approx(np.mean(first), rel=1e-4)


def test_observers_hear_of_every_step(run: Run) -> None:
    heard: list[Progress] = []
    run("run", 3, observer=Observer(tell=heard.append))
    assert [(progress.step, progress.total) for progress in heard] == [(1, 3), (2, 3), (3, 3)]
    assert set(heard[0].losses) == {"d_real", "d_fake", "reconstruction", "adversarial"}


def test_a_card_tells_what_was_trained(run: Run) -> None:
    text = (run("run", 2) / "README.md").read_text()
    assert "context-encoder, variant intended" in text
    assert "psnr_mask" in text
    assert "base: 2" in text


def test_tensorboard_hears_of_it_too(run: Run) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    assert list((run("run", 1) / "tensorboard").glob("events.*"))


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.slow
def test_two_processes_train_as_one(run: Run, data: Path, cache: Path, tmp_path: Path) -> None:
    changes = ("reconstruction=sum", "weights.adversarial=0", "optimizer.lr=1e-4")
    whole = load_file(run("whole", 2, *changes) / LAST)
    sets = ["size=32", "base=2", "batch_size=4", "log_every=1", "validation.pairs=2", *changes]
    command = [sys.executable, "-m", "occbench", "train-baseline", "context-encoder", "--data", str(data), "--cache", str(cache)]
    command += ["--out", str(tmp_path / "two"), "--steps", "2", "--device", "cpu", *(p for c in sets for p in ("--set", c))]
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    team = [
        subprocess.Popen(
            command, env={**common, "RANK": str(k), "LOCAL_RANK": str(k)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        for k in range(2)
    ]
    said = [process.communicate()[1].decode() for process in team]
    assert [process.returncode for process in team] == [0, 0], said
    for key, value in load_file(tmp_path / "two" / LAST).items():
        assert torch.allclose(whole[key], value, atol=2e-5, rtol=1e-3), key
