"""Landmarks and boxes that the source brings along."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import create
from occbench.landmarks.alignment import five_points
from occbench.landmarks.checks import check

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]
Sources = Callable[..., Source]

BLANK = np.zeros((200, 200, 3), np.uint8)


def with_points(face: Face, points: Array) -> Face:
    return replace(face, points=tuple(map(tuple, points.tolist())))


def test_68_points_are_taken_as_they_are(make_source: Sources, face: Face, frontal: Array) -> None:
    found = create("supplied", make_source(supplies=True)).detect(BLANK, with_points(face, frontal))
    assert (found.points == frontal).all()
    assert found.warnings == ()


def test_5_points_are_fitted(make_source: Sources, face: Face, frontal: Array) -> None:
    found = create("supplied", make_source(supplies=True)).detect(BLANK, with_points(face, five_points(frontal)))
    assert found.points == pytest.approx(frontal, abs=1e-6)
    assert found.warnings == ("fitted-from-5-points",)


def test_a_box_leads_to_points_inside_it(astronaut: Image, make_source: Sources, face: Face) -> None:
    found = create("supplied", make_source(supplies=True)).detect(astronaut, replace(face, box=(183.0, 65.0, 263.0, 172.0)))
    eyes = five_points(found.points)[:2]
    assert eyes == pytest.approx(np.array([(203, 102), (247, 103)]), abs=5)


def test_5_points_of_a_mirrored_face_are_not_trusted(make_source: Sources, face: Face, frontal: Array) -> None:
    mirrored = five_points(frontal)[[1, 0, 2, 4, 3]]
    found = create("supplied", make_source(supplies=True)).detect(BLANK, with_points(face, mirrored))
    with pytest.raises(Rejected, match="bad-geometry"):
        check(found.points, 200, 200)


@pytest.mark.parametrize(
    "box", [(300.0, 10.0, 400.0, 110.0), (50.0, 50.0, 50.0, 90.0), (float("nan"), 0.0, 9.0, 9.0)], ids=["outside", "empty", "nan"]
)
def test_a_box_that_cannot_be(make_source: Sources, face: Face, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(Rejected, match="no-landmarks"):
        create("supplied", make_source(supplies=True)).detect(BLANK, replace(face, box=box))


def test_seven_points_are_refused(make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected, match="68 or 5"):
        create("supplied", make_source(supplies=True)).detect(BLANK, with_points(face, np.ones((7, 2))))


def test_nothing_supplied(make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected, match="neither points nor a box"):
        create("supplied", make_source(supplies=True)).detect(BLANK, face)


def test_a_source_that_supplies_nothing_is_refused_at_once(make_source: Sources) -> None:
    with pytest.raises(UsageError, match="'fake' supplies no landmarks"):
        create("supplied", make_source())
