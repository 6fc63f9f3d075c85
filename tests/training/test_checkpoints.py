"""Checkpoints: whole or not there, and never trusted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from occbench.errors import InputError, RunError
from occbench.training import checkpoints
from occbench.training.checkpoints import find, load, save
from occbench.training.recipe import resolve

RECIPE = resolve("context-encoder", changes=["size=32", "base=2"])


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(spectral_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def trained(seed: int) -> tuple[nn.Module, torch.optim.Adam]:
    model = network(seed)
    adam = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(3):
        adam.zero_grad()
        model(torch.rand(2, 3, 8, 8)).sum().backward()
        adam.step()
    return model, adam


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model, adam = trained(1)
    save(tmp_path / "x.safetensors", RECIPE, {"step": 3}, {"net": model}, {"net": network(5)}, {"adam": adam})
    return tmp_path / "x.safetensors"


def test_everything_comes_back(path: Path) -> None:
    model, adam = trained(1)
    other, its_adam = trained(2)
    average = network(6)
    found = load(path)
    found.load_networks({"net": other})
    found.load_networks({"net": average}, "averages")
    found.load_optimizers({"adam": its_adam})
    assert (found.recipe, found.facts) == (RECIPE, {"step": 3})
    for key, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key
    for one, another in zip(adam.state.values(), its_adam.state.values(), strict=True):
        assert all(torch.equal(one[key], another[key]) for key in ("step", "exp_avg", "exp_avg_sq"))
    assert torch.equal(average.state_dict()["1.weight"], network(5).state_dict()["1.weight"])


def test_optimisers_go_on_as_they_would_have(path: Path) -> None:
    model, adam = trained(1)
    other, its_adam = trained(2)
    found = load(path)
    found.load_networks({"net": other})
    found.load_optimizers({"adam": its_adam})
    images = torch.rand(2, 3, 8, 8)
    for net, optimizer in ((model, adam), (other, its_adam)):
        optimizer.zero_grad()
        net(images).square().sum().backward()
        optimizer.step()
    for key, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key


def rewritten(path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, object]], object]) -> Path:
    from safetensors import safe_open

    arrays = {key: value.clone() for key, value in load_file(path).items()}  # not views of the file that is written anew
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["occbench"])
    change(arrays, header)
    save_file(arrays, path, {"occbench": json.dumps(header)})
    return path


WEIGHT = "networks.net.1.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, h: a.pop(WEIGHT), r"networks\.net differ, 1\.weight"),
        (lambda a, h: a.update({WEIGHT: torch.zeros(5)}), r"\(5,\) instead of \(4,\)"),
        (lambda a, h: a.update({"networks.net.more": torch.zeros(1)}), "more for one"),
        (lambda a, h: a[WEIGHT].fill_(float("nan")), "not finite"),
        (lambda a, h: a.update({WEIGHT: a[WEIGHT].double()}), r"\(4,\) of float64 instead of \(4,\)"),
        (lambda a, h: a.update({WEIGHT: a[WEIGHT].to(torch.float8_e4m3fn)}), "float8"),
        (lambda a, h: a.update({WEIGHT: a[WEIGHT] * 1j}), "complex64"),
    ],
    ids=["missing", "shape", "surplus", "nan", "double", "float8", "complex"],
)
def test_arrays_that_do_not_fit_are_refused(path: Path, change: Callable[..., object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        load(rewritten(path, change)).load_networks({"net": network()})
    assert str(path) in str(caught.value)


def test_moments_that_do_not_fit_are_refused(path: Path) -> None:
    rewritten(path, lambda a, h: a.update({"optimizers.adam.0.exp_avg": torch.zeros(2)}))
    with pytest.raises(InputError, match="exp_avg"):
        load(path).load_optimizers({"adam": trained(1)[1]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, h: h.update(format=9), "format 9"),
        (lambda a, h: h.pop("facts"), "header cannot be read"),
        (lambda a, h: h.update(facts=3), "header cannot be read"),
        (lambda a, h: h["facts"].update(labels=10**12), "header cannot be read"),
        (lambda a, h: h["facts"].update(threads=10**9), "header cannot be read"),
        (lambda a, h: h["facts"].update(best=[1]), "header cannot be read"),
        (lambda a, h: h["facts"].update(best={"step": []}), "header cannot be read"),
        (lambda a, h: h["facts"].update(best={"psnr_mask": "high"}), "header cannot be read"),
        (lambda a, h: h["facts"].update(averaged={"net": -1}), "header cannot be read"),
        (lambda a, h: h["facts"].update(averaged={"net": 1e999}), "header cannot be read"),
        (lambda a, h: h.update(recipe={"baseline": "rm -rf", "variant": "", "recipe": ""}), "baseline"),
        (lambda a, h: h["recipe"]["settings"].update(size=-4), "size"),
    ],
    ids=[
        "format",
        "no facts",
        "facts",
        "labels",
        "threads",
        "best",
        "step",
        "value",
        "negative",
        "infinite",
        "baseline",
        "settings",
    ],
)
def test_headers_that_cannot_be_are_refused(path: Path, change: Callable[..., object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        load(rewritten(path, change))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("step", [None, "3", -1, True, 2.5], ids=repr)
def test_facts_that_cannot_be_are_refused(path: Path, step: object) -> None:
    with pytest.raises(InputError, match="does not say step"):
        load(rewritten(path, lambda a, h: h.update(facts={"step": step}))).count("step")


@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", b"{}", bytes(64)], ids=repr)
def test_files_that_are_no_safetensors_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.safetensors"):
        load(tmp_path / "x.safetensors")


def test_pickles_are_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("sprung",))

    torch.save({"a": Trap()}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="never pickles"):
        load(tmp_path / "x.pt")


def test_a_cut_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load(path)


def test_foreign_arrays_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "x.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="no checkpoint of occbench"):
        load(tmp_path / "x.safetensors")


def test_a_failure_while_writing_keeps_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(arrays: object, file: Path, metadata: object) -> None:
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(RunError, match="No space left"):
        save(path, RECIPE, {}, {"net": network()})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_best_checkpoint_comes_first(tmp_path: Path) -> None:
    for name in (checkpoints.LAST, checkpoints.BEST):
        (tmp_path / name).write_bytes(b"x")
        assert find(tmp_path) == tmp_path / name
    assert find(tmp_path / checkpoints.LAST) == tmp_path / checkpoints.LAST
