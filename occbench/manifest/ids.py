"""Names of photographs and pairs that are safe as file names everywhere."""

import hashlib
import re
import unicodedata
from urllib.parse import quote

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
