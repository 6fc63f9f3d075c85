"""Each training-free method against an implementation that others maintain, or against arithmetic."""

from importlib.metadata import version

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage  # type: ignore[import-untyped]
from skimage.restoration import inpaint_biharmonic

from occbench.restoration import apply, create
from occbench.restoration.classical import GRAY
from occbench.seeding import generator

Pixels = npt.NDArray[np.uint8]


def restored(name: str, image: Pixels, alpha: Pixels) -> Pixels:
    found: Pixels = apply(create(name), image[None], alpha[None]).images[0]
    return found


@pytest.mark.parametrize("kind", ["inner", "soft"])
@pytest.mark.parametrize(("name", "method"), [("telea", cv2.INPAINT_TELEA), ("navier-stokes", cv2.INPAINT_NS)])
def test_opencv(name: str, method: int, kind: str, portrait: Pixels, alphas: dict[str, Pixels]) -> None:
    expected = cv2.inpaint(portrait, alphas[kind], 3, method)
    assert np.array_equal(restored(name, portrait, alphas[kind]), expected)


@pytest.mark.parametrize(("name", "method"), [("telea", cv2.INPAINT_TELEA), ("navier-stokes", cv2.INPAINT_NS)])
def test_opencv_radius_grows_with_the_image(name: str, method: int, portrait: Pixels, alphas: dict[str, Pixels]) -> None:
    image = cv2.resize(portrait, (192, 256))
    alpha = cv2.resize(alphas["inner"], (192, 256), interpolation=cv2.INTER_NEAREST)
    found = restored(name, np.asarray(image, np.uint8), np.asarray(alpha, np.uint8))
    assert np.array_equal(found, cv2.inpaint(image, alpha, 6, method))


def test_opencv_itself_lets_hidden_pixels_through_at_the_border(portrait: Pixels, alphas: dict[str, Pixels]) -> None:
    """Why `Filler` takes the occluder out first. When this fails, OpenCV has been mended, and that is only caution."""
    if not cv2.__version__.startswith("5.0."):
        pytest.skip("known of OpenCV 5.0")
    other = generator(0, "hidden").integers(0, 256, portrait.shape, dtype=np.uint8)
    images = [portrait, np.where((alphas["border"] > 0)[..., None], other, portrait)]
    first, second = (cv2.inpaint(image, alphas["border"], 3, cv2.INPAINT_NS) for image in images)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", ["inner", "soft", "border", "scattered"])
def test_biharmonic_is_scikit_images(kind: str, portrait: Pixels, alphas: dict[str, Pixels]) -> None:
    hole = alphas[kind] > 0
    expected = 255 * inpaint_biharmonic(portrait / 255, hole, channel_axis=-1)
    found = restored("biharmonic", portrait, alphas[kind])
    assert np.abs(found - expected).max() < 0.5 + 1e-6


@pytest.mark.parametrize("direction", [(1, 0), (0, 2), (1, 1)])
def test_biharmonic_continues_a_ramp(direction: tuple[int, int], alphas: dict[str, Pixels]) -> None:
    y, x = np.mgrid[:128, :96]
    ramp = np.repeat((direction[0] * y + direction[1] * x)[..., None], 3, axis=2).astype(np.uint8)
    found = restored("biharmonic", np.where((alphas["inner"] > 0)[..., None], np.uint8(0), ramp), alphas["inner"])
    assert np.array_equal(found, ramp)


def test_biharmonic_says_which_scikit_image() -> None:
    assert f"scikit-image:{version('scikit-image')}|" in create("biharmonic").signature


@pytest.mark.parametrize("kind", ["inner", "border", "scattered"])
def test_blur_fill_is_a_sum_of_normalised_gaussians(kind: str, portrait: Pixels, alphas: dict[str, Pixels]) -> None:
    visible = (alphas[kind] == 0).astype(np.float64)
    total, weights = np.zeros((128, 96, 3)), np.zeros((128, 96))
    for step in range(8):
        sigma = 2.0**step
        seen = ndimage.gaussian_filter(visible, sigma, mode="constant", truncate=4)
        parts = [ndimage.gaussian_filter(portrait[..., c] * visible, sigma, mode="constant", truncate=4) for c in range(3)]
        total += 0.1**step * np.stack(parts, axis=-1)
        weights += 0.1**step * seen
        if seen[visible == 0].min() >= 0.1:
            break
    expected = total / np.maximum(weights, 1e-300)[..., None]
    found = restored("blur-fill", portrait, alphas[kind])
    assert np.abs(found - expected)[visible == 0].max() < 0.52  # rounding, and float32


def test_blur_fill_reaches_the_whole_frame_from_one_pixel() -> None:
    image = np.zeros((64, 200, 3), np.uint8)
    alpha = np.full((64, 200), 255, np.uint8)
    image[63, 0], alpha[63, 0] = (10, 120, 250), 0
    assert (restored("blur-fill", image, alpha) == (10, 120, 250)).all()


@pytest.mark.parametrize("name", ["telea", "navier-stokes", "biharmonic"])
def test_one_visible_pixel(name: str) -> None:
    image = np.zeros((40, 30, 3), np.uint8)
    alpha = np.full((40, 30), 255, np.uint8)
    image[20, 15], alpha[20, 15] = (10, 120, 250), 0
    spread = np.abs(restored(name, image, alpha).astype(int) - (10, 120, 250)).max()
    assert spread <= (24 if name == "telea" else 0)


def test_gray_is_the_middle() -> None:
    assert GRAY == 128
