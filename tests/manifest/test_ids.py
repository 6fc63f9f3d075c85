import hashlib
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from occbench.manifest import fingerprint
from occbench.manifest.ids import MAX_ID, pair_id, photo_id

ALLOWED = re.compile(r"[a-z0-9][a-z0-9._-]*")
FILE_NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=200)
CLOSE_NAMES = st.text("aA.-_/%2eé~ ", min_size=1, max_size=8)  # what could be taken for each other


def normal(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", text)


@given(FILE_NAMES, st.integers(0, 999_999_999))
def test_charset_and_length(image_id: str, index: int) -> None:
    name = pair_id("folder", image_id, "black-box", index)
    assert ALLOWED.fullmatch(name)
    assert len(name) <= MAX_ID


@given(FILE_NAMES, FILE_NAMES, FILE_NAMES)
def test_any_words_stay_in_bounds(source: str, image_id: str, occluder: str) -> None:
    assert len(pair_id(source, image_id, occluder, 999_999_999)) <= MAX_ID
    assert len(photo_id(source, image_id)) <= 110


@given(CLOSE_NAMES, CLOSE_NAMES)
def test_photographs_have_different_names(one: str, other: str) -> None:
    assume(normal(one) != normal(other))
    assert photo_id("folder", one).casefold() != photo_id("folder", other).casefold()


@given(st.tuples(CLOSE_NAMES, CLOSE_NAMES, CLOSE_NAMES), st.tuples(CLOSE_NAMES, CLOSE_NAMES, CLOSE_NAMES))
def test_pairs_have_different_names(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assume(tuple(map(normal, one)) != tuple(map(normal, other)))
    assert pair_id(*one, 0) != pair_id(*other, 0)


@given(CLOSE_NAMES)
def test_a_name_cannot_pass_for_another_ones_escape(image_id: str) -> None:
    escaped = photo_id("s", image_id).removeprefix("s.")
    assume(escaped != image_id)
    assert photo_id("s", escaped) != photo_id("s", image_id)


def test_unicode_normalisation_does_not_matter() -> None:
    assert photo_id("folder", "Zoe\u0308/1.jpg") == photo_id("folder", "Zo\u00eb/1.jpg")


def test_long_names_that_start_alike_differ() -> None:
    names = {photo_id("folder", f"{'deep/' * 40}{number}.jpg") for number in range(1000)}
    assert len(names) == 1000


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("astronaut.png", "lfw.astronaut.png"),
        ("Aaron_Eckhart/Aaron_Eckhart_0001.jpg", "lfw.aaron_eckhart.aaron_eckhart_0001.jpg-LFW"),
        ("a b/Zoë\n.jpg", "lfw.a-20b.zo-c3-ab-0a.jpg-ODD"),
        ("x-0123abcd", "lfw.x-0123abcd-HASHLIKE"),
    ],
)
def test_names_never_change(image_id: str, name: str) -> None:
    digits = hashlib.sha256(image_id.encode()).hexdigest()[:8]
    assert photo_id("lfw", image_id) == re.sub("[A-Z]+$", digits, name)


def test_a_pair_is_named_after_photograph_occluder_and_index() -> None:
    assert pair_id("sample", "astronaut.png", "black-box", 3) == "sample.astronaut.png.black-box.3"


def test_fingerprint_is_what_it_says(make_pair: Any) -> None:
    one, other = make_pair(0), make_pair(1)
    lines = sorted(f"{p.pair_id} {p.clean_sha256} {p.occluded_sha256} {p.mask_sha256}\n" for p in (one, other))
    assert fingerprint([other, one]) == hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("column", ["clean_sha256", "occluded_sha256", "mask_sha256"])
def test_fingerprint_sees_every_image(make_pair: Any, column: str) -> None:
    assert fingerprint([make_pair()]) != fingerprint([make_pair(**{column: "0" * 64})])
