"""LPIPS, dlib's descriptor and Inception: the numbers of the originals, whatever the batch, and no foreign files."""

import json
import pickle
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file

from occbench import weights
from occbench.errors import InputError
from occbench.metrics.dlib_descriptor import Descriptor
from occbench.metrics.inception import Inception, _Network, resized
from occbench.metrics.lpips import LPIPS

Image = npt.NDArray[np.uint8]


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_equals_the_published_package(models: Path, shared: Path, net: str) -> None:
    rows = json.loads((shared / "specs/golden_metrics.json").read_text())["rows"]
    metric = LPIPS(net)  # type: ignore[arg-type]
    for row in rows:
        photograph = cv2.imread(str(shared / "data/lfw/lfw-deepfunneled" / row["image"]))
        assert photograph is not None
        clean = cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB)[61:189, 61:189].copy()
        changed = clean.copy()
        if row["change"] == "box":
            changed[64:112, 32:96] = 0
        elif row["change"] == "noise":
            noise = np.random.default_rng(0).normal(0, 12, clean.shape)
            changed = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
        else:
            changed = np.roll(clean, 2, axis=1)
        assert metric(clean[None], changed[None])[0] == pytest.approx(row[f"lpips_{net}_v0_1"], abs=1e-5)


def test_lpips_of_equal_images_is_zero(models: Path, faces: Image) -> None:
    assert LPIPS("alex")(faces[:2], faces[:2]).tolist() == [0, 0]


def test_no_digit_depends_on_the_batch(models: Path, faces: Image) -> None:
    """Neither on how many there are nor on what surrounds an image."""
    lpips, descriptor = LPIPS("alex"), Descriptor()
    other = faces[::-1].copy()
    whole = lpips(faces, other)
    assert np.array_equal(lpips(faces[:8], other[:8]), whole[:8])
    assert np.array_equal(lpips(faces[8:], other[8:]), whole[8:])
    assert np.array_equal(descriptor(faces[8:]), descriptor(faces)[8:])


def test_the_descriptor_is_dlibs(faces: Image) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 150, 150, 3)).astype(np.uint8)
    chips = np.concatenate([faces[:3], noise])
    model = dlib.face_recognition_model_v1(str(weights.find("dlib-descriptor")))
    wanted = np.array([list(model.compute_face_descriptor(chip)) for chip in chips])
    assert np.abs(Descriptor()(chips) - wanted).max() < 1e-5


def test_chips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="150"):
        Descriptor()(np.zeros((1, 128, 128, 3), np.uint8))


@pytest.mark.parametrize("keep", [0, 1000, 5_000_000])
def test_a_cut_off_descriptor_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(weights.find("dlib-descriptor").read_bytes()[:keep])
    with pytest.raises(InputError, match=r"model\.dat is not dlib's face descriptor"):
        Descriptor(path)


def test_another_dlib_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(weights.find("dlib68").read_bytes()[:100_000])
    with pytest.raises(InputError, match="not dlib's face descriptor"):
        Descriptor(path)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (self.path,))  # type: ignore[return-value]


def test_pickles_are_not_read(tmp_path: Path) -> None:
    path, left = tmp_path / "weights.safetensors", tmp_path / "left"
    path.write_bytes(pickle.dumps(Trap(left)))
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        LPIPS("alex", path)
    assert not left.exists()


def test_weights_of_another_network_are_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="weights of another network"):
        LPIPS("alex", models / "lpips_vgg16.safetensors")
    state = load_file(models / "lpips_alexnet.safetensors")
    state["features.0.weight"] = state["features.0.weight"][:, :, :3, :3].contiguous()
    save_file(state, tmp_path / "small.safetensors")
    with pytest.raises(InputError, match=r"1 arrays differ, features\.0\.weight"):
        LPIPS("alex", tmp_path / "small.safetensors")


def test_inception_has_the_published_size() -> None:
    with torch.device("meta"):
        network = _Network()
    assert sum(p.numel() for p in network.parameters()) == 21_785_568  # without the classifier
    assert network.Mixed_7c.by_maximum
    assert not network.Mixed_7b.by_maximum


def test_inception_reads_what_the_recipe_writes(tmp_path: Path, faces: Image) -> None:
    torch.manual_seed(0)
    state = {key: array.contiguous() for key, array in _Network().state_dict().items() if "num_batches" not in key}
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = tmp_path / "inception.safetensors"
    save_file(state, path)
    network = Inception(path)
    features = network(list(faces[:3]))
    assert features.shape == (3, 2048)
    assert np.isfinite(features).all()
    assert np.array_equal(network([faces[2], faces[0], faces[1]])[1], features[0])


def test_resizing_is_antialiased_and_not_rounded(faces: Image) -> None:
    """Trap T1: a fine pattern turns gray, and values lie between levels."""
    stripes = np.zeros((897, 897, 3), np.uint8)
    stripes[:, ::3] = 255
    assert resized(stripes)[20:-20, 20:-20].std() < 1
    found = resized(faces[0])
    assert (found != np.rint(found)).any()
    red = Pillow.fromarray(faces[0][..., 0].astype(np.float32)).resize((299, 299), Pillow.Resampling.BICUBIC)
    assert np.array_equal(found[..., 0], np.asarray(red))
