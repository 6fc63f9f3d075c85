"""The chain of detectors: the first whose landmarks look like a face gives them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import Detector, Landmarks, create, default
from occbench.landmarks.cache import Cache
from occbench.landmarks.checks import check


class Locator:
    """Locates the subject of photographs of one source. Cheap to make: models are loaded when the first photograph needs one.

    A context manager: on leaving, answers that are still in memory reach the cache.

    Args:
        source: of the photographs.
        names: of the detectors, in the order of asking; None for the source's default.
        cache: folder for answers on disk (`weights.user_cache()` by default on the command line), or None for no cache.

    Raises:
        UsageError: no detectors, an unknown one, one named twice, or one that this source cannot use.
        InputError: a model file is missing.
    """

    def __init__(self, source: Source, names: Sequence[str] | None, cache: Path | None) -> None:
        names = default(source) if names is None else names
        if not names or len(set(names)) < len(names):
            raise UsageError(f"Name each landmark detector once, and at least one, instead of {','.join(names)!r}.")
        self._detectors = {name: create(name, source) for name in names}
        self._cache = Cache(cache) if cache else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._cache:
            self._cache.close()

    @property
    def signatures(self) -> tuple[str, ...]:
        """Of its detectors, in the order of asking: what answers depend on, besides the photograph."""
        return tuple(detector.signature for detector in self._detectors.values())

    def locate(self, image: npt.NDArray[np.uint8], source_sha256: str, face: Face) -> Landmarks:
        """The landmarks of the subject, checked, rounded to 0.1 px.

        Args:
            image: (H, W, 3) uint8 RGB.
            source_sha256: of the photograph's file; with the detector's signature, the key of the cache.
            face: the record that the photograph belongs to.

        Raises:
            Rejected: no detector gives a face that passes the checks. The reason is the first detector's, the detail has all.
        """
        height, width = image.shape[:2]
        failures: dict[str, Rejected] = {}
        for name, detector in self._detectors.items():
            try:
                found = self._ask(detector, image, source_sha256, face)
                check(found.points, width, height)
                return found
            except Rejected as rejected:
                failures[name] = rejected
        detail = "; ".join(f"{name}: {rejected.detail}" for name, rejected in failures.items())
        raise Rejected(next(iter(failures.values())).reason, detail)

    def _ask(self, detector: Detector, image: npt.NDArray[np.uint8], source_sha256: str, face: Face) -> Landmarks:
        """The detector's answer, from the cache where it has one."""
        cache = self._cache if detector.cacheable else None
        answer = cache.get(source_sha256, detector.signature) if cache else None
        if answer is None:
            try:
                found = detector.detect(image, face)
                answer = replace(found, points=np.rint(found.points * 10) / 10)
            except Rejected as rejected:
                answer = rejected
            if cache:
                cache.put(source_sha256, detector.signature, answer)
        if isinstance(answer, Rejected):
            raise answer
        return answer
