"""Landmarks and boxes that the source brings along."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import create, default, refined
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
    "box",
    [(300.0, 10.0, 400.0, 110.0), (50.0, 50.0, 50.0, 90.0), (float("nan"), 0.0, 9.0, 9.0), (0.0, 0.0, 1e300, 1e300)],
    ids=["outside", "empty", "nan", "huge"],
)
def test_a_box_that_cannot_be(make_source: Sources, face: Face, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(Rejected, match="no-landmarks"):
        create("supplied", make_source(supplies=True)).detect(BLANK, replace(face, box=box))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e308])
@pytest.mark.parametrize("detector", ["supplied", "supplied-dlib"])
def test_points_that_cannot_be(make_source: Sources, face: Face, frontal: Array, detector: str, value: float) -> None:
    points = five_points(frontal)
    points[1, 0] = value
    with pytest.raises(Rejected, match="bad-geometry"):
        create(detector, make_source(supplies=True)).detect(BLANK, with_points(face, points))


def test_seven_points_are_refused(make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected, match="68 or 5"):
        create("supplied", make_source(supplies=True)).detect(BLANK, with_points(face, np.ones((7, 2))))


def test_nothing_supplied(make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected, match="neither points nor a box"):
        create("supplied", make_source(supplies=True)).detect(BLANK, face)


def test_a_source_that_supplies_nothing_is_refused_at_once(make_source: Sources) -> None:
    with pytest.raises(UsageError, match="'fake' supplies no landmarks"):
        create("supplied", make_source())


# Refined by dlib's predictor


def shifted(monkeypatch: pytest.MonkeyPatch, points: Array, millimetres: float) -> None:
    """dlib's predictor sees these points so far to the right."""
    offset = (millimetres * 42 / 63, 0)
    monkeypatch.setattr(refined, "predict", lambda image, box: points + offset)


def test_5_points_lead_to_those_that_dlib_finds(astronaut: Image, make_source: Sources, face: Face) -> None:
    source = make_source(supplies=True)
    detected = create("dlib", source).detect(astronaut, face).points
    given = with_points(face, five_points(detected))
    found = create("supplied-dlib", source).detect(astronaut, given)
    fitted = create("supplied", source).detect(astronaut, given)
    assert np.abs(found.points - detected).mean() < 2
    assert np.abs(found.points - detected).mean() < np.abs(fitted.points - detected).mean()
    assert found.warnings == ()
    assert found.detector.startswith("supplied-dlib dlib ")


def test_the_box_that_average_points_imply_is_dlibs(make_source: Sources, face: Face, frontal: Array) -> None:
    (left, top, right, bottom), scale = refined._box(frontal)
    assert scale == pytest.approx(42 / 63, rel=1e-3)
    assert (right - left, bottom - top) == pytest.approx((155 * scale, 155 * scale))
    assert left < frontal[17:, 0].min()
    assert right > frontal[17:, 0].max()
    assert top < frontal[17:27, 1].min()
    assert bottom < frontal[8, 1]  # it ends above the chin


def test_the_box_is_taken_as_supplied_takes_it(astronaut: Image, make_source: Sources, face: Face) -> None:
    boxed, source = replace(face, box=(183.0, 65.0, 263.0, 172.0)), make_source(supplies=True)
    found = create("supplied-dlib", source).detect(astronaut, boxed)
    assert (found.points == create("supplied", source).detect(astronaut, boxed).points).all()


@pytest.mark.parametrize(
    ("millimetres", "codes"), [(0, ()), (13, ()), (15, ("landmarks-disagree",)), (19, ("landmarks-disagree",))]
)
def test_disagreement_is_a_warning(
    millimetres: float,
    codes: tuple[str, ...],
    make_source: Sources,
    face: Face,
    frontal: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shifted(monkeypatch, frontal, millimetres)
    given = with_points(face, five_points(frontal))
    assert create("supplied-dlib", make_source(supplies=True)).detect(BLANK, given).warnings == codes


def test_a_face_that_dlib_sees_elsewhere_is_refused(
    make_source: Sources, face: Face, frontal: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifted(monkeypatch, frontal, 21)
    with pytest.raises(Rejected, match="landmarks-disagree"):
        create("supplied-dlib", make_source(supplies=True)).detect(BLANK, with_points(face, frontal))


@pytest.mark.parametrize("offset", [1e4, 1e12])
def test_points_outside_the_photograph_are_not_refined(make_source: Sources, face: Face, frontal: Array, offset: float) -> None:
    with pytest.raises(Rejected, match="bad-geometry"):
        create("supplied-dlib", make_source(supplies=True)).detect(BLANK, with_points(face, five_points(frontal) + offset))


def test_nothing_supplied_nothing_refined(make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected, match="neither points nor a box"):
        create("supplied-dlib", make_source(supplies=True)).detect(BLANK, face)
    with pytest.raises(UsageError, match="'fake' supplies no landmarks"):
        create("supplied-dlib", make_source())


def test_what_is_supplied_is_the_default(make_source: Sources) -> None:
    assert default(make_source(supplies=True)) == ("supplied",)
    assert default(make_source()) == ("dlib",)


@pytest.mark.real
def test_refined_points_are_nearer_to_dlibs_own_than_fitted_ones(shared: Path) -> None:
    source = open_source("celeba", shared / "data" / "celeba")
    detectors = {name: create(name, source) for name in ("dlib", "supplied", "supplied-dlib")}
    apart: dict[str, list[float]] = {"supplied": [], "supplied-dlib": []}
    for face in islice(source.faces(), 0, None, 25):
        image = decode(read_bytes(face.path))
        try:
            points = {name: detector.detect(image, face).points for name, detector in detectors.items()}
        except Rejected:
            continue
        for name, gaps in apart.items():
            gaps += np.hypot(*(points[name] - points["dlib"]).T).tolist()
    assert len(apart["supplied"]) >= 68 * 35
    assert np.percentile(apart["supplied"], (50, 95)).tolist() < [2.2, 11]
    assert np.percentile(apart["supplied-dlib"], (50, 95)).tolist() < [1.2, 4]
