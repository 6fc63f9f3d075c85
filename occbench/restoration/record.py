"""What a run over many photographs has found and written so far, so that a killed one can go on.

A record is a file of lines in the output folder: the first says what the run is; each of the others has a photograph's name and
what was found.
"""

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from occbench import __version__
from occbench.atomic import TEMPORARY, writing
from occbench.errors import InputError, UsageError
from occbench.images import write_atomic
from occbench.manifest.schema import Reject
from occbench.restoration.inputs import Item

# By name of the photograph, plain JSON data: `reason` and `detail` of a reject; else `files`, those that were written, and more.
Answers = dict[str, dict[str, Any]]

_OURS = re.compile(r".+\.(png|npz|csv|jsonl)\.\d+\.tmp")  # of the temporary files that may be lying about


class Record:
    """Answers, kept on the disk as they come, and the files that they speak of.

    Args:
        out: folder of the run; made if missing. None keeps answers in memory alone.
        place: of the record in `out`.
        called: of which command.
        run: what the run depends on, plain JSON data: only the same one goes on.
        told: what an answer has besides its files.
        resume: go on with the run in `out`, if there is one. Photographs whose files are gone, or that could not be read the last
            time, are done again.
        overwrite: begin in a folder that is not empty, too; None where the command has no such option.

    Attributes:
        answers: those of an earlier run, and all that were added.

    Raises:
        UsageError: `out` holds something else, or another run, or one that nobody asked to go on with.
        InputError: `out` is a file, or cannot be looked at.
        RunError: the disk is full or the like.
    """

    def __init__(
        self,
        out: Path | None,
        place: str,
        called: str,
        run: Mapping[str, Any],
        *,
        told: Collection[str] = (),
        resume: bool = False,
        overwrite: bool | None = None,
    ) -> None:
        self.answers = Answers()
        self._path, self._told = None if out is None else out / place, told
        self._run = json.loads(json.dumps({"command": called, "occbench": __version__, **run}))
        if out is None or self._path is None:
            return
        self._out, self._root = out, out.resolve()
        begun, empty = self._found(self._path)
        if not (empty or overwrite or (begun and resume)):
            which = "go on with --resume, or " if begun else ""
            why = "" if begun else f", and holds no run of {called}"
            instead = "" if overwrite is None else ", or --overwrite to replace files of the same names"
            raise UsageError(f"{out} is not empty{why}: {which}choose another folder for --out{instead}.")
        if begun and resume:
            self._go_on(self._path)
        self._save(self._path, self.answers)

    def write(self, name: str, data: bytes) -> str:
        """Write a file that belongs to an answer; on return it is on the disk.

        Args:
            name: relative to the folder, with forward slashes; it is returned.
            data: all of it.

        Raises:
            InputError: a link leads out of the folder.
            RunError: the disk is full or the like.
        """
        path = self._out / name
        if not path.parent.resolve().is_relative_to(self._root):
            raise InputError(f"{path.parent} is a link that leads out of {self._out}: choose another folder for --out.")
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
        return name

    def add(self, answers: Answers) -> None:
        """Keep answers, whose files are on the disk already. One that is known stays as it is."""
        new = {name: answer for name, answer in answers.items() if name not in self.answers}
        self.answers |= new
        if self._path is None or not new:
            return
        with writing(self._path), self._path.open("ab") as stream:
            stream.write(_lines(new))
            stream.flush()
            os.fsync(stream.fileno())

    def finish(self, items: Sequence[Item]) -> None:
        """All photographs have their answers: however often the run was interrupted, its record is the same."""
        if self._path is not None:
            self._save(self._path, {item.name: self.answers[item.name] for item in items})

    def rejects(self, items: Sequence[Item]) -> list[Reject]:
        """Those that are known, in the order of `items`."""
        known = ((item, self.answers.get(item.name, {})) for item in items)
        return [Reject(item.source, item.image_id, "", said["reason"], said["detail"]) for item, said in known if "reason" in said]

    def _found(self, path: Path) -> tuple[bool, bool]:
        """Whether there is a record, and whether there is nothing else."""
        out = self._out
        try:
            if not out.exists():
                return False, True
            if not out.is_dir():
                raise InputError(f"{out} is a file; --out needs a folder.")
            children = [child for folder in {out, path.parent} if folder.is_dir() for child in folder.iterdir()]
            ours = (path, path.parent)
            return path.is_file(), all(child in ours or _leftover(child) for child in children)
        except OSError as error:
            raise InputError(f"{out} cannot be looked at: {error.strerror}. Choose another folder for --out.") from None

    def _go_on(self, path: Path) -> None:
        before, answers = _read(path)
        if before is not None and before != self._run:
            differing = [key for key in sorted(before.keys() | self._run.keys()) if before.get(key) != self._run.get(key)]
            said = "; ".join(f"{key}: {before.get(key)} -> {self._run.get(key)}" for key in differing)
            raise UsageError(f"{self._out} holds another run, which cannot be resumed: {said}. Choose another folder for --out.")
        self.answers = {name: answer for name, answer in answers.items() if self._holds(name, answer)}
        with writing(self._out):
            for leftover in self._out.rglob(".*.tmp"):
                if _leftover(leftover):
                    leftover.unlink(missing_ok=True)

    def _holds(self, name: str, answer: dict[str, Any]) -> bool:
        """An answer of an earlier run can be believed: anybody may have written to its file since."""
        if "reason" in answer:  # a disk or network that failed may be back
            return answer["reason"] != "unreadable" and all(isinstance(answer.get(key), str) for key in ("reason", "detail"))
        files, own = answer.get("files"), (f"{name}.png", f"{name}.npz")
        if not isinstance(files, list) or not files or not all(isinstance(file, str) and file.endswith(own) for file in files):
            return False
        try:
            return answer.keys() >= set(self._told) and all((self._out / file).is_file() for file in files)
        except OSError:  # names that cannot be
            return False

    def _save(self, path: Path, answers: Answers) -> None:
        self.write(path.relative_to(self._out).as_posix(), _line(self._run) + _lines(answers))


def _read(path: Path) -> tuple[dict[str, Any] | None, Answers]:
    """What a record holds, up to the line at which its writer was killed."""
    run, answers = None, Answers()
    try:
        for line in path.read_bytes().splitlines():
            said = json.loads(line)
            if run is None:
                run = dict(said)
            else:
                answers[str(said["name"])] = dict(said["answer"])
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): choose another folder for --out.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return run, answers


def _leftover(path: Path) -> bool:
    return TEMPORARY.fullmatch(path.name) is not None and _OURS.fullmatch(path.name) is not None


def _lines(answers: Answers) -> bytes:
    return b"".join(_line({"name": name, "answer": answer}) for name, answer in answers.items())


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"
