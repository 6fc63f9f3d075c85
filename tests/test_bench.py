"""Benchmarks run: tiny, and without a look at what they measure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


def bench(script: str, *options: str, weights: Path | None = None) -> str:
    environment = os.environ | ({} if weights is None else {"OCCBENCH_WEIGHTS": str(weights)})
    done = subprocess.run([sys.executable, BENCH / script, *options], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["context-encoder", "oa-gan", "two-stage", "din-unmask", "double-discriminator"])
def test_memory_of_training(name: str) -> None:
    assert "MB after 2 steps" in bench("train_memory.py", "--baseline", name, "--steps", "2", "--set", "log_every=1")


def test_speed_of_metrics() -> None:
    assert "times" in bench("metrics_speed.py", "--pairs", "100", "--repeats", "1", "--workers", "1")


@pytest.mark.real
def test_speed_of_training(shared: Path) -> None:
    options = ("--size", "64", "--width", "4", "--batch", "2", "--repeats", "1")
    assert "ratio" in bench("train_speed.py", *options, weights=shared / "models")
