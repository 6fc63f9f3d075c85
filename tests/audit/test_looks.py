import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow

from occbench.audit import looks
from occbench.audit.looks import DISTANCE, SIMILARITY, alike, close_pairs, flat, grays, hashes, look, similarity
from occbench.images import encode_png

Image = npt.NDArray[np.uint8]
Scene = Callable[[int], Image]


def bits(one: Image, other: Image) -> int:
    a, b = hashes(np.stack([grays(one), grays(other)])).tolist()
    return (a ^ b).bit_count()


def agreement(one: Image, other: Image) -> float:
    return float(similarity(grays(one)[None], grays(other)[None])[0])


@given(number=st.integers(0, 500), gain=st.floats(0.7, 1.0), shift=st.integers(0, 40))
def test_brightness_and_contrast_change_little(scene: Scene, number: int, gain: float, shift: int) -> None:
    image = scene(number)
    other = np.clip(image * gain + shift, 0, 255).astype(np.uint8)
    assert bits(image, other) <= DISTANCE
    assert agreement(image, other) >= SIMILARITY


@given(number=st.integers(0, 500), quality=st.integers(30, 95))
def test_jpeg_changes_little(scene: Scene, number: int, quality: int) -> None:
    file = io.BytesIO()
    Pillow.fromarray(scene(number)).save(file, "JPEG", quality=quality)
    other = np.asarray(Pillow.open(file))
    assert bits(scene(number), other) <= DISTANCE
    assert agreement(scene(number), other) >= SIMILARITY


@given(st.integers(0, 500), st.integers(501, 999))
def test_another_scene_looks_different(scene: Scene, number: int, other: int) -> None:
    assert agreement(scene(number), scene(other)) < SIMILARITY


def test_similarity_is_a_correlation(scene: Scene) -> None:
    one, other = grays(scene(0)), grays(scene(1))
    assert similarity(one[None], other[None])[0] == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1], abs=1e-5)


def test_flat_images_are_like_nothing() -> None:
    gray = np.full((1, 32, 32), 7, np.uint8)
    assert flat(gray).all()
    assert similarity(gray, gray)[0] == 0


@settings(max_examples=60)
@given(
    hnp.arrays(np.uint64, st.integers(0, 60), elements=st.integers(0, 2**64 - 1)),
    st.lists(st.tuples(st.integers(0, 59), st.sets(st.integers(0, 63), max_size=14)), max_size=40),
    st.integers(0, 12),
)
def test_the_banded_search_equals_brute_force(found: Image, copies: list[tuple[int, set[int]]], distance: int) -> None:
    """Random hashes are far apart, so some are copies of others with a few bits changed."""
    near = [int(found[n % len(found)]) ^ sum(1 << bit for bit in changed) for n, changed in copies if len(found)]
    everything = np.concatenate([found, np.array(near, np.uint64)])
    expected = {
        (i, j)
        for i in range(len(everything))
        for j in range(i + 1, len(everything))
        if (int(everything[i]) ^ int(everything[j])).bit_count() <= distance
    }
    pairs = [
        pair for ones, others in close_pairs(everything, distance) for pair in zip(ones.tolist(), others.tolist(), strict=True)
    ]
    assert len(pairs) == len(set(pairs))
    assert {(min(pair), max(pair)) for pair in pairs} == expected


def test_the_search_takes_large_buckets_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.arange(50, dtype=np.uint64)

    def pairs() -> set[tuple[int, int]]:
        return {pair for ones, others in close_pairs(found, 2) for pair in zip(ones.tolist(), others.tolist(), strict=True)}

    whole = pairs()
    monkeypatch.setattr(looks, "_SQUARE", 7)
    assert pairs() == whole


def test_bits_are_counted_without_numpy_2(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(0).integers(0, 2**64, (5, 7), np.uint64)
    counted = looks._ones(numbers).tolist()
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert looks._ones(numbers).tolist() == counted == [[number.bit_count() for number in row] for row in numbers.tolist()]


def test_near_duplicates(scene: Scene) -> None:
    seen = np.stack([grays(scene(number)) for number in (0, 1, 2, 3, 1, 4)])
    seen[5] = seen[2] // 2 + 20
    (found,) = [
        (a, b) for one, other, _ in alike(seen, hashes(seen), np.array([0, 2, 3, 5])) for a, b in zip(one, other, strict=True)
    ]
    assert found == (2, 5)


def test_equal_hashes_are_compared_with_the_first(scene: Scene) -> None:
    seen = np.stack([grays(scene(0))] * 5)
    pairs = [(a, b) for one, other, _ in alike(seen, hashes(seen), np.arange(5)) for a, b in zip(one, other, strict=True)]
    assert pairs == [(0, 1), (0, 2), (0, 3), (0, 4)]


def test_what_cannot_be_read_is_told(tmp_path: Path, scene: Scene) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.png").write_bytes(encode_png(scene(0)))
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "a.png").write_bytes(encode_png(scene(0)))
    (root / "b.png").write_bytes(b"no image")
    seen, readable = look((root.resolve(), ["a.png", "b.png", "c.png", "link.png", "../outside.png"]))
    assert readable.tolist() == [True, False, False, False, False]
    assert (seen[0] == grays(scene(0))).all()
