"""Names of photographs and pairs that are safe as file names everywhere, and the fingerprint of the data they name."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

from occbench.manifest.schema import Pair

MAX_ID = 150  # characters of a pair id: with an extension still a legal file name everywhere
_IMAGE, _WORD = (re.compile(r"[a-z0-9._-]{1,80}"), 80, "."), (re.compile(r"[a-z0-9_-]{1,28}"), 28, "-")
_LOOKS_HASHED = re.compile(r".*-[0-9a-f]{8}([0-9a-f]{8})?")


def photo_id(source: str, image_id: str) -> str:
    """The name of a photograph's clean image: `[a-z0-9._-]+`, at most 110 characters, unique also when case is ignored.

    It is `source.image` with the image id in NFC, percent-escaped, in lower case, with `.` for `/` and `-` for `%`. Wherever that
    lost something, eight hexadecimal digits of the image id's sha256 follow (sixteen where it also had to be cut). Image ids that
    differ only in Unicode normalisation are one photograph.
    """
    return f"{_safe(source, *_WORD)}.{_safe(image_id, *_IMAGE)}"


def pair_id(source: str, image_id: str, occluder: str, index: int) -> str:
    """The name of a pair: `photo_id`, occluder and index (0 to 999,999,999) joined by dots; at most `MAX_ID` characters."""
    return f"{photo_id(source, image_id)}.{_safe(occluder, *_WORD)}.{index}"


def fingerprint(pairs: Iterable[Pair]) -> str:
    """The fingerprint of data: which pairs, with which pixels. Its order does not matter; pass the pairs of one split.

    sha256 (hex) over one line `"{pair_id} {clean_sha256} {occluded_sha256} {mask_sha256}\\n"` per pair, in ASCII, sorted by pair
    id. Needs about 250 bytes of memory a pair.
    """
    keys = sorted(
        pair.pair_id.encode() + b" " + bytes.fromhex(pair.clean_sha256 + pair.occluded_sha256 + pair.mask_sha256) for pair in pairs
    )
    digest = hashlib.sha256()
    for key in keys:
        name, hashes = key[:-96], key[-96:]
        digest.update(name + b" ".join(hashes[at : at + 32].hex().encode() for at in (0, 32, 64)) + b"\n")
    return digest.hexdigest()


def _safe(text: str, plain: re.Pattern[str], longest: int, dot: str) -> str:
    """`text` itself where it is plain already; else escaped, with a hash that makes up for what escaping lost.

    A plain text that ends like a hash gets one too, so that no text can pass for another's escape.
    """
    if plain.fullmatch(text) and not _LOOKS_HASHED.fullmatch(text):
        return text
    utf8 = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")  # a file name need not be valid Unicode
    escaped = quote(utf8).lower().replace("~", "-7e").replace("%", "-").replace("/", ".").replace(".", dot)
    digits = hashlib.sha256(utf8).hexdigest()[: 8 if len(escaped) + 9 <= longest else 16]
    return f"{escaped[: longest - 1 - len(digits)]}-{digits}"
