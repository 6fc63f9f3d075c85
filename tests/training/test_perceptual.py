"""Perceptual networks: taps, parameter counts, frozen whatever happens (OA-17, V2-5)."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from occbench.errors import InputError
from occbench.training.perceptual import features, resnet34_taps, vgg16_taps


def test_oa_17_taps_of_vgg16() -> None:
    with torch.device("meta"):
        network = vgg16_taps()
        shapes = [tuple(tap.shape[1:]) for tap in network(torch.empty(1, 3, 128, 128))]
    assert shapes == [(64, 64, 64), (128, 32, 32), (256, 16, 16)]
    assert sum(p.numel() for p in network.parameters()) == 1_735_488
    assert not any(p.requires_grad for p in network.parameters())


def test_taps_of_resnet34() -> None:
    with torch.device("meta"):
        network = resnet34_taps()
        shapes = [tuple(tap.shape[1:]) for tap in network(torch.empty(1, 3, 128, 128))]
    assert shapes == [(128, 32, 32), (256, 16, 16), (512, 8, 8)]
    assert [sum(p.numel() for p in stage.parameters()) for stage in network.stages] == [461_632, 2_985_984, 17_837_056]


@pytest.mark.parametrize("name", ["vgg16", "resnet34"])
def test_gradients_reach_the_pictures_and_not_the_network(name: str) -> None:
    network = features(name, random=True)  # type: ignore[arg-type]
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    torch.stack([tap.mean() for tap in network(images)]).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_they_stay_in_evaluation_mode() -> None:
    network = resnet34_taps()
    network.train()
    torch.nn.ModuleDict({"inside": network}).train()
    assert not any(module.training for module in network.modules())


def test_random_weights_are_always_the_same() -> None:
    torch.manual_seed(1)
    first = features("vgg16", random=True).state_dict()
    torch.manual_seed(2)
    second = features("vgg16", random=True).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_vgg16s_weights_are_those_of_lpips(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    stored = load_file(shared / "models" / "lpips_vgg16.safetensors")
    network = features("vgg16", random=False)
    assert torch.equal(next(network.parameters()), stored["features.0.weight"].float())
    last = list(network.stages[2].parameters())[-2]
    assert torch.equal(last, stored["features.14.weight"].float())


def test_resnet34s_weights_go_by_torchvisions_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversion as the module's docstring says, from a state dict under torchvision's names."""
    from occbench.training.perceptual import _ResNet34

    state = {
        key: torch.randn_like(value) if value.is_floating_point() else value for key, value in _ResNet34().state_dict().items()
    }
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.2.bn2.num_batches_tracked"} <= state.keys()
    assert len(state) == 216  # torchvision's 218 without fc
    save_file(state, tmp_path / "resnet34.safetensors")
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(tmp_path))
    network = features("resnet34", random=False)
    assert torch.equal(next(network.parameters()), state["conv1.weight"])


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"resnet34\.safetensors"):
        features("resnet34", random=False)
