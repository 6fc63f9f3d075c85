"""ONNX files compute what torch computes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from occbench.errors import RunError
from occbench.restoration import export
from occbench.training import checkpoints
from occbench.training.recipe import resolve
from occbench.training.train import build

pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    recipe = resolve("context-encoder", changes=["size=32", "base=2"])
    checkpoints.save(folder / checkpoints.LAST, recipe, {"step": 1, "labels": 0}, build(recipe, 0, 7).networks)
    return folder


def test_the_file_restores_as_torch_does(run: Path, tmp_path: Path) -> None:
    import onnxruntime

    from occbench.restoration.trained import opened

    document = export.export_onnx(run, tmp_path / "ce.onnx")
    assert document["inputs"] == ["occluded", "mask"]
    assert document["difference"] < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "ce.onnx"), providers=["CPUExecutionProvider"])
    occluded = np.random.default_rng(0).random((5, 3, 32, 32), dtype=np.float32)
    mask = np.zeros((5, 1, 32, 32), np.float32)
    mask[:, :, 5:9, 20:30] = 1
    (restored,) = session.run(None, {"occluded": occluded, "mask": mask})
    with torch.inference_mode():
        ours = opened(run).baseline.restore(torch.from_numpy(occluded), torch.from_numpy(mask)).images.numpy()
    assert np.abs(restored - ours).max() < 1e-5


BOTH = ["restored", "occlusion"]


@pytest.mark.parametrize(
    ("name", "variant", "changes", "outputs"),
    [
        ("oa-gan", None, ["size=64", "width=2", "blocks=1"], BOTH),
        ("two-stage", None, ["size=64", "base=2"], BOTH),
        ("din-unmask", None, ["size=64", "base=2"], BOTH),
        ("double-discriminator", None, ["size=128", "base=2", "bottleneck=4", "detector_base=2"], BOTH),
        ("double-discriminator", "patch", ["size=128", "base=2", "bottleneck=4"], ["restored"]),
    ],
)
def test_a_blind_baseline_has_one_input_and_tells_its_mask(
    tmp_path: Path, name: str, variant: str | None, changes: list[str], outputs: list[str]
) -> None:
    recipe = resolve(name, variant=variant, changes=changes)
    checkpoints.save(tmp_path / checkpoints.LAST, recipe, {"step": 1, "labels": 0}, build(recipe, 0, 7).networks)
    document = export.export_onnx(tmp_path, tmp_path / "file.onnx")
    assert (document["inputs"], document["outputs"]) == (["occluded"], outputs)
    assert document["difference"] < 1e-5


def test_a_file_that_differs_is_not_kept(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_difference", lambda *arguments: 0.5)
    with pytest.raises(RunError, match="otherwise than torch"):
        export.export_onnx(run, tmp_path / "ce.onnx")
    assert list(tmp_path.iterdir()) == []
