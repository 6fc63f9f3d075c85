"""Who is compared with whom, and what the answers count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.metrics.identity import (
    FAR,
    IDENTITY_COSINE,
    VERIFICATION_ACCURACY,
    VERIFICATION_TAR,
    accepted,
    accuracy,
    cosine,
    too_few,
    verification_pairs,
)
from occbench.weights import WEIGHTS

PEOPLE = [f"lfw/p{k // 6}" for k in range(60)]
PHOTOS = [f"p{k // 6}_{k % 6 // 2}" for k in range(60)]  # three photographs a person, two pairs each
IDS = [f"pair{k:02d}" for k in range(60)]


def test_cosine() -> None:
    assert cosine([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [-1.0, -1.0], [1.0, 0.0]])[:2].tolist() == pytest.approx(
        [1, -1]
    )
    assert np.isnan(cosine([[0.0, 0.0]], [[1.0, 0.0]])[0])


def test_pairs_are_what_they_say() -> None:
    pairs = verification_pairs(IDS, PEOPLE, PHOTOS, seed=0)
    assert pairs.same.sum() == (~pairs.same).sum() == 60
    for probe, gallery, same in zip(pairs.probe, pairs.gallery, pairs.same, strict=True):
        assert (PEOPLE[probe] == PEOPLE[gallery]) == same
        assert PHOTOS[probe] != PHOTOS[gallery]


def test_draws_depend_on_the_pair_alone() -> None:
    """Neither on the order of the pairs nor on the other pairs of a photograph."""
    order = np.random.default_rng(0).permutation(60)
    straight = verification_pairs(IDS, PEOPLE, PHOTOS, seed=3)
    shuffled = verification_pairs(*([column[k] for k in order] for column in (IDS, PEOPLE, PHOTOS)), seed=3)
    named = [{(IDS[p], PHOTOS[g]) for p, g in zip(straight.probe, straight.gallery, strict=True)}]
    named.append({(IDS[order[p]], PHOTOS[order[g]]) for p, g in zip(shuffled.probe, shuffled.gallery, strict=True)})
    assert named[0] == named[1]
    other = verification_pairs(IDS, PEOPLE, PHOTOS, seed=4)
    assert not np.array_equal(other.gallery, straight.gallery)


def test_persons_with_one_photograph_are_left_out() -> None:
    pairs = verification_pairs(["a", "b", "c"], ["x", "y", "y"], ["1", "2", "3"], seed=0)
    assert sorted({int(k) for k in pairs.probe}) == [1, 2]
    assert too_few(pairs) == "only 2 restorations show people of whom the split has another photograph (30 are needed)"


def test_answers() -> None:
    assert accuracy([0.2, 0.7, 0.2, 0.7], np.array([True, True, False, False])).tolist() == [1, 0, 0, 1]
    strangers = np.linspace(0.5, 1.5, 1001)
    threshold = np.quantile(strangers, FAR)
    assert accepted([threshold - 0.001, threshold + 0.001], strangers).tolist() == [1, 0]


@given(count=st.integers(100, 1000), seed=st.integers(0, 99))
def test_no_more_strangers_are_let_in_than_said(count: int, seed: int) -> None:
    strangers = np.random.default_rng(seed).integers(0, 2 * count, count).astype(np.float64)  # with ties
    let_in = accepted(strangers, strangers).mean()
    assert let_in <= FAR
    distinct = np.arange(count, dtype=np.float64)
    assert accepted(distinct, distinct).sum() == count // 100


def test_a_rate_of_one_in_a_hundred_needs_a_hundred_strangers() -> None:
    assert np.isnan(accepted([0.1, 0.9], np.linspace(0, 1, 99))).all()
    pairs = verification_pairs(IDS, PEOPLE, PHOTOS, seed=0)
    assert too_few(pairs) is None
    assert too_few(pairs, rate=True) == "only 60 restorations show people of whom the split has another photograph (100 are needed)"


def test_a_face_is_exactly_like_itself() -> None:
    faces = np.random.default_rng(0).normal(0, 0.1, (500, 128)).astype(np.float32)
    assert (cosine(faces, faces) == 1).all()
    assert (cosine(faces, -faces) == -1).all()


def test_signatures_name_weights_and_crop() -> None:
    """Trap T17."""
    for metric in (IDENTITY_COSINE, VERIFICATION_ACCURACY, VERIFICATION_TAR):
        assert WEIGHTS["dlib-descriptor"].mark in metric.signature
        assert "chip:150" in metric.signature
