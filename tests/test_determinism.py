"""The same pixels with and without vector units. Other versions of OpenCV are compared by `make determinism`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("determinism_digest.py")
ONE_BY_ONE = {"OPENCV_CPU_DISABLE": "SSE4.1,SSE4.2,AVX,FP16,FMA3,AVX2,AVX512-SKX", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}


def digests(**environment: str) -> dict[str, str]:
    """Item to sha256."""
    command = [sys.executable, "-W", "ignore", str(SCRIPT)]  # NumPy warns of features that this machine does not have
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return {item: sha256 for sha256, _, item in (line.partition(" ") for line in done.stdout.splitlines())}


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    return digests()


def test_every_occluder_is_looked_at(here: dict[str, str]) -> None:
    from occbench.occluders import OCCLUDERS, create

    for name in OCCLUDERS:
        for variant in create(name).variants:
            assert f"frontal {name} {variant} pixels" in here
            assert f"astronaut-uncropped {name} {variant} pixels" in here


def test_a_mesh_and_five_points_are_looked_at(here: dict[str, str]) -> None:
    assert here["turned-left-mesh mask surgical pixels"] != here["turned-left mask surgical pixels"]
    assert "five-points mask surgical pixels" in here


def test_vector_units_change_nothing(here: dict[str, str]) -> None:
    without = digests(**ONE_BY_ONE)
    assert {item for item in here if without[item] != here[item]} == set()


def test_threads_change_nothing(here: dict[str, str]) -> None:
    alone = digests(OPENCV_FOR_THREADS_NUM="1", OMP_NUM_THREADS="1")
    assert {item for item in here if alone[item] != here[item]} == set()
