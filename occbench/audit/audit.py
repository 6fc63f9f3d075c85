"""The audit: who and what is in two splits, under two names, or there twice, in one data set or across several."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from occbench.atomic import writing
from occbench.audit.looks import SIDE, alike, flat, hashes, look
from occbench.audit.photographs import Photograph, Photographs
from occbench.processes import available, mapped

EVIDENCE = {
    "identity": "the same identity of the same source",
    "file": "the same photograph, byte for byte (source_sha256)",
    "pixels": "the same clean pixels (clean_sha256)",
    "near": "near-duplicate clean images",
    "name": "the same name in two sources: possibly the same person",
}
RELATIONS = {"splits": "in two splits", "identities": "under two identities of one source", "other": "otherwise"}
PROOF = ("identity", "file", "pixels", "near")  # a name is none

_TASK = 64  # images
_SHOWN = 8  # photographs of a finding

Positions = npt.NDArray[np.int64]


class Finding(NamedTuple):
    """What belongs together and should not be where it is.

    Attributes:
        evidence: a key of `EVIDENCE`: how one knows that it belongs together.
        relation: a key of `RELATIONS`: what is wrong with that; the first that holds.
        size: how many photographs of the audited sets.
        photographs: the first of them (eight at most), each with folder, source, identity, split and image_id.
        similarity: of near-duplicates, 0 to 1.
    """

    evidence: str
    relation: str
    size: int
    photographs: list[dict[str, str]]
    similarity: float | None = None


@dataclass
class Report:
    """What an audit found; the same for any number of workers.

    Attributes:
        photographs, people: how many different ones were looked at.
        unseen: clean images that are not there or cannot be read: near-duplicates among them are not found.
        counts: findings by (evidence, relation).
        findings: the first of each.
    """

    photographs: int = 0
    people: int = 0
    unseen: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def leaks(self) -> int:
        """Findings across splits. Equal names prove nothing, and are not counted."""
        return sum(self.counts[evidence, "splits"] for evidence in PROOF)

    def document(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "leaks": self.leaks,
            "photographs": self.photographs,
            "people": self.people,
            "unseen": self.unseen,
            "counts": {evidence: {relation: self.counts[evidence, relation] for relation in RELATIONS} for evidence in EVIDENCE},
            "findings": [finding._asdict() for finding in self.findings],
        }


class _Group(NamedTuple):
    """A finding before names are read: positions of some of its photographs."""

    evidence: str
    relation: str
    size: int
    members: list[int]
    similarity: float | None = None


def audit(
    folders: Sequence[Path],
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    keep: int = 100,
) -> Report:
    """Look for people and photographs that are in two splits, in one of some data sets or across them, and for what may be such.

    Args:
        folders: of data sets and natural sets, each once.
        workers: processes that look at images; default all cores.
        progress: called with the number of images looked at, and of all.
        keep: how many findings of each evidence and relation the report lists; all are counted.

    Raises:
        UsageError, InputError: unusable folders.
        RunError: a process died, or the disk for temporary files is full: it takes 1 KiB an image.
    """
    every = Photographs(folders)
    report = Report(len(np.unique(every.photo)), len(np.unique(every.person)))
    groups: list[_Group] = []
    for group in chain(
        _equal(every, "identity", every.person),
        _equal(every, "file", every.file),
        _equal(every, "pixels", every.pixels),
        _near(every, report, workers or available(), progress),
        _namesakes(every),
    ):
        report.counts[group.evidence, group.relation] += 1
        if report.counts[group.evidence, group.relation] <= keep:
            groups.append(group)
    details = every.at({member for group in groups for member in group.members})
    order = list(RELATIONS)
    for group in sorted(groups, key=lambda group: order.index(group.relation)):
        shown = [_told(every.folders[details[member].data], details[member]) for member in group.members]
        report.findings.append(Finding(group.evidence, group.relation, group.size, shown, group.similarity))
    return report


def _equal(every: Photographs, evidence: str, key: Positions) -> Iterator[_Group]:
    """Photographs with an equal key, where something is wrong with that."""
    for members in _groups(key, every.split, every.person, every.photo):
        splits, people, worlds, photos, files = (
            len(np.unique(column[members])) > 1 for column in (every.split, every.person, every.world, every.photo, every.file)
        )
        relation = "splits" if splits else "identities" if people and not worlds else "other" if photos else ""
        if evidence == "identity" and not splits:
            continue  # nothing is wrong with a person's having several photographs
        if evidence == "pixels" and not files:
            continue  # told as the same file
        if relation:
            yield _Group(evidence, relation, len(members), _some(every, members))


def _near(every: Photographs, report: Report, workers: int, progress: Callable[[int, int], None]) -> Iterator[_Group]:
    """Pairs of images that look alike. Each distinct image is looked at once, and its grays wait in a temporary file."""
    image, first = _distinct(every.pixels)
    if not len(first):
        return
    with ExitStack() as stack:
        with writing(Path(tempfile.gettempdir())):
            file = stack.enter_context(tempfile.TemporaryFile())
            os.posix_fallocate(file.fileno(), 0, SIDE * SIDE * len(first))  # now: a full disk would kill the process later
        seen = np.memmap(file, np.uint8, "r+", shape=(len(first), SIDE, SIDE))
        found, usable = np.zeros(len(first), np.uint64), np.zeros(len(first), np.bool_)
        waiting, left = np.ones(len(first), np.bool_), len(first)
        for data in range(len(every.folders)):  # what one of them lacks another may have
            places = np.flatnonzero((every.data == data) & waiting[image])
            places = places[_distinct(image[places])[1]]
            if not len(places):
                continue
            looks = mapped(look, _tasks(every, data, places), min(workers, max(1, len(places) // _TASK)))
            for grays, readable in looks:
                here, places = image[places[: len(grays)]], places[len(grays) :]
                seen[here], found[here], usable[here], waiting[here] = grays, hashes(grays), readable & ~flat(grays), ~readable
                left -= int(np.count_nonzero(readable))
                progress(len(first) - left, len(first))
        report.unseen = left
        progress(len(first), len(first))
        pairs = [(first[one], first[other], similar) for one, other, similar in alike(seen, found, np.flatnonzero(usable))]
    one, other, similar = (np.concatenate(column) for column in zip(*pairs, strict=True))
    for number in np.lexsort((other, one)):
        a, b = int(one[number]), int(other[number])
        if every.file[a] == every.file[b]:
            continue  # one photograph, cropped by two detectors
        if every.split[a] != every.split[b]:
            relation = "splits"
        elif every.person[a] != every.person[b] and every.world[a] == every.world[b]:
            relation = "identities"
        elif every.photo[a] != every.photo[b]:
            relation = "other"
        else:
            continue  # another copy of the same photograph of the same source
        yield _Group("near", relation, 2, [a, b], round(float(similar[number]), 4))


def _namesakes(every: Photographs) -> Iterator[_Group]:
    """People of different sources with equal names."""
    names, at, person = every.names
    for members in _groups(names, every.world[at]):
        _, people = np.unique(person[members], return_index=True)
        splits = len(np.unique(every.split[at[members]])) > 1
        yield _Group("name", "splits" if splits else "other", len(people), _some(every, at[members]))


def _groups(key: Positions, *columns: npt.NDArray[Any]) -> Iterator[Positions]:
    """Positions with equal keys, ascending, where a column differs inside the group; in the order of their first positions."""
    if not len(key):
        return
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    ends = np.append(starts[1:], len(key))
    differs = np.zeros(len(starts), np.bool_)
    for column in columns:
        values = column[order]
        differs |= np.minimum.reduceat(values, starts) != np.maximum.reduceat(values, starts)
    groups = np.flatnonzero(differs)
    for group in groups[np.argsort(order[starts[groups]])]:
        yield order[starts[group] : ends[group]]


def _some(every: Photographs, members: Positions) -> list[int]:
    """A few photographs of a group: of each person in each split the first, then the first of the others."""
    kinds: dict[tuple[int, int, int], int] = {}
    for member in members.tolist():
        kinds.setdefault((int(every.split[member]), int(every.person[member]), int(every.data[member])), member)
    rest = (member for member in members[: 2 * _SHOWN].tolist() if member not in kinds.values())
    return sorted([*kinds.values(), *rest][:_SHOWN])


def _tasks(every: Photographs, data: int, wanted: Positions) -> Iterator[tuple[Path, list[str]]]:
    """The images of one folder at some positions, which ascend, in pieces."""
    root, start = every.folders[data].resolve(), int(np.searchsorted(every.data, data))
    chosen = np.zeros(len(every) - start, np.bool_)
    chosen[wanted - start] = True
    paths = (photograph.path for photograph, here in zip(every.of(data), chosen, strict=False) if here)
    while piece := list(islice(paths, _TASK)):
        yield root, piece


def _distinct(values: Positions) -> tuple[Positions, Positions]:
    """Each value's number, counted as they come for the first time, and the positions of these: (N,) and (distinct,) int64."""
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    numbers = np.empty_like(order)
    numbers[order] = np.arange(len(order))
    return numbers[which], first[order]


def _told(folder: Path, photograph: Photograph) -> dict[str, str]:
    return {"folder": str(folder), **{name: getattr(photograph, name) for name in ("source", "identity", "split", "image_id")}}
