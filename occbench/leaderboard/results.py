"""One result folder, that anybody may have written: read in bounded memory, checked field by field, nothing outside it touched."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from occbench.errors import InputError, Rejected
from occbench.images import Pixels, decode_exact, read_bytes
from occbench.metrics import REGIONS, column

RESULT, PER_IDENTITY, IMAGES = "result.json", "per_identity.parquet", "images"
SCHEMA = 1
MAX_BYTES = 1 << 25  # of result.json
MAX_SHOWN = 12
TRACKS = ("blind", "given-mask")
_MAX_ROWS = 50_000  # of strata
_MAX_SIDE = 1024  # of an image for the page
_MAX_WHOLE = 1 << 53
_WORD, _ID, _HEX = re.compile(r"[a-z][a-z0-9_]{0,63}"), re.compile(r"[a-z0-9._-]{1,150}"), re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value in one region over some pairs, as the result states it.

    Attributes:
        name, region: of the metric.
        value: None where nothing could be measured; the bounds are None where there is no interval.
        ci_low, ci_high: of its 95 % interval.
        gain, gain_ci_low, gain_ci_high: over the occluded input, positive is better; None where there is none.
        n: pairs it was measured on.
        higher_is_better: direction.
        signature: how exactly it was computed.
    """

    name: str
    region: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    gain: float | None
    gain_ci_low: float | None
    gain_ci_high: float | None
    n: int
    higher_is_better: bool
    signature: str

    @property
    def column(self) -> str:
        """Its column in tables: `psnr`, `psnr_mask`, ..."""
        return column(self.name, self.region)


@dataclass(frozen=True, slots=True)
class Data:
    """What was scored. Two results compare only if fingerprint and split are equal.

    Attributes:
        fingerprint: sha256 (hex) over the split's pairs.
        source, split: where the faces come from, and which part.
        n: pairs of the split; identities: people in it, or None where it is not said.
        missing: pairs without a prediction.
    """

    fingerprint: str
    source: str
    split: str
    n: int
    identities: int | None
    missing: int


@dataclass(frozen=True)
class Result:
    """What a result folder says of one method.

    Attributes:
        path: the folder.
        name, track: of the method.
        data: what it was scored on.
        figures: column to the figure over all pairs.
        strata: (by, bin) to column to figure, in the order of the file.
        skipped: metric to the reason why it was not measured.
        warnings: sentences for the reader.
        version: of the occbench that scored.
        shown: (pair id, occluder, variant) of the pairs whose images lie in the folder.
    """

    path: Path
    name: str
    track: str
    data: Data
    figures: dict[str, Figure]
    strata: dict[tuple[str, str], dict[str, Figure]]
    skipped: dict[str, str]
    warnings: tuple[str, ...]
    version: str
    shown: tuple[tuple[str, str, str], ...]

    def image(self, pair_id: str, kind: str = "") -> Pixels | None:
        """An image of the grid, (H, W, 3) uint8 RGB, or None where the folder has none.

        Args:
            pair_id: one of `shown`.
            kind: empty for the restoration, else `.clean` or `.occluded`.

        Raises:
            InputError: a file that leads out of the folder, no 8-bit RGB image, or one with a side above 1024 px.
        """
        path = self.path / IMAGES / f"{pair_id}{kind}.png"
        if not path.exists():
            return None
        within(path, self.path)
        try:
            pixels = decode_exact(read_bytes(path))
        except Rejected as error:
            raise InputError(f"{path}: {error.detail}. Score again, or use --no-images.") from None
        if pixels.ndim != 3 or max(pixels.shape) > _MAX_SIDE:
            raise InputError(f"{path}: not RGB, or a side above {_MAX_SIDE} px. Score again, or use --no-images.")
        return pixels


def within(path: Path, folder: Path) -> None:
    """Refuse a file that is, through a link, somewhere else.

    Raises:
        InputError: names the file.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path}: a link that leads out of the result folder; copy the file into it.")


def read_result(folder: Path) -> Result:
    """Read `result.json` of a result folder.

    Raises:
        InputError: no such file, too large, no JSON, another schema version, or a field that is missing or not what it should be;
            names the file and the key.
    """
    path = folder / RESULT
    if not path.is_file():
        raise InputError(f"{path}: no such file. Give folders that `occbench score --out` has written.")
    within(path, folder)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are read.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {' '.join(str(error).split())[:200]}") from None
    top = _Fields(document, str(path))
    if (version := top.whole("schema")) != SCHEMA:
        raise InputError(f"{path}: result version {version}; this occbench reads {SCHEMA}: upgrade it, or score again.")
    name = top.text("name", 100)
    if not name[0].isalnum():  # no formula in a spreadsheet, no markup, no option
        top.fail("name", "has to begin with a letter or a digit")
    if (track := top.text("track", 20)) not in TRACKS:
        top.fail("track", f"has to be one of {', '.join(TRACKS)}")
    figures: dict[str, Figure] = {}
    for row in top.rows("metrics", 500):
        _add(figures, row)
    strata: dict[tuple[str, str], dict[str, Figure]] = {}
    for row in top.rows("strata", _MAX_ROWS, required=False):
        found = _add(strata.setdefault((row.text("by", 40, _WORD), row.text("bin", 100)), {}), row)
        whole = figures.get(found.column)
        if whole is None or (whole.signature, whole.higher_is_better) != (found.signature, found.higher_is_better):
            row.fail("signature", f"has to be that of {found.column} over all pairs")
    skipped = {row.text("name", 64, _WORD): row.text("reason", 2000) for row in top.rows("skipped", 500, required=False)}
    shown = tuple(
        (row.text("pair_id", 150, _ID), row.text("occluder", 100), row.text("variant", 100))
        for row in top.rows("shown", MAX_SHOWN, required=False)
    )
    return Result(
        path=folder,
        name=name,
        track=track,
        data=_data(_Fields(top.get("data"), f"{path}, data")),
        figures=figures,
        strata=strata,
        skipped=skipped,
        warnings=tuple(top.texts("warnings")),
        version=_Fields(top.get("environment"), f"{path}, environment").text("occbench", 100),
        shown=shown,
    )


def _data(fields: "_Fields") -> Data:
    n, missing = fields.whole("n"), fields.whole("missing", 0)
    if missing > n:
        fields.fail("missing", f"is more than n = {n}")
    identities = fields.whole("identities") if fields.has("identities") else None
    return Data(fields.text("fingerprint", 64, _HEX), fields.text("source", 500), fields.text("split", 40), n, identities, missing)


def _add(figures: dict[str, Figure], row: "_Fields") -> Figure:
    region = row.text("region", 20)
    if region not in REGIONS:
        row.fail("region", f"has to be one of {', '.join(REGIONS)}")
    found = Figure(
        name=row.text("name", 64, _WORD),
        region=region,
        value=row.number("value"),
        ci_low=row.number("ci_low"),
        ci_high=row.number("ci_high"),
        gain=row.number("gain"),
        gain_ci_low=row.number("gain_ci_low"),
        gain_ci_high=row.number("gain_ci_high"),
        n=row.whole("n"),
        higher_is_better=row.flag("higher_is_better"),
        signature=row.text("signature", 2000),
    )
    if found.column in figures:
        row.fail("name", f"{found.name} in region {region} comes for the second time")
    figures[found.column] = found
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


class _Fields:
    """The fields of a JSON object, checked when they are asked for; messages name the file and the key."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise InputError(f"{where}: has to be a JSON object.")
        self._value: dict[str, Any] = value
        self._where = where

    def fail(self, key: str, problem: str) -> NoReturn:
        raise InputError(f"{self._where}: {key!r} {problem}.")

    def has(self, key: str) -> bool:
        return self._value.get(key) is not None

    def get(self, key: str) -> Any:
        if key not in self._value:
            self.fail(key, "is missing")
        return self._value[key]

    def text(self, key: str, longest: int, pattern: re.Pattern[str] | None = None) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.isprintable():
            self.fail(key, f"has to be a text of 1 to {longest} printable characters")
        if pattern and not pattern.fullmatch(value):
            self.fail(key, f"has to match {pattern.pattern}")
        return str(value)

    def texts(self, key: str) -> Iterator[str]:
        value = self._value.get(key, [])
        if not isinstance(value, list) or len(value) > 500 or not all(isinstance(v, str) and len(v) <= 2000 for v in value):
            self.fail(key, "has to be a list of texts, at most 500 of at most 2000 characters")
        yield from ("".join(c if c.isprintable() else " " for c in text) for text in value)

    def number(self, key: str) -> float | None:
        value = self._value.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MAX_WHOLE:  # NaN and inf too
            self.fail(key, "has to be a finite number or null")
        return float(value)

    def whole(self, key: str, default: int | None = None) -> int:
        value = self._value.get(key, default) if default is not None else self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_WHOLE:
            self.fail(key, "has to be a whole number, 0 or more")
        return int(value)

    def flag(self, key: str) -> bool:
        value = self.get(key)
        if not isinstance(value, bool):
            self.fail(key, "has to be true or false")
        return bool(value)

    def rows(self, key: str, most: int, required: bool = True) -> "Iterator[_Fields]":
        value = self.get(key) if required else self._value.get(key, [])
        if not isinstance(value, list) or len(value) > most:
            self.fail(key, f"has to be a list of at most {most}")
        for number, row in enumerate(value):
            yield _Fields(row, f"{self._where}, {key}[{number}]")
