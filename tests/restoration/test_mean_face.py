"""The mean face: what is learnt, how it is fitted to a photograph, and what it refuses."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, UsageError
from occbench.restoration import apply, create
from occbench.restoration.mean_face import MeanFace

Pixels = npt.NDArray[np.uint8]


def test_the_mean_is_numpys(portraits: list[Pixels]) -> None:
    learnt = MeanFace().prepare(lambda: portraits)
    assert learnt.mean is not None
    assert np.array_equal(learnt.mean, np.mean(np.stack(portraits).astype(np.float64), axis=0))


def test_the_order_of_photographs_does_not_matter(portraits: list[Pixels]) -> None:
    three = [*portraits, portraits[0] // 3]
    assert MeanFace().prepare(lambda: three).signature == MeanFace().prepare(lambda: three[::-1]).signature


def test_the_signature_says_what_was_learnt(portraits: list[Pixels]) -> None:
    every = [MeanFace().prepare(many.copy).signature for many in (portraits, portraits[:1], portraits[1:])]
    assert len(set(every)) == 3
    assert MeanFace().prepare(lambda: portraits).signature.startswith("mean-face|n:2|")


def test_preparing_leaves_the_unprepared_as_it_was(portraits: list[Pixels]) -> None:
    method = MeanFace()
    method.prepare(lambda: portraits)
    assert method.mean is None


def test_the_mean_is_shifted_to_the_visible_mean(portraits: list[Pixels], alphas: dict[str, Pixels]) -> None:
    image, alpha = portraits[0] // 2 + 30, alphas["inner"]
    method = MeanFace().prepare(lambda: portraits)
    assert method.mean is not None
    seen = alpha == 0
    for channel in range(3):
        shift = image[..., channel][seen].mean() - method.mean[..., channel][seen].mean()
        expected = np.clip(method.mean[..., channel] + shift, 0, 255)
        found = apply(method, image[None], alpha[None]).images[0, ..., channel]
        assert np.abs(found - expected)[~seen].max() <= 0.5 + 1e-9


def test_nothing_visible_becomes_the_mean_face(portraits: list[Pixels], alphas: dict[str, Pixels]) -> None:
    method = MeanFace().prepare(lambda: portraits)
    assert method.mean is not None
    found = apply(method, portraits[0][None], alphas["all"][None]).images[0]
    assert np.array_equal(found, np.rint(method.mean))


def test_unprepared(portraits: list[Pixels], alphas: dict[str, Pixels]) -> None:
    with pytest.raises(UsageError, match="prepare it"):
        apply(create("mean-face"), portraits[0][None], alphas["inner"][None])


def test_no_photographs() -> None:
    with pytest.raises(InputError, match="--split all"):
        create("mean-face").prepare(list)


def test_photographs_of_differing_sizes(portraits: list[Pixels]) -> None:
    with pytest.raises(InputError, match=r"96×128 and 95×128 pixels.*--crop aligned"):
        create("mean-face").prepare(lambda: [portraits[0], portraits[1][:, 1:]])


def test_a_photograph_of_another_size(portraits: list[Pixels]) -> None:
    method = create("mean-face").prepare(lambda: portraits)
    with pytest.raises(InputError, match=r"96×128 pixels and cannot restore 64×64"):
        apply(method, np.zeros((1, 64, 64, 3), np.uint8), np.full((1, 64, 64), 255, np.uint8))


def test_methods_that_learn_nothing_open_no_photograph() -> None:
    def examples() -> list[Pixels]:
        raise AssertionError(Path("opened"))

    for name in ("occluded", "telea", "navier-stokes", "biharmonic", "blur-fill"):
        create(name).prepare(examples)
