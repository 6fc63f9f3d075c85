"""Manifest rows that somebody else wrote: whatever they hold, a row is rendered or refused, quickly and in little memory."""

import copy
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import Rejected
from occbench.faces import Face
from occbench.landmarks import Landmarks, alignment
from occbench.landmarks.head import POINTS
from occbench.occluders import OCCLUDERS, create
from occbench.synthesis.pair import Photograph, clean_image, plan_pair, prepare, render_pair
from occbench.synthesis.recipe import Recipe, resolve

# What rebuilding turns into a reject.
REFUSED = (Rejected, ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError)
VALUES: tuple[Any, ...] = (
    None,
    "text",
    "",
    True,
    -1,
    0,
    50.0,
    1e12,
    1e308,
    -1e308,
    2**70,
    math.nan,
    [],
    {},
    [1e308] * 3,
    [[]],
    [[[0]]],
)


def prepared(image: npt.NDArray[np.uint8], recipe: Recipe) -> Photograph:
    face = Face("folder", "ann/1.jpg", Path("1.jpg"), "ann", "test")
    return prepare(face, image, "0" * 64, Landmarks(POINTS[:, :2] * 0.76 + (224.0, 111.0), "test 1"), recipe)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Ways to everything inside parameters; of lists only to the first two."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in list(value)[:99] if isinstance(value, dict) else range(min(2, len(value))):
            yield from places(value[key], (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = put(value[path[0]], path[1:], new)
    return value


@pytest.mark.parametrize("occluder", OCCLUDERS)
def test_parameters_may_be_anything(astronaut: npt.NDArray[np.uint8], occluder: str) -> None:
    recipe = resolve({"source": "folder", "occluders": [occluder], "cycle_variants": True, "size": 48}, "test")
    photo = prepared(astronaut, recipe)
    for index in range(2):
        row = plan_pair(photo, occluder, index, recipe, "0000")
        for path in places(row.parameters):
            for value in VALUES:
                changed = put(row.parameters, path, value)
                try:
                    with np.errstate(over="raise", invalid="raise", divide="raise"):
                        occluded, mask = render_pair(replace(row, parameters=changed), photo.clean)
                except REFUSED:
                    continue
                assert np.array_equal(occluded[mask == 0], photo.clean[mask == 0]), (path, value)


@pytest.mark.parametrize("key", ["photo", "style", "colour"])
def test_parameters_may_be_missing(astronaut: npt.NDArray[np.uint8], key: str) -> None:
    recipe = resolve({"source": "folder"}, "test")
    photo = prepared(astronaut, recipe)
    row = plan_pair(photo, "mask", 0, recipe, "0000")
    with pytest.raises(KeyError, match=key):
        render_pair(replace(row, parameters={k: v for k, v in row.parameters.items() if k != key}), photo.clean)


@pytest.mark.parametrize("style", ["../cups/mug", "nothing", "", "surgical-a.png"])
def test_only_textures_that_exist_are_opened(astronaut: npt.NDArray[np.uint8], style: str) -> None:
    recipe = resolve({"source": "folder"}, "test")
    photo = prepared(astronaut, recipe)
    row = plan_pair(photo, "mask", 0, recipe, "0000")
    with pytest.raises(ValueError, match="no texture"):
        render_pair(replace(row, parameters={**row.parameters, "style": style}), photo.clean)


def test_a_face_far_larger_than_the_frame_is_refused(astronaut: npt.NDArray[np.uint8]) -> None:
    recipe = resolve({"source": "folder"}, "test")
    photo = prepared(astronaut, recipe)
    row = plan_pair(photo, "mask", 0, recipe, "0000")
    with pytest.raises(ValueError, match="px a mm"):
        render_pair(replace(row, landmarks=row.landmarks * 20), photo.clean)


@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        ((0.0,) * 6, (128, 128)),
        ((math.nan, 0.0, 0.0, 0.0, 1.0, 0.0), (128, 128)),
        ((1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0), (128, 128)),
        ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (8192, 8192)),
        ((0.5, 0.0, 0.0, 0.0, 0.5, 0.0), (30_000, 2)),
    ],
)
def test_crops_that_nobody_needs_are_refused(
    astronaut: npt.NDArray[np.uint8], matrix: alignment.Matrix, size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="crop"):
        clean_image(astronaut, matrix, *size)


@pytest.mark.parametrize(
    "matrix", [(1e6, 0.0, -1e6, 0.0, 1e6, 1e6), (1e6, 0.0, 0.0, 0.0, 1e-6, 0.0), (0.3, 0.9, 1e6, 1e6, -2.0, 0)]
)
def test_a_strange_crop_is_still_an_image(astronaut: npt.NDArray[np.uint8], matrix: alignment.Matrix) -> None:
    assert clean_image(astronaut, matrix, 64, 32).shape == (32, 64, 3)


@pytest.mark.parametrize("scale", [0.07, 0.31, 0.6, 1.0, 2.3])
def test_a_crop_is_the_same_whole_or_in_bands(
    astronaut: npt.NDArray[np.uint8], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = (scale, 0.1 * scale, -5.3, -0.1 * scale, scale, 2.7)
    whole = clean_image(astronaut, matrix, 61, 47)
    monkeypatch.setattr(alignment, "_SAMPLES", 1)
    assert np.array_equal(clean_image(astronaut, matrix, 61, 47), whole)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says how much memory a process had at most")
def test_large_crops_need_little_memory() -> None:
    code = (
        "import numpy as np\nfrom pathlib import Path\nfrom occbench.synthesis.pair import clean_image\n"
        "clean_image(np.zeros((512, 512, 3), np.uint8), (0.3, 0.0, 900.0, 0.0, 0.3, 900.0), 2048, 2048)\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"  # ru_maxrss counts the parent too
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 500 * 1024  # KiB; one float64 a sample would be 512 MiB


@pytest.mark.parametrize("occluder", OCCLUDERS)
@pytest.mark.parametrize("value", [-1e6, -1.0, 0.0, 30.0, 1e6])
def test_ranges_of_a_recipe_may_be_odd(astronaut: npt.NDArray[np.uint8], occluder: str, value: float) -> None:
    for key in create(occluder).ranges:
        recipe = resolve({"source": "folder", "occluders": {occluder: {"ranges": {key: value}}}, "size": 48}, "test")
        photo = prepared(astronaut, recipe)
        with suppress(Rejected), np.errstate(all="ignore"):
            render_pair(plan_pair(photo, occluder, 0, recipe, "0000"), photo.clean)
