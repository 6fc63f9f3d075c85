"""A source without some of its people: those whom another data set shows too, for one.

The file has one person a line, in the first column; columns end at a comma, a semicolon or a tab, or at a space where what comes
before looks like a name or number of a data set (`n000021 Aaron_Eckhart`) and not like a part of a name (`Ann Lee`). What follows
a `#` is a comment. That covers the lists that are published: bare class ids, and tables with a header.
"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from occbench.errors import InputError
from occbench.faces import Face, Source
from occbench.faces.files import id_of, lines

_COLUMN = re.compile(r"[,;\t]")
_COMMENT = re.compile(r"(^|\s)#.*")
_LIKE_AN_ID = re.compile(r"\S*[0-9_]\S*")


class Without:
    """`source`, without the people that `file` lists. Splits stay as they are: nobody moves because somebody else is left out.

    Identities of the list that nobody in the source has are reported by a warning once all photographs were seen.

    Raises:
        InputError: no such file.
    """

    def __init__(self, source: Source, file: Path) -> None:
        if not file.is_file():
            raise InputError(f"No list of people to leave out at {file}.")
        self.name, self.licence = source.name, source.licence
        self.centred, self.mean_box, self.supplies = source.centred, source.mean_box, source.supplies
        self._source, self._file = source, file
        self._said = False

    def faces(self) -> Iterator[Face]:
        """See `Source.faces`.

        Raises:
            InputError: also, the list cannot be read or is empty.
        """
        listed = _listed(self._file)
        if not listed:
            raise InputError(f"{self._file} lists nobody: it needs one person a line.")
        met = set()
        for face in self._source.faces():
            if face.identity in listed:
                met.add(listed[face.identity])
            else:
                yield face
        entries = dict.fromkeys(listed.values())
        unknown = [entry for entry in entries if entry not in met]
        if unknown and not self._said:
            self._said = True  # a run looks at all photographs more than once
            names = ", ".join(map(repr, unknown[:3])) + (", ..." if len(unknown) > 3 else "")
            warnings.warn(
                f"{self._file}: {len(unknown)} of its {len(entries)} people are not in this copy of {self.name} ({names}).",
                stacklevel=2,
            )

    def locate(self, image_id: str) -> Path:
        """See `Source.locate`."""
        return self._source.locate(image_id)


def _listed(file: Path) -> dict[str, str]:
    """What an identity may be spelt like, to the entry of the list that says so."""
    spellings: dict[str, str] = {}
    for _, line in lines(file):
        column = _COLUMN.split(_COMMENT.sub("", line))[0].strip().strip("\"'").strip()
        if not column:
            continue
        spellings[id_of(column)] = column
        word = column.split()[0]
        if word != column and _LIKE_AN_ID.fullmatch(word):
            spellings[id_of(word)] = column
    return spellings
