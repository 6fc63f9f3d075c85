"""Does a data set on disk hold what its manifest promises? Every file is read, decoded and hashed again."""

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from occbench.atomic import TEMPORARY
from occbench.errors import Rejected
from occbench.images import decode_exact, pixel_sha256, read_bytes
from occbench.manifest import MANIFEST, count, read
from occbench.manifest.natural import NATURAL, count_natural, is_natural, read_natural
from occbench.manifest.splits import overlaps
from occbench.processes import available, mapped

KINDS = {
    "missing": "file of the manifest that is not there",
    "link": "symbolic link that leads out of the data set, and is not followed",
    "unreadable": "file that is no lossless 8-bit image of the right kind",
    "size": "image of another size than the manifest says",
    "changed": "image whose pixels are not those of the manifest",
    "leak": "occluded image that differs from the clean one where its mask is 0",
    "bare": "occluded image that nowhere differs from the clean one inside its mask",
    "identity": "person in more than one split",
    "extra": "file that no row of the manifest names",
    "leftover": "temporary file of a run that was interrupted",
}
FOLDERS = ("clean", "occluded", "mask")
NATURAL_FOLDERS = ("images",)
_TASK = 64  # rows

Image = npt.NDArray[np.uint8]


class Problem(NamedTuple):
    """One thing that is not as promised: a key of `KINDS`, the path (or the identity) concerned, and a sentence."""

    kind: str
    path: str
    detail: str


@dataclass
class Report:
    """What verification found; the same for any number of workers.

    Attributes:
        rows: of the manifest, all of them checked.
        files: that the manifest names; 0 where only it was looked at.
        counts: problems of each kind that occurred.
        problems: the first of them: rows in the manifest's order, then identities, then files that should not be there.
    """

    rows: int = 0
    files: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Everything is as promised."""
        return not self.counts

    def document(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "ok": self.ok,
            "rows": self.rows,
            "files": self.files,
            "counts": dict(sorted(self.counts.items())),
            "problems": [problem._asdict() for problem in self.problems],
        }


class _File(NamedTuple):
    path: str
    sha256: str
    shape: tuple[int, ...]


class _Row(NamedTuple):
    """The images of a pair; of a natural photograph, that one image alone."""

    clean: _File
    occluded: _File | None = None
    mask: _File | None = None


def total(directory: Path) -> int:
    """How many rows `verify` will look at; raises as it does."""
    return count_natural(directory / NATURAL) if is_natural(directory) else count(directory / MANIFEST)


def verify(
    directory: Path,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    keep: int = 1000,
    *,
    images: bool = True,
) -> Report:
    """Compare a data set, or a natural set, with its manifest.

    Checked are: every pixel hash and size; that occluded and clean image are equal wherever the mask is 0, and differ somewhere
    else; that no identity is in two splits; that `clean/`, `occluded/` and `mask/` (of a natural set: `images/`) hold nothing else.

    Args:
        directory: of the manifest.
        workers: processes; default all cores.
        progress: called with the number of rows checked so far.
        keep: how many problems the report lists; all are counted.
        images: False looks at the manifest alone: every value in bounds, no pair id twice, no identity in two splits. Memory
            grows by some 24 bytes a row.

    Raises:
        InputError: no manifest, or one that cannot be read.
        RunError: a worker process died.
    """
    root, natural = directory.resolve(), is_natural(directory)
    check = _check if images else _pass
    report, expected, seen = Report(), array("q"), set[int]()
    people: dict[tuple[str, str], None] = {}

    def add(problems: Iterable[Problem]) -> None:
        for problem in problems:
            if hash(problem) not in seen:  # a clean image serves many rows
                seen.add(hash(problem))
                report.counts[problem.kind] += 1
                report.problems += [problem] if len(report.problems) < keep else []

    def sights() -> Iterator[_Row]:
        for sight in read_natural(directory / NATURAL):
            people[f"{sight.source}/{sight.identity}", sight.split] = None
            if images:
                expected.append(hash(sight.path))
            yield _Row(_File(sight.path, sight.sha256, (sight.height, sight.width, 3)))

    def rows() -> Iterator[_Row]:
        for pair in read(directory / MANIFEST):
            people[f"{pair.source}/{pair.identity}", pair.split] = None
            if images:
                expected.extend(map(hash, (pair.clean_path, pair.occluded_path, pair.mask_path)))
            gray = (pair.height, pair.width)
            yield _Row(
                _File(pair.clean_path, pair.clean_sha256, (*gray, 3)),
                _File(pair.occluded_path, pair.occluded_sha256, (*gray, 3)),
                _File(pair.mask_path, pair.mask_sha256, gray),
            )

    useful = max(1, total(directory) // _TASK)
    tasks = ((root, task) for task in _tasks(sights() if natural else rows()))
    for checked, problems in mapped(check, tasks, min(workers or available(), useful) if images else 1):
        add(problems)
        report.rows += checked
        progress(report.rows)
    add(Problem("identity", identity, f"in {' and '.join(splits)}") for identity, splits in overlaps(people).items())
    known = np.unique(np.array(expected, np.int64))
    report.files = len(known)
    if images:
        add(_strangers(root, known, NATURAL_FOLDERS if natural else FOLDERS))
    return report


def _tasks(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Rows in pieces, cut where the clean image changes if that comes soon."""
    task: list[_Row] = []
    for row in rows:
        if len(task) >= _TASK and (task[-1].clean != row.clean or len(task) >= 16 * _TASK):
            yield task
            task = []
        task.append(row)
    if task:
        yield task


def _check(work: tuple[Path, list[_Row]]) -> tuple[int, list[Problem]]:
    """Check some rows; a clean image is read and hashed once for all rows that follow each other."""
    root, rows = work
    problems: list[Problem] = []
    for file, group in groupby(rows, key=lambda row: row.clean):
        clean = _image(root, file, problems)
        for row in group:
            if row.occluded is None or row.mask is None:
                continue
            occluded, mask = _image(root, row.occluded, problems), _image(root, row.mask, problems)
            if clean is None or occluded is None or mask is None:
                continue
            red, green, blue = np.moveaxis(occluded != clean, 2, 0)
            differs = red | green | blue  # any(axis=2), six times as fast
            leaking = np.count_nonzero(differs & (mask == 0))
            if leaking:
                problems.append(Problem("leak", row.occluded.path, f"{leaking} pixels differ from {file.path} where the mask is 0"))
            if leaking == np.count_nonzero(differs):
                problems.append(Problem("bare", row.occluded.path, f"equals {file.path} wherever its mask is above 0"))
    return len(rows), problems


def _pass(work: tuple[Path, list[_Row]]) -> tuple[int, list[Problem]]:
    """Rows whose files nobody asked for: that they could be read was the check."""
    return len(work[1]), []


def _image(root: Path, file: _File, problems: list[Problem]) -> Image | None:
    """The pixels, where there are any of the right shape; whatever is not as promised is added to the problems."""
    try:
        real = (root / file.path).resolve(strict=True)
        if not real.is_relative_to(root):
            problems.append(Problem("link", file.path, "leads out of the data set"))
            return None
        image = decode_exact(read_bytes(real))
    except FileNotFoundError:
        problems.append(Problem("missing", file.path, "no such file"))
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        problems.append(Problem("unreadable", file.path, str(error)))
        return None
    except Rejected as error:
        problems.append(Problem("unreadable", file.path, error.detail))
        return None
    if image.shape != file.shape:
        found, promised = ("×".join(map(str, shape)) for shape in (image.shape, file.shape))
        problems.append(Problem("size", file.path, f"{found}, but the manifest says {promised} (height × width × channels)"))
        return None
    if pixel_sha256(image) != file.sha256:
        problems.append(Problem("changed", file.path, f"its pixels are not those with the hash {file.sha256[:12]}…"))
    return image


def _strangers(root: Path, known: npt.NDArray[np.int64], folders: Iterable[str]) -> Iterator[Problem]:
    """Files that no row names. `known` are sorted hashes of paths: eight bytes a file are enough to recognise one."""
    for entry in sorted(root.glob(".*.tmp")):
        if TEMPORARY.fullmatch(entry.name):
            yield _leftover(entry.name)
    for folder in folders:
        for parent, below, files in os.walk(root / folder):
            below.sort()
            links = [name for name in below if (Path(parent) / name).is_symlink()]
            for name in sorted([*files, *links]):
                path = (Path(parent) / name).relative_to(root).as_posix()
                at = int(np.searchsorted(known, hash(path)))
                if TEMPORARY.fullmatch(name):
                    yield _leftover(path)
                elif at == len(known) or known[at] != hash(path):
                    yield Problem("extra", path, "no row of the manifest names it")


def _leftover(path: str) -> Problem:
    return Problem("leftover", path, "may be deleted when no run is going on")
