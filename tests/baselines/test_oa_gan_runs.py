"""OA-GAN in the loop: what it tells, and that it can learn sixteen faces by heart."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occbench.pairs.paired import open_pairs
from occbench.training.recipe import resolve
from occbench.training.train import train

TINY = ["size=64", "width=4", "blocks=1", "random_features=true", "batch_size=2", "g_every=1", "natural_every=2", "ema=0.9"]


@pytest.fixture(scope="module")
def run(data: Path, natural: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`run(steps, out=None)`: train up to so many steps, going on where `out` is given."""

    def run(steps: int, out: Path | None = None) -> Path:
        into = out or tmp_path_factory.mktemp("runs") / "run"
        recipe = resolve("oa-gan", changes=[*TINY, "save_every=2", "validation.pairs=2", "log_every=1"])
        options = {"natural": natural, "detectors": ["dlib"], "device": "cpu", "cache": cache}
        train(recipe, data, into, steps=steps, resume=out is not None, **options)  # type: ignore[arg-type]
        return into

    return run


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in ("loss", "report", "epoch")]


def test_a_resumed_run_tells_the_same(run: Callable[..., Path]) -> None:
    assert rows(run(5)) == rows(run(5, run(2)))


def test_natural_steps_are_logged_without_the_terms_that_need_the_truth(run: Callable[..., Path]) -> None:
    found = rows(run(2))
    assert {row["name"] for row in found if row["step"] == "1" and row["kind"] == "loss"} >= {"hole", "style"}
    assert {row["name"] for row in found if row["step"] == "2" and row["kind"] == "loss"} & {"hole", "style"} == set()


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize(("variant", "column"), [("official", "psnr_synthesis"), ("supervised-mask", "psnr_final")])
def test_sixteen_faces_are_learnt_by_heart(sixteen: Callable[[int], Path], tmp_path: Path, variant: str, column: str) -> None:
    """The gain exceeds 6 dB: the synthesis's as released (the mask term pulls M to 1), the result's where M is taught.

    A quarter of the width, and pixel terms alone: in the few minutes that a test may take, adversarial and style terms, which begin
    thirty times as large, would have the say.
    """
    data = sixteen(64)
    changes = ["size=64", "width=16", "blocks=3", "batch_size=16", "g_every=1", "labels=none", "augment.crop=false"]
    changes += ["optimizer.lr=1e-3", "weights.adversarial=0", "weights.style=0", "weights.perceptual=0", "save_every=1000"]
    train(resolve("oa-gan", variant=variant, changes=changes), data, tmp_path / "run", steps=150, device="cpu", cache=tmp_path)
    learnt = [float(row["value"]) for row in rows(tmp_path / "run") if row["kind"] == "report" and row["name"] == column][-1]
    assert learnt - before(data, tmp_path) > 6


def before(data: Path, cache: Path) -> float:
    """Mean PSNR of the occluded input, dB."""
    pairs = open_pairs(data, "train", cache=cache)
    error = ((pairs.occluded / 255.0 - pairs.photographs[pairs.clean] / 255.0) ** 2).mean(axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(error)))
