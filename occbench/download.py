"""Model files, fetched when a user asks for it: from where their makers publish them or from a mirror, bounded and checked."""

import bz2
import difflib
import hashlib
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, responses
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from occbench import __version__
from occbench.atomic import replacing, writing
from occbench.digest import file_sha256
from occbench.errors import InputError, UsageError
from occbench.weights import WEIGHTS, Weights, advice, cached, find

_SILENCE = 30.0  # seconds without a byte, after which a server counts as gone
_PIECE = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Download:
    """One model file that is wanted.

    Attributes:
        name: of the model, a key of `WEIGHTS`.
        source: address, or path in a mirror; None where the file is there already.
        path: where it goes, or where it is.
    """

    name: str
    source: str | Path | None
    path: Path

    @property
    def model(self) -> Weights:
        """What is known of the file."""
        return WEIGHTS[self.name]

    @property
    def packed(self) -> bool:
        """The source is the file packed by bzip2."""
        return isinstance(self.source, str) and self.source.endswith(".bz2")


def mirror(text: str) -> str | Path:
    """An http(s) address or an existing folder, as a user names it.

    Raises:
        UsageError: it is neither.
    """
    with suppress(ValueError, OSError, RuntimeError):  # a port that is no number, a name too long, no home folder
        parts = urlsplit(text)
        if parts.scheme in ("http", "https"):
            if parts.hostname and parts.port != 0 and not ("@" in parts.netloc or parts.query or parts.fragment):
                return text.rstrip("/")
        elif (folder := Path(text).expanduser()).is_dir():
            return folder
    raise UsageError("--from takes a folder that exists, or a plain http(s) address: no user name, no `?`, no `#`.")


def available(base: str | Path | None = None) -> list[str]:
    """The models that can be fetched, from their makers or from the mirror `base` (an address is not asked what it has)."""
    return [name for name in WEIGHTS if _source(name, base)]


def plan(names: Iterable[str], out: Path | None = None, base: str | Path | None = None) -> list[Download]:
    """What to do for each of these models; nothing is fetched.

    Args:
        names: keys of `WEIGHTS`.
        out: the folder that shall hold the files; None for the user's cache, unless `find` finds them somewhere already.
        base: a mirror, from `mirror`; None for the makers' own addresses.

    Raises:
        UsageError: no such model.
        InputError: nobody publishes a model in the form that occbench needs, or the mirror's folder lacks it.
    """
    downloads = []
    for name in dict.fromkeys(names):
        if name not in WEIGHTS:
            close = difflib.get_close_matches(name, WEIGHTS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"There is no {name!r} among the weights: choose from {', '.join(WEIGHTS)}.{hint}")
        there = _found(name, out)
        source = None if there else _source(name, base)
        if there is None and source is None:
            raise InputError(_refusal(name, base))
        downloads.append(Download(name, source, there or (out / WEIGHTS[name].file if out else cached(name))))
    return downloads


def fetch(download: Download, progress: Callable[[int], None] = lambda _: None) -> None:
    """Bring one file to its path, whole and of the right hash; else nothing is there, or what was there before.

    Args:
        download: from `plan`, with a source.
        progress: called with each number of bytes that has arrived (unpacked).

    Raises:
        InputError: it cannot be read or has another hash; what came is deleted, and no more is read than the file is long.
        RunError: the disk failed.
    """
    model, path = download.model, download.path
    assert download.source is not None
    assert model.size is not None
    pieces = _read(download)
    if download.packed:  # bzip2 makes nothing longer than this
        pieces = _unpacked(_bounded(pieces, model.size + model.size // 100 + 600, download), download)
    digest, size = hashlib.sha256(), 0
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            with temporary.open("xb") as file:
                for piece in _bounded(pieces, model.size, download):
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    progress(len(piece))
            if digest.hexdigest() != model.sha256:
                broken = size < model.size and isinstance(download.source, str)
                how = f"{size:,} bytes of sha256 {digest.hexdigest()} instead of {model.size:,} bytes of sha256 {model.sha256}"
                raise _another(download, how + (" (try again if the connection broke)" if broken else ""))


def _source(name: str, base: str | Path | None) -> str | Path | None:
    """Where the file can be read, or None. A file without a known hash cannot be checked, so it is never fetched."""
    model = WEIGHTS[name]
    if model.sha256 is None or base is None:
        return model.address if model.sha256 else None
    if isinstance(base, str):
        return f"{base}/{quote(model.file)}"
    with suppress(OSError):  # a folder that may not be entered
        return base / model.file if (base / model.file).is_file() else None
    return None


def _found(name: str, out: Path | None) -> Path | None:
    """The right file, where it is already: in `out` if a folder is named, else anywhere."""
    try:
        if out is None:
            return find(name)
        path = out / WEIGHTS[name].file
        return path if file_sha256(path) == WEIGHTS[name].sha256 else None
    except (InputError, OSError):
        return None


def _refusal(name: str, base: str | Path | None) -> str:
    model = WEIGHTS[name]
    if model.sha256 is None:
        return f"{model.file} ({name}) cannot be fetched: it is not published in this form, so no hash is known. {advice(name)}"
    if base is None:
        return (
            f"{model.file} ({name}) cannot be fetched: it is not published in this form. {advice(name)} Where somebody has it "
            "already, --from copies it from their folder or address."
        )
    return f"There is no {model.file} ({name}) in {base}."


def _read(download: Download) -> Iterator[bytes]:
    """The source in pieces, as it is; whatever goes wrong names it."""
    source = download.source
    try:
        with source.open("rb") if isinstance(source, Path) else _request(str(source)) as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except (OSError, HTTPException, ValueError) as error:  # the last: a redirect to nonsense
        raise InputError(f"Cannot fetch {source}: {_reason(error)}. {_otherwise(download)}") from error


def _request(address: str) -> IO[bytes]:
    request = urllib.request.Request(address, headers={"User-Agent": f"occbench/{__version__}"})
    stream: IO[bytes] = urllib.request.build_opener(_Redirects).open(request, timeout=_SILENCE)
    return stream


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to https, and from http to http too. Everywhere else a redirect is an error."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        allowed = ("https:",) if req.full_url.lower().startswith("https:") else ("https:", "http:")
        return super().redirect_request(req, fp, code, msg, headers, newurl) if newurl.lower().startswith(allowed) else None


def _bounded(pieces: Iterable[bytes], most: int, download: Download) -> Iterator[bytes]:
    """The pieces, as long as they are not more than `most` bytes together."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise _another(download, f"it is longer than {download.model.size:,} bytes")
        yield piece


def _unpacked(pieces: Iterable[bytes], download: Download) -> Iterator[bytes]:
    """What a bzip2 stream holds, in pieces of bounded size; as much as there is of one that breaks off."""
    unpacker = bz2.BZ2Decompressor()
    for piece in pieces:
        packed = piece
        while not unpacker.eof:
            try:
                yield unpacker.decompress(packed, _PIECE)
            except OSError as error:
                raise _another(download, "it is not packed by bzip2") from error
            if unpacker.needs_input:
                break
            packed = b""


def _another(download: Download, how: str) -> InputError:
    return InputError(f"{download.source} is not {download.model.file}: {how}. Nothing of it is kept.")


def _reason(error: Exception) -> str:
    """Why nothing came."""
    if isinstance(error, HTTPError):
        refused = " (a redirect that is not followed)" if error.code in range(300, 400) else ""
        return f"HTTP {error.code} {responses.get(error.code, '')}".strip() + refused
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, OSError | str):
        said = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return "".join(c if c.isprintable() else "?" for c in said)  # a proxy may have said it
    return f"no proper address or answer ({type(cause).__name__})"


def _otherwise(download: Download) -> str:
    """What to do where fetching fails."""
    model = download.model
    if download.source != model.address:
        return f"--from needs a folder or an address below which {model.file} lies."
    unpack = ", unpack it with bunzip2" if download.packed else ""
    return (
        f"By hand: download it elsewhere{unpack} and put it at {download.path}. From a mirror: `occbench fetch-weights "
        f"{download.name} --from X`, where X is a folder or an address below which {model.file} lies."
    )
