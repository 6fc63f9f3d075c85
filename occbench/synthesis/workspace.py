"""The folder a run writes to: what it may touch there, what is finished, and whether an interrupted run can go on.

Images go straight to their final names, each whole or not at all. A shard counts as finished once its rows are on the disk as
`.occbench/NNNNNN.parquet`; until then resuming makes its files again, with the same bytes. `.occbench/run.json` says what the run
is: a resume with anything else is refused.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self

from occbench.atomic import replacing, writing
from occbench.errors import InputError, OccbenchError, UsageError
from occbench.images import write_atomic
from occbench.manifest import MANIFEST, RECORDS, read

FOLDERS = ("clean", "occluded", "mask")
# Everything else that a data set's folder holds.
FILES = (
    *(MANIFEST, "manifest.csv", "metadata.jsonl", "rejects.csv", "recipe.yaml", "README.md", "croissant.json"),
    *("contact_sheet.png", "distributions.png"),
)
_RUN = "run.json"
_NUMBER = re.compile("[0-9]{6,9}")  # of a shard, as its files are called


class Workspace:
    """The output folder of one run; of several processes, on several machines, where they have joined it.

    Args:
        out: the folder; made if missing.
        run: what identifies the run, plain JSON-able data.
        resume: go on with what is there, if it is the same run.
        overwrite: first delete what an earlier run left there, and nothing else.

    Raises:
        UsageError: the folder is not empty and neither was asked for, or what is there belongs to another run.
        InputError: it cannot be made or written to.
        RunError: the disk is full.
    """

    def __init__(self, out: Path, run: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        self._open(out, run)
        cleared = overwrite and out.is_dir() and self._clear()
        before = _before(out)
        if before is not None and not resume:
            raise UsageError(f"{out} already holds a run: add --resume to go on with it, or --overwrite to delete it first.")
        self._begin(before, cleared)
        if self.finished:
            self._forget()

    @classmethod
    def joined(cls, out: Path, run: Mapping[str, Any]) -> Self:
        """The folder of a run that others may be working in at this moment: nothing of theirs is touched.

        Raises:
            As the constructor does.
        """
        space = cls.__new__(cls)
        space._open(out, run)
        # Looked at in this order: whoever else begins the run writes its record before anything else.
        others = out.is_dir() and any(child != space._work for child in out.iterdir())
        space._begin(_before(out), cleared=not others)
        return space

    @staticmethod
    def record(out: Path) -> dict[str, Any] | None:
        """What identifies the run in `out`; None where there is none.

        Raises:
            InputError: it cannot be read.
        """
        before = _before(out)
        return None if before is None else dict(before["run"])

    def _open(self, out: Path, run: Mapping[str, Any]) -> None:
        self.out, self._work = out, out / RECORDS
        self._run = json.loads(json.dumps(run))
        try:
            if out.exists() and not out.is_dir():
                raise InputError(f"{out} is a file; --out needs a folder.")
        except OSError as error:
            raise InputError(f"{out} cannot be looked at: {error.strerror}. Choose another folder for --out.") from None

    def _begin(self, before: Mapping[str, Any] | None, cleared: bool) -> None:
        """Go on with the run that is there, or begin it."""
        out, run = self.out, self._run
        if before is None and not cleared and out.is_dir() and any(child != self._work for child in out.iterdir()):
            raise UsageError(f"{out} is not empty, and what is there is no run of occbench: choose another folder.")
        if before is not None and before["run"] != run:
            raise UsageError(f"{out} holds another run, which cannot be resumed: {'; '.join(_differences(before['run'], run))}.")
        self.finished = bool(before and before["finished"])
        if before is None:
            try:
                self._work.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"Cannot write to {out}: {error.strerror}. Choose another folder for --out.") from None
            self._say(run, finished=False)

    def shard(self, number: int) -> Path:
        """Where the rows of a shard go; its rejects lie beside it."""
        return self._work / f"{number:06d}.parquet"

    def rejects(self, number: int) -> Path:
        """Where the rejects of a shard go."""
        return self._work / f"{number:06d}.rejects.csv"

    def journal(self, number: int) -> Path:
        """Where a shard lists its images before it writes them."""
        return self._work / f"{number:06d}.files"

    def done(self, number: int) -> bool:
        """The shard is finished."""
        return self.shard(number).exists()

    def adopt(self, part: Path) -> None:
        """Take over the finished shards of the same run in another folder: as links where the file system can, else as copies.

        Raises:
            InputError: what it lists is not there, or no list.
            RunError: the disk is full.
        """
        found = {int(rows.stem): rows for rows in (part / RECORDS).glob("*.parquet") if _NUMBER.fullmatch(rows.stem)}
        for number, rows in sorted(found.items()):
            if self.done(number):
                continue
            files = dict.fromkeys(chain.from_iterable((row.clean_path, row.occluded_path, row.mask_path) for row in read(rows)))
            write_atomic(self.journal(number), "".join(f"{file}\n" for file in files).encode())
            for file in files:
                _link(part, file, self.out / file)
            os.sync()  # copies, before what says that they are there
            _link(part, f"{RECORDS}/{self.rejects(number).name}", self.rejects(number))
            _link(part, f"{RECORDS}/{rows.name}", self.shard(number))

    def finish(self) -> None:
        """The data set is complete: forget the shards, and what killed processes left half written; remember that it is.

        Not before: until all shards are made, a temporary file may be of somebody who is making one.

        Raises:
            RunError: the disk failed.
        """
        with writing(self.out):
            self._sweep()
        self._say(self._run, finished=True)
        self._forget()

    def _forget(self) -> None:
        with writing(self._work):
            for file in self._work.iterdir():
                if file.name != _RUN:
                    file.unlink()

    def _say(self, run: Mapping[str, Any], *, finished: bool) -> None:
        document = json.dumps({"finished": finished, "run": run}, indent=1, sort_keys=True)
        write_atomic(self._work / _RUN, document.encode() + b"\n")

    def _sweep(self) -> None:
        """Remove the temporary files of a killed run."""
        for folder in (*(self.out / name for name in FOLDERS), self._work):
            for leftover in folder.rglob(".*.tmp") if folder.is_dir() else ():
                leftover.unlink(missing_ok=True)
        for leftover in self.out.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)

    def _clear(self) -> bool:
        """Delete what an earlier run made: the files that its manifest or its shards list, and its own records. False: no run."""
        known = [path for path in (self.out / MANIFEST, *sorted(self._work.glob("*.parquet"))) if path.is_file()]
        if not known and not (self._work / _RUN).exists():
            return False
        for _ in self._listed(known):
            pass  # all lists must be readable before anything is deleted
        for path in self._listed(known):
            _unlink_inside(self.out, path)
        with writing(self.out):
            self._sweep()
            for name in FILES:
                (self.out / name).unlink(missing_ok=True)
            for folder in FOLDERS:
                _remove_empty(self.out / folder)
            if self._work.is_dir() and not self._work.is_symlink():
                shutil.rmtree(self._work)
        return True

    def _listed(self, manifests: list[Path]) -> Iterator[str]:
        """Images of finished shards, from manifests, and of shards that were interrupted, from their journals."""
        try:
            for manifest in manifests:
                for row in read(manifest):
                    yield from (row.clean_path, row.occluded_path, row.mask_path)
            for journal in sorted(self._work.glob("*.files")):
                lines = journal.read_text(encoding="utf-8").splitlines()
                yield from (line for line in lines if line.startswith(tuple(f"{folder}/" for folder in FOLDERS)))
        except (OccbenchError, OSError, ValueError) as error:
            raise InputError(f"--overwrite deletes only what a manifest lists, and {error}") from error


def _before(out: Path) -> dict[str, Any] | None:
    """What the run that was here before says of itself."""
    path = out / RECORDS / _RUN
    try:
        said = json.loads(path.read_bytes())
        if not isinstance(said, dict) or not isinstance(said["run"], dict) or not isinstance(said["finished"], bool):
            raise ValueError("not what a run writes")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); add --overwrite, or choose another folder.") from None
    return said


def _link(part: Path, relative: str, target: Path) -> None:
    """The file `relative` of a part, once more as `target`."""
    file = part / relative
    if not file.is_file() or not file.resolve().is_relative_to(part.resolve()):
        raise InputError(f"{file} is missing, though its shard is listed as finished: make that part again.")
    with replacing(target, fsync=False) as temporary, writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(file, temporary)


def _unlink_inside(out: Path, relative: str) -> None:
    path = out / relative
    if path.parent.resolve().is_relative_to(out.resolve()):  # no link may lead the deletion elsewhere
        with writing(path):
            path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    if not folder.is_dir() or folder.is_symlink():
        return
    for child in list(folder.iterdir()):
        if child.is_dir():
            _remove_empty(child)
    if not any(folder.iterdir()):
        folder.rmdir()


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Every setting that changed, as `key: old -> new`."""
    old, new = dict(_flat(before)), dict(_flat(now))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{key}: {old.get(key, 'not there')} -> {new.get(key, 'not there')}"


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
