"""Running and filling networks: batches that change no digit, and files that do not fit."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from occbench.errors import InputError
from occbench.metrics.networks import BATCH, as_tensor, in_batches, load_weights, one_thread
from occbench.metrics.vgg import Features

Image = npt.NDArray[np.uint8]


def noise(count: int, side: int = 4) -> Image:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def means(images: Tensor) -> Tensor:
    return images.mean((2, 3))


def network() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))


def arrays() -> dict[str, Tensor]:
    rng = np.random.default_rng(1)
    shapes = {
        "0.weight": (2, 3, 3, 3),
        "0.bias": (2,),
        **{f"1.{k}": (2,) for k in ("weight", "bias", "running_mean", "running_var")},
    }
    return {key: torch.from_numpy(rng.random(shape)).float() for key, shape in shapes.items()}


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[dict[str, Tensor]], Path]:
    def store(content: dict[str, Tensor]) -> Path:
        save_file(content, tmp_path / "net.safetensors")
        return tmp_path / "net.safetensors"

    return store


@given(count=st.integers(1, 3 * BATCH + 1))
def test_every_image_is_answered_in_order(count: int) -> None:
    assert in_batches(means, noise(count)) == pytest.approx(noise(count).mean((1, 2)) / 255, abs=1e-6)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_function_sees_batches_of_one_size_on_one_thread() -> None:
    seen = []

    def look(images: Tensor) -> Tensor:
        seen.append((len(images), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return means(images)

    in_batches(look, noise(2 * BATCH + 1))
    assert seen == [(BATCH, 1, True)] * 3
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_come_back_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="stop"), one_thread():
        raise RuntimeError("stop")
    assert torch.get_num_threads() == 2


def test_an_incomplete_batch_is_filled_with_its_first_image() -> None:
    def whole(images: Tensor) -> Tensor:
        return images.mean().expand(BATCH)

    images = noise(2)
    wanted = (images[0].mean() * (BATCH - 1) + images[1].mean()) / BATCH / 255
    assert in_batches(whole, images)[0] == pytest.approx(wanted, abs=1e-6)


def test_stacks_go_together() -> None:
    images = noise(BATCH + 3)
    difference = in_batches(lambda a, b: means(a - b), images, np.roll(images, 1, axis=0))
    assert difference == pytest.approx((images.astype(float) - np.roll(images, 1, axis=0)).mean((1, 2)) / 255, abs=1e-6)


def test_images_of_several_sizes_can_be_prepared() -> None:
    found = in_batches(
        lambda t: t, [noise(1)[0], noise(1, 9)[0]], prepare=lambda images: torch.tensor([i.shape[0] for i in images])
    )
    assert found.tolist() == [4, 9]


@pytest.mark.parametrize("stacks", [(noise(0),), (noise(3), noise(2))], ids=["none", "unequal"])
def test_stacks_that_do_not_fit_are_refused(stacks: tuple[Image, ...]) -> None:
    with pytest.raises(ValueError, match="one length"):
        in_batches(means, *stacks)


def test_channels_come_first_and_levels_become_fractions() -> None:
    image = np.zeros((1, 2, 5, 3), np.uint8)
    image[0, 1, 4] = 0, 51, 255
    assert as_tensor(image)[0, :, 1, 4].tolist() == pytest.approx([0, 0.2, 1])


def test_a_network_is_filled_frozen_and_in_its_running_mode(stored: Callable[..., Path]) -> None:
    net = network()
    load_weights(net, stored({k: v.half() for k, v in arrays().items()}))
    state = net.state_dict()
    assert all(torch.equal(state[key], array.half().float()) for key, array in arrays().items())
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_a_filled_network_does_not_change_with_its_file(stored: Callable[..., Path]) -> None:
    net = network()
    path = stored(arrays())
    load_weights(net, path)
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(net.state_dict()["0.weight"], arrays()["0.weight"])


def test_loading_draws_nothing(stored: Callable[..., Path]) -> None:
    before = torch.get_rng_state()
    load_weights(network(), stored(arrays()))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"0.bias": None}, r"0\.bias"),
        ({"2.weight": torch.zeros(2)}, r"2\.weight"),
        ({"0.bias": torch.zeros(3)}, r"0\.bias"),
        ({"0.bias": torch.tensor([0, torch.nan])}, r"damaged: 0\.bias"),
    ],
    ids=["missing", "surplus", "shape", "not finite"],
)
def test_other_weights_are_refused(stored: Callable[..., Path], change: dict[str, Tensor | None], said: str) -> None:
    content = {key: array for key, array in {**arrays(), **change}.items() if array is not None}
    with pytest.raises(InputError, match=rf"net\.safetensors .*{said}"):
        load_weights(network(), stored(content))


class Loud:
    """What says when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize("content", [pickle.dumps(Loud()), b"", b"\xff" * 100], ids=["pickle", "empty", "huge header"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"net\.safetensors cannot be read as safetensors"):
        load_weights(network(), path)


def test_a_torch_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(arrays(), path)
    with pytest.raises(InputError, match=r"net\.pth cannot be read as safetensors"):
        load_weights(network(), path)


@pytest.mark.parametrize("name", ["missing.safetensors", "."])
def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(network(), tmp_path / name)


def test_vgg_features_have_the_names_and_sizes_of_the_paper(shared: Path) -> None:
    features = Features(["relu5_3", "relu1_1", "relu3_3"], shared / "models" / "lpips_vgg16.safetensors")
    with one_thread():
        found = features(torch.zeros(1, 3, 64, 48))
    assert {name: tuple(value.shape[1:]) for name, value in found.items()} == {
        "relu1_1": (64, 64, 48),
        "relu3_3": (256, 16, 12),
        "relu5_3": (512, 4, 3),
    }
    assert list(found) == ["relu1_1", "relu3_3", "relu5_3"]
    assert all(bool((value >= 0).all()) for value in found.values())


def test_vgg_features_hand_gradients_to_the_images_alone(shared: Path) -> None:
    features = Features(["relu2_1"], shared / "models" / "lpips_vgg16.safetensors")
    images = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    with one_thread():
        features(images)["relu2_1"].sum().backward()
    assert images.grad is not None
    assert bool(images.grad.abs().sum() > 0)
    assert all(parameter.grad is None for parameter in features.parameters())


def test_vgg_features_are_named_as_in_the_paper(shared: Path) -> None:
    """In the order of the ReLUs, a number for the group and one inside it."""
    names = [f"relu{k}_{n}" for k, count in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, count + 1)]
    features = Features(names, shared / "models" / "lpips_vgg16.safetensors")
    images = torch.from_numpy(np.random.default_rng(0).random((1, 3, 32, 32), np.float32))
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x, wanted = (images - mean) / deviation, []
    with one_thread(), torch.inference_mode():
        found = features(images)
        for layer in features.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                wanted.append(x)
    assert list(found) == names
    assert all(torch.equal(a, b) for a, b in zip(found.values(), wanted, strict=True))


@pytest.mark.parametrize("names", [[], ["relu6_1"], ["relu1_3"]])
def test_unknown_vgg_features_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"relu1_1, .*relu5_3"):
        Features(names, Path("unused"))
