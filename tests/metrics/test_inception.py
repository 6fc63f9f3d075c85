"""Inception features, on weights drawn at random where the published ones are not there."""

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import nn

from occbench import weights
from occbench.errors import InputError
from occbench.metrics.inception import _E, SIDE, Inception, _average, _Network, resized

Image = npt.NDArray[np.uint8]
State = dict[str, torch.Tensor]

FILE = weights.WEIGHTS["inception-fid"].file


def shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(array.shape) for key, array in _Network().state_dict().items()}


def random_state() -> State:
    """A checkpoint as published: with the classifier, and without counts of training batches."""
    rng = np.random.default_rng(0)
    state: State = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    for key, shape in shapes().items():
        if key.endswith("conv.weight"):
            drawn = rng.standard_normal(shape, np.float32) * math.sqrt(2 / math.prod(shape[1:]))
            state[key] = torch.from_numpy(drawn).half()  # half the disk
        elif not key.endswith("num_batches_tracked"):
            state[key] = torch.full(shape, 1.0 if key.endswith(("weight", "running_var")) else 0.0)
    return state


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("inception")
    save_file(random_state(), root / FILE)
    return root


@pytest.fixture(scope="module")
def inception(folder: Path) -> Inception:
    return Inception(folder / FILE)


@pytest.fixture(scope="module")
def images(astronaut: Image) -> list[Image]:
    """Of three sizes, upright and lying."""
    return [astronaut[:200, 100:300], astronaut[50:178, 150:278], astronaut[:150, 100:400]]


@pytest.fixture(scope="module")
def features(inception: Inception, images: list[Image]) -> npt.NDArray[np.float32]:
    return inception(images)


def test_the_number_of_parameters() -> None:
    """Keras's InceptionV3 without its top has 21,802,784 numbers; they leave out the gains of 17,216 normalised channels, and count
    means and variances in."""
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in _Network().parameters())
    assert parameters == 21_802_784 + 17_216 - 2 * 17_216
    assert parameters + 2048 * 1008 + 1008 == 23_850_960  # with the classifier of 1,008 classes


def test_features_are_2048_numbers_a_face(features: npt.NDArray[np.float32]) -> None:
    assert features.shape == (3, 2048)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert features.std(axis=0).max() > 0


def test_no_digit_depends_on_the_neighbours(inception: Inception, images: list[Image], features: npt.NDArray[np.float32]) -> None:
    assert np.array_equal(inception(images[::-1])[::-1], features)
    assert np.array_equal(inception(images[1:2]), features[1:2])


def test_averages_leave_their_padding_out() -> None:
    ones = torch.ones(1, 1, 4, 5)
    assert torch.equal(_average(ones), ones)


@pytest.mark.parametrize("by_maximum", [False, True])
def test_only_the_last_block_pools_by_maximum(by_maximum: bool) -> None:
    """With a single bright point and the pooled branch as it is: everywhere one, or a share that depends on the place."""
    block = _E(1280, by_maximum=by_maximum).eval()
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    nn.init.dirac_(block.branch_pool.conv.weight)
    nn.init.ones_(block.branch_pool.bn.weight)
    point = torch.zeros(1, 1280, 3, 3)
    point[:, :, 1, 1] = 1
    with torch.inference_mode():
        pooled = block(point)[0, -192]
    shares = torch.ones(3, 3) if by_maximum else torch.tensor([[1 / 4, 1 / 6, 1 / 4], [1 / 6, 1 / 9, 1 / 6], [1 / 4, 1 / 6, 1 / 4]])
    assert torch.allclose(pooled * math.sqrt(1.001), shares, atol=1e-5)
    with torch.device("meta"):
        network = _Network()
    assert (network.Mixed_7b.by_maximum, network.Mixed_7c.by_maximum) == (False, True)


@pytest.mark.parametrize("shape", [(128, 128), (512, 300), (299, 299), (20, 700)], ids=str)
def test_resizing_is_pillows_bicubic_filter(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = resized(image)
    for channel in range(3):
        plane = Pillow.fromarray(image[..., channel]).convert("F")
        assert np.array_equal(found[..., channel], np.asarray(plane.resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)))


def test_resizing_is_antialiased() -> None:
    """Trap T1: fine stripes turn gray; without a filter as wide as the reduction they would turn into coarse ones."""
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    assert resized(stripes)[10:-10, 10:-10].std() < 1
    aliased = cv2.resize(stripes, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    assert aliased[10:-10, 10:-10].std() > 5


def test_resizing_does_not_round_or_clip(astronaut: Image) -> None:
    found = resized(astronaut)
    assert np.abs(found - np.rint(found)).max() > 0.4
    edge = np.zeros((100, 100, 3), np.uint8)
    edge[:, 50:] = 255
    assert resized(edge).max() > 255


def test_levels_are_scaled_as_in_the_original_graph(inception: Inception, monkeypatch: pytest.MonkeyPatch) -> None:
    """(level - 128) / 128, not level / 127.5 - 1."""
    seen = []

    def look(batch: torch.Tensor) -> torch.Tensor:
        seen.append((batch.shape, float(batch.min()), float(batch.max())))
        return batch.mean((1, 2, 3))

    monkeypatch.setattr(inception, "_network", look)
    inception([np.zeros((299, 299, 3), np.uint8), np.full((299, 299, 3), 255, np.uint8)])
    assert seen == [((8, 3, 299, 299), -1.0, 127 / 128)]


def test_images_of_another_range_are_refused(inception: Inception) -> None:
    with pytest.raises(ValueError, match="uint8"):
        inception([np.zeros((64, 64, 3))])  # type: ignore[list-item]


def test_weights_are_found_in_the_named_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.ENVIRONMENT, str(folder))
    Inception()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / FILE)
    with pytest.raises(InputError, match="holds the weights of another network"):
        Inception(tmp_path / FILE)


def test_the_published_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pt_inception-2015-12-05-6726825d.pth"
    torch.save({"fc.bias": torch.zeros(1008)}, path)
    with pytest.raises(InputError, match=r"6726825d\.pth cannot be read as safetensors"):
        Inception(path)
