"""LPIPS, against values of the reference package."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from occbench import weights
from occbench.errors import InputError
from occbench.metrics.lpips import LPIPS, LPIPS_ALEX, LPIPS_VGG, Net

Image = npt.NDArray[np.uint8]

FILES = {"alex": "lpips_alexnet.safetensors", "vgg": "lpips_vgg16.safetensors"}
ROWS = [f"{number}-{change}" for number in range(3) for change in ("box", "noise", "shift")]


@pytest.fixture(scope="module")
def golden(shared: Path) -> list[dict[str, Any]]:
    rows = json.loads((shared / "specs" / "golden_metrics.json").read_text())["rows"]
    assert isinstance(rows, list)
    return rows


@pytest.fixture(scope="module")
def pairs(shared: Path, golden: list[dict[str, Any]]) -> tuple[Image, Image]:
    """Crops of photographs and what they were changed to, (9, 128, 128, 3) each."""
    originals, changed = [], []
    for row in golden:
        photograph = cv2.imread(str(shared / "data" / "lfw" / "lfw-deepfunneled" / row["image"]))
        assert photograph is not None
        image = np.asarray(photograph[61:189, 61:189, ::-1], np.uint8)
        other = image.copy()
        if row["change"] == "box":
            other[64:112, 32:96] = 0
        elif row["change"] == "noise":
            noise = np.random.default_rng(0).normal(0, 12, image.shape)
            other = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
        else:
            other = np.roll(image, 2, axis=1)
        originals.append(image)
        changed.append(other)
    return np.stack(originals), np.stack(changed)


@pytest.fixture(scope="module", params=["alex", "vgg"])
def net(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def metric(shared: Path, net: Net) -> LPIPS:
    return LPIPS(net, shared / "models" / FILES[net])


@pytest.fixture(scope="module")
def alex(shared: Path) -> LPIPS:
    return LPIPS("alex", shared / "models" / FILES["alex"])


def test_it_equals_the_reference_package(metric: LPIPS, net: Net, pairs: tuple[Image, Image], golden: list[dict[str, Any]]) -> None:
    found = metric(*pairs)
    assert found.dtype == np.float64
    assert found == pytest.approx([row[f"lpips_{net}_v0_1"] for row in golden], abs=1e-5)


def test_it_is_symmetric_and_zero_for_the_same_image(alex: LPIPS, pairs: tuple[Image, Image]) -> None:
    first, second = pairs
    assert alex(first, second) == pytest.approx(alex(second, first), abs=1e-7)
    assert not alex(first, first).any()


def test_no_digit_depends_on_the_neighbours(alex: LPIPS, pairs: tuple[Image, Image]) -> None:
    together = alex(*pairs)
    one_by_one = [alex(a[None], b[None])[0] for a, b in zip(*pairs, strict=True)]
    backwards = alex(pairs[0][::-1], pairs[1][::-1])[::-1]
    assert together.tolist() == one_by_one == backwards.tolist()


@pytest.mark.parametrize("scaled", [(0, 1), (-1, 1)], ids=str)
def test_images_of_another_range_are_refused(alex: LPIPS, pairs: tuple[Image, Image], scaled: tuple[float, float]) -> None:
    """Trap T6: the reference takes [-1, 1] and says nothing when it is given something else."""
    low, high = scaled
    first, second = (images / 255 * (high - low) + low for images in pairs)
    with pytest.raises(ValueError, match=r"uint8 in 0\.\.255, not float64"):
        alex(first, second)  # type: ignore[arg-type]


def test_the_range_matters(alex: LPIPS, pairs: tuple[Image, Image], golden: list[dict[str, Any]]) -> None:
    """Trap T6: with the image in [0, 1] where the network wants [-1, 1], other values come out, which look as likely."""
    halved = alex(*((images // 2 + 128).astype(np.uint8) for images in pairs))
    wanted = np.array([row["lpips_alex_v0_1"] for row in golden])
    assert np.abs(halved / wanted - 1).min() > 0.01
    assert "|input:[-1,1]|" in LPIPS_ALEX.signature


def test_two_sizes_are_refused(alex: LPIPS) -> None:
    with pytest.raises(ValueError, match="one size"):
        alex(np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 64, 65, 3), np.uint8))


def test_one_image_is_not_compared_with_several(alex: LPIPS) -> None:
    with pytest.raises(ValueError, match="one size"):
        alex(np.zeros((1, 64, 64, 3), np.uint8), np.zeros((2, 64, 64, 3), np.uint8))


def test_the_smallest_size(alex: LPIPS) -> None:
    smallest = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 32, 3), dtype=np.uint8)
    assert np.isfinite(alex(*smallest)).all()
    with pytest.raises(ValueError, match="31×32 px are too small"):
        alex(*smallest[..., :31, :])


def test_weights_are_found_in_the_named_folder(shared: Path, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.ENVIRONMENT, str(shared / "models"))
    assert LPIPS(net)(*np.zeros((2, 1, 32, 32, 3), np.uint8)).tolist() == [0]


def test_the_other_networks_weights_are_refused(shared: Path) -> None:
    with pytest.raises(InputError, match=r"lpips_vgg16\.safetensors holds the weights of another network"):
        LPIPS("alex", shared / "models" / FILES["vgg"])


def test_changed_weights_are_not_found(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray((shared / "models" / FILES["alex"]).read_bytes())
    content[-1] ^= 1
    (tmp_path / FILES["alex"]).write_bytes(content)
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="another file: its sha256"):
        LPIPS("alex")


def test_the_declarations() -> None:
    assert (LPIPS_ALEX.name, LPIPS_ALEX.default, LPIPS_VGG.name, LPIPS_VGG.default) == ("lpips", True, "lpips_vgg", False)
    assert LPIPS_ALEX.signature.split("|", 1)[1] != LPIPS_VGG.signature.split("|", 1)[1]
    assert not LPIPS_ALEX.higher_is_better
