"""Errors that say what was looked for, where, and what to do; the CLI prints them and exits with their `exit_code`."""


class OccbenchError(Exception):
    """Base of every error that occbench raises on purpose."""

    exit_code = 2


class UsageError(OccbenchError):
    """An option, a recipe or a combination of options that cannot work (exit 2)."""


class InputError(OccbenchError):
    """A folder, file, manifest or model that is missing, unreadable or not what it should be (exit 2)."""


class RunError(OccbenchError):
    """Work that had started well and could not go on: disk full, a dead worker (exit 1)."""

    exit_code = 1


class MismatchError(OccbenchError):
    """Hashes that differ from what a manifest promises (exit 4)."""

    exit_code = 4


class Rejected(Exception):  # noqa: N818
    """One photograph (or one pair) that cannot be used. Not a failure of the run: it becomes a row of `rejects.csv`.

    `reason` is a short stable code (`undecodable`, `no-face`, `bad-geometry`, ...), `detail` a sentence for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # both in args, so that it survives pickling between processes
        self.reason = reason
        self.detail = detail
