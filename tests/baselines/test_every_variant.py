"""Every variant of every baseline in the loop: resumed to the bit, and in mixed precision; one of each baseline compiled."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from occbench.training import BASELINES
from occbench.training.checkpoints import LAST
from occbench.training.means import Means
from occbench.training.recipe import Recipe, baseline, book, resolve
from occbench.training.train import build, train

# An epoch is one step where there are stages: the first finds, the others draw; in the third, din-unmask's second discriminator
# has joined. Every second step of OA-GAN sees natural photographs.
STAGED = ("batch_size=8", "epochs=4", "ema=0.9")
TINY = {
    "context-encoder": ("base=2", "bottleneck=8", "batch_size=4", "ema=0.9"),
    "oa-gan": ("size=64", "width=2", "blocks=1", "random_features=true", "batch_size=2", "g_every=1", "natural_every=2", "ema=0.9"),
    "two-stage": (*STAGED, "size=64", "base=2", "mask_epochs=1"),
    "din-unmask": (*STAGED, "size=64", "base=2", "d_base=2", "map_epochs=1", "mask_after=1", "random_features=true"),
    "double-discriminator": (*STAGED, "size=128", "base=2", "bottleneck=4", "detector_base=2", "detector_epochs=1"),
}
EVERY = [(name, variant) for name in BASELINES for variant in book(baseline(name))["variants"]]

Run = Callable[..., Path]


def tiny(name: str, variant: str, *changes: str) -> Recipe:
    size = ("size=128",) if variant == "pathak" else ("size=32", "centre=10") if name == "context-encoder" else ()
    return resolve(name, variant=variant, changes=[*TINY[name], *size, *changes])


@pytest.fixture(scope="module")
def run(data: Path, natural: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run(name, variant, steps, *changes, out=None, **options)`: train a tiny one, or go on with the run in `out`."""

    def run(name: str, variant: str, steps: int, *changes: str, out: Path | None = None, **options: str) -> Path:
        into = out or tmp_path_factory.mktemp("runs") / "run"
        recipe = tiny(name, variant, "log_every=1", "validation.pairs=0", *changes)
        real = {"natural": natural, "detectors": ["dlib"]} if name == "oa-gan" else {}
        how = {"device": "cpu", "cache": cache, **real, **options}
        train(recipe, data, into, steps=steps, resume=out is not None, **how)  # type: ignore[arg-type]
        return into

    return run


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_a_resumed_run_comes_to_the_same_weights(run: Run, name: str, variant: str) -> None:
    """Networks, moving averages, Adam's moments, statistics of norms, the vectors of spectral norms."""
    changes = ["weights.perceptual=0"] if name == "din-unmask" else []  # for speed; what is frozen has nothing to resume
    whole = load_file(run(name, variant, 4, *changes) / LAST)
    resumed = load_file(run(name, variant, 4, *changes, out=run(name, variant, 2, *changes)) / LAST)
    assert whole.keys() == resumed.keys()
    assert [key for key in whole if not np.array_equal(whole[key].numpy(), resumed[key].numpy())] == []


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_pictures_and_masks_are_float32_in_mixed_precision(name: str, variant: str) -> None:
    """In bfloat16, what is nearly black or white would have no gradient."""
    recipe = tiny(name, variant)
    built, size = build(recipe, 0, 0), recipe.settings.size
    for network in (built.networks[part] for part in built.restoring):
        channels = next(m for m in network.modules() if isinstance(m, nn.Conv2d)).in_channels
        with torch.autocast("cpu", torch.bfloat16):
            drawn = network(torch.rand(2, channels, size, size))
        shown = drawn[:2] if isinstance(drawn, tuple) else (drawn,)  # after them, OA-GAN gives features
        assert {picture.dtype for picture in shown} == {torch.float32}


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_mixed_precision_has_float32_where_it_matters(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, variant: str) -> None:
    """In all stages: finite losses, summed up in float32, and weights, averages and moments in float32."""
    terms: list[tuple[str, torch.dtype]] = []
    add = Means.add

    def noted(self: Means, kind: str, values: Mapping[str, Tensor]) -> None:
        terms.extend((term, value.dtype) for term, value in values.items())
        add(self, kind, values)

    monkeypatch.setattr(Means, "add", noted)
    out = run(name, variant, 3, precision="bf16")
    assert {term for term, dtype in terms if dtype != torch.float32} == set()
    assert all(np.isfinite(value) for value in losses(out).values())
    assert {value.dtype for value in load_file(out / LAST).values()} <= {torch.float32, torch.int64}


@pytest.mark.parametrize("name", BASELINES)
def test_compiled_networks_have_the_same_losses(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One step of each stage.

    Traced and differentiated as `torch.compile` does it, but run by torch's own operators: its C++ takes minutes to compile, and
    draws other numbers in dropout. `test_train.py` compiles it for one baseline.
    """
    compile_network = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda network: compile_network(network, backend="aot_eager"))
    variant, steps = next(iter(book(baseline(name))["variants"])), 2 if "epochs=4" in TINY[name] else 1
    plain, compiled = (losses(run(name, variant, steps, f"compile={word}")) for word in ("false", "true"))
    assert compiled == pytest.approx(plain, rel=1e-3, abs=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("precision", ["32", "bf16"])
@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_a_run_moves_between_gpu_and_cpu(run: Run, name: str, variant: str, precision: str) -> None:
    out = run(name, variant, 2, device="cuda", precision=precision)
    for steps, device in ((3, "cpu"), (4, "cuda")):
        run(name, variant, steps, out=out, device=device, precision=precision)
    assert {step for step, _ in losses(out)} == {"1", "2", "3", "4"}
    assert all(np.isfinite(value) for value in losses(out).values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", BASELINES)
def test_a_gpu_has_the_same_losses(run: Run, name: str) -> None:
    """One step each; nothing random is drawn on the device then, but for dropout, which comes after."""
    variant = next(iter(book(baseline(name))["variants"]))
    on_cpu, on_gpu = (losses(run(name, variant, 1, device=device)) for device in ("cpu", "cuda"))
    assert on_gpu == pytest.approx(on_cpu, rel=0.05, abs=1e-3)


def losses(run: Path) -> dict[tuple[str, str], float]:
    """By step and term."""
    with (run / "metrics.csv").open(newline="") as file:
        return {(row["step"], row["name"]): float(row["value"]) for row in csv.DictReader(file) if row["kind"] == "loss"}
