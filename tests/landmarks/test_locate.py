"""The chain of detectors, with its checks and its cache."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench import landmarks
from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks
from occbench.landmarks.locate import Locator

Array = npt.NDArray[np.float64]
Sources = Callable[..., Source]

IMAGE = np.zeros((200, 200, 3), np.uint8)


class Fake:
    """A detector with a fixed answer that counts how often it is asked."""

    cacheable = True

    def __init__(self, name: str, answer: Array | None) -> None:
        self.name, self.signature, self._answer, self.asked = name, f"{name} 1", answer, 0

    def __call__(self, source: Source) -> "Fake":
        return self

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        self.asked += 1
        if self._answer is None:
            raise Rejected("no-face", f"{self.name} sees nobody")
        return Landmarks(self._answer, self.signature)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, frontal: Array) -> dict[str, Fake]:
    """`blind` sees nobody, `drunk` sees scattered points, `good` the average face."""
    made = {"blind": Fake("blind", None), "drunk": Fake("drunk", frontal[::-1]), "good": Fake("good", frontal)}
    monkeypatch.setattr(landmarks, "DETECTORS", {name: f"{__name__}:{name}" for name in made})
    monkeypatch.setattr("occbench.registry.load", lambda kind, builtin, name: made[name])
    return made


def test_the_first_that_finds_a_face_gives_it(make_source: Sources, face: Face, fakes: dict[str, Fake]) -> None:
    found = Locator(make_source(), ["blind", "drunk", "good"], None).locate(IMAGE, "abc", face)
    assert found.detector == "good 1"


def test_later_ones_are_not_asked(make_source: Sources, face: Face, fakes: dict[str, Fake]) -> None:
    Locator(make_source(), ["good", "blind"], None).locate(IMAGE, "abc", face)
    assert fakes["blind"].asked == 0


def test_points_are_rounded_to_tenths(make_source: Sources, face: Face, fakes: dict[str, Fake]) -> None:
    tenths = Locator(make_source(), ["good"], None).locate(IMAGE, "abc", face).points * 10
    assert (tenths == np.rint(tenths)).all()


def test_all_reasons_are_told(make_source: Sources, face: Face, fakes: dict[str, Fake]) -> None:
    with pytest.raises(Rejected) as rejected:
        Locator(make_source(), ["blind", "drunk"], None).locate(IMAGE, "abc", face)
    assert rejected.value.reason == "no-face"
    assert rejected.value.detail.startswith("blind: blind sees nobody; drunk: ")


def test_a_second_run_does_not_detect_again(make_source: Sources, face: Face, fakes: dict[str, Fake], tmp_path: Path) -> None:
    for _ in range(2):
        with Locator(make_source(), ["blind", "drunk", "good"], tmp_path) as locator:
            found = locator.locate(IMAGE, "abc", face)
    assert found.detector == "good 1"
    assert [fake.asked for fake in fakes.values()] == [1, 1, 1]


def test_the_cache_gives_what_the_detector_gave(make_source: Sources, face: Face, fakes: dict[str, Fake], tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        with Locator(make_source(), ["good"], tmp_path) as locator:
            found.append(locator.locate(IMAGE, "abc", face).points)
    assert (found[0] == found[1]).all()


def test_detectors_that_are_not_cacheable_are_asked_again(
    make_source: Sources, face: Face, fakes: dict[str, Fake], tmp_path: Path
) -> None:
    fakes["good"].cacheable = False
    for _ in range(2):
        with Locator(make_source(), ["good"], tmp_path) as locator:
            locator.locate(IMAGE, "abc", face)
    assert fakes["good"].asked == 2


@pytest.mark.parametrize("names", [[], ["canonical", "canonical"]])
def test_names_once_each(make_source: Sources, names: list[str]) -> None:
    with pytest.raises(UsageError, match="once"):
        Locator(make_source(mean_box=(0.3, 0.3, 0.7, 0.7)), names, None)


def test_an_unknown_detector(make_source: Sources) -> None:
    with pytest.raises(UsageError, match="Did you mean 'dlib'"):
        Locator(make_source(), ["dlip"], None)


def test_with_the_last_resort_every_photograph_of_an_aligned_source_has_landmarks(make_source: Sources, face: Face) -> None:
    source = make_source(centred=True, mean_box=(0.286, 0.321, 0.709, 0.744))
    noise = np.random.Generator(np.random.Philox(1)).integers(0, 256, (250, 250, 3), dtype=np.uint8)
    assert Locator(source, ["dlib", "canonical"], None).locate(noise, "abc", face).warnings == ("average-geometry",)
