"""Pairs as arrays: what the images hold, checked once, kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occbench.errors import InputError, UsageError
from occbench.images import decode_exact, encode_png
from occbench.manifest import MANIFEST, fingerprint, read
from occbench.pairs import store
from occbench.pairs.labels import ATTRIBUTES, Labels, labels
from occbench.pairs.paired import Pairs, open_pairs


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    """A copy of the data set that may be spoilt."""
    return Path(shutil.copytree(data, tmp_path / "data"))


def test_arrays_are_the_images(data: Path, tmp_path: Path) -> None:
    rows = sorted((pair for pair in read(data / MANIFEST) if pair.split == "test"), key=lambda pair: pair.pair_id)
    pairs = open_pairs(data, "test", cache=tmp_path)
    assert list(pairs.pair_ids) == [row.pair_id for row in rows]
    for k, row in enumerate(rows):
        assert np.array_equal(pairs.occluded[k], decode_exact((data / row.occluded_path).read_bytes()))
        assert np.array_equal(pairs.masks[k], decode_exact((data / row.mask_path).read_bytes()))
        assert np.array_equal(pairs.photographs[pairs.clean[k]], decode_exact((data / row.clean_path).read_bytes()))
    assert len(pairs.photographs) == len({row.clean_path for row in rows}) < len(rows)
    assert pairs.fingerprint == fingerprint(rows)


def test_the_second_time_nothing_is_decoded(copy: Path, tmp_path: Path) -> None:
    first = open_pairs(copy, "train", cache=tmp_path / "cache")
    for folder in ("clean", "occluded", "mask"):
        shutil.rmtree(copy / folder)
    heard: list[int] = []
    second = open_pairs(copy, "train", cache=tmp_path / "cache", progress=lambda done, total: heard.append(done))
    assert np.array_equal(first.occluded, second.occluded)
    assert heard == []


def test_arrays_are_mapped_and_cannot_be_written(data: Path, tmp_path: Path) -> None:
    pairs = open_pairs(data, "train", cache=tmp_path)
    assert isinstance(pairs.occluded.base, np.memmap) or isinstance(pairs.occluded, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pairs.occluded[0] = 0


def spoil(copy: Path, how: str) -> str:
    pair = next(pair for pair in read(copy / MANIFEST) if pair.split == "train")
    path = copy / pair.occluded_path
    if how == "missing":
        path.unlink()
    elif how == "tampered":
        image = decode_exact(path.read_bytes())
        image[0, 0] ^= 1
        path.write_bytes(encode_png(image))
    else:
        path.write_bytes(path.read_bytes()[:50])
    return path.name


@pytest.mark.parametrize("how", ["missing", "tampered", "cut"])
def test_images_that_are_not_as_promised_are_refused_and_nothing_is_kept(copy: Path, tmp_path: Path, how: str) -> None:
    name = spoil(copy, how)
    with pytest.raises(InputError) as caught:
        open_pairs(copy, "train", cache=tmp_path / "cache", workers=1)
    assert name in str(caught.value)
    assert list((tmp_path / "cache" / "pairs").iterdir()) == []


def test_an_empty_split_is_refused(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from occbench.pairs import paired

    monkeypatch.setattr(paired, "read", lambda path: (pair for pair in read(path) if pair.split != "val"))
    with pytest.raises(UsageError, match=r"no pairs in its split 'val'.*train"):
        open_pairs(copy, "val", cache=tmp_path)


def test_a_run_that_dies_leaves_nothing_half_made(tmp_path: Path) -> None:
    def make(into: Path) -> dict[str, int]:
        store.create(into / "a.npy", (3, 2, 2))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.stored(tmp_path / "x", make)
    assert list(tmp_path.iterdir()) == []


def test_whoever_is_second_uses_what_the_first_made(tmp_path: Path) -> None:
    def make(into: Path) -> dict[str, int]:
        if not (tmp_path / "x").exists():
            store.stored(tmp_path / "x", lambda other: {"by": 1})
        return {"by": 2}

    assert store.stored(tmp_path / "x", make) == {"by": 1}


def people(make: Callable[..., Pairs], attributes: list[object]) -> Pairs:
    made = make(len(attributes), 32, people=["s/b", "s/a", "s/b", "s/c"][: len(attributes)])
    return Pairs(
        made.fingerprint,
        made.pair_ids,
        made.occluded,
        made.masks,
        made.photographs,
        made.clean,
        made.identities,
        attributes,  # type: ignore[arg-type]
    )


def known(value: int, **others: int) -> dict[str, int]:
    return {**dict.fromkeys(ATTRIBUTES, value), **others}


def test_people_become_one_hot_in_the_order_of_their_names(pairs: Callable[..., Pairs]) -> None:
    found = labels(people(pairs, [None] * 4), "identity")
    assert isinstance(found, Labels)
    assert found.count == 3
    assert found.of(np.arange(4)).tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_attributes_become_0_and_1(pairs: Callable[..., Pairs]) -> None:
    found = labels(people(pairs, [known(-1, Male=1), known(0, Young=1)]), "auto")
    assert isinstance(found, Labels)
    assert found.of(np.array([1, 0])).tolist() == [[0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1, 0]]


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_there_may_be_no_labels(pairs: Callable[..., Pairs], kind: str) -> None:
    assert labels(people(pairs, [known(1), None]), kind) is None


def test_missing_attributes_are_refused_where_they_were_asked_for(pairs: Callable[..., Pairs]) -> None:
    with pytest.raises(UsageError, match=r"1 of 2 pairs.*pair-1"):
        labels(people(pairs, [known(1), {"Male": 1}]), "attributes")
