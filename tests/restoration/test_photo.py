"""Whole photographs: found, aligned, restored, put back."""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from occbench.errors import InputError, Rejected, UsageError
from occbench.images import decode, read_bytes
from occbench.landmarks.alignment import apply as through
from occbench.landmarks.locate import Locator
from occbench.restoration import Restored, Track, apply, batches, create, inputs, job, photo
from occbench.restoration.blend import membrane, opacity, outward, paste, seamless

Pixels = npt.NDArray[np.uint8]
SIZE = 128


class Painter:
    """A blind method: paints the lower face with the colour between the eyes, and shifts all levels."""

    name, signature = "painter", "painter|v1"
    track: Track = "blind"

    def __init__(self, told: bool = True, tone: int = 0) -> None:
        self.told, self.tone = told, tone

    def prepare(self, examples: object) -> "Painter":
        return self

    def restore(self, occluded: Pixels, mask: Pixels | None) -> Restored:
        assert mask is None
        count, size = occluded.shape[:2]
        hole = np.zeros((size, size), np.uint8)
        cv2.ellipse(hole, (size // 2, size * 11 // 16), (size // 4, size // 5), 0, 0, 360, 255, -1)
        out = occluded.astype(np.int16)
        for image in out:
            image[hole > 0] = image[size * 3 // 8, size // 2]
        images = np.clip(out + self.tone, 0, 255).astype(np.uint8)
        means = images.reshape(count, -1, 3).mean(axis=1).astype(np.float32)
        return Restored(images, np.repeat(hole[None], count, axis=0) if self.told else None, {"means": means})


@pytest.fixture(scope="module")
def find() -> Locator:
    return photo.locator(["dlib"])


@pytest.fixture(scope="module")
def hidden() -> Pixels:
    """The astronaut's mouth and nose, (512, 512)."""
    mask = np.zeros((512, 512), np.uint8)
    cv2.ellipse(mask, (222, 142), (38, 30), 0, 0, 360, 255, -1)
    return mask


def restored(image: Pixels, mask: Pixels | None, method: Any, find: Locator, blend: str, size: int = SIZE) -> photo.Finished:
    face = photo.align(image, mask, find, size)
    batch = apply(method, face.crop[None], None if face.mask is None else face.mask[None])
    return photo.finish(image, face, batch, 0, blend)


def outside(image: Pixels, find: Locator) -> npt.NDArray[np.bool_]:
    """The photograph's pixels that do not lie in the crop."""
    matrix = photo.align(image, None, find, SIZE).matrix
    height, width = image.shape[:2]
    points = through(matrix, np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2))
    within = ((points >= -0.5) & (points <= SIZE - 0.5)).all(axis=1)
    return np.asarray(~within.reshape(height, width))


@pytest.mark.parametrize("blend", ["alpha", "poisson"])
def test_only_the_mask_and_a_little_around_it_changes(astronaut: Pixels, hidden: Pixels, find: Locator, blend: str) -> None:
    done = restored(astronaut, hidden, create("telea"), find, blend)
    changed = (done.image != astronaut).any(axis=2)
    near = cv2.dilate(hidden, np.ones((3, 3), np.uint8), iterations=9) > 0  # 6 px of a crop of 128
    assert not changed[~near].any()
    assert changed[hidden > 0].mean() > 0.9
    assert done.image.shape == astronaut.shape
    assert done.mask is not None
    assert np.array_equal(done.mask, hidden)


@pytest.mark.parametrize("blend", ["alpha", "poisson"])
def test_the_occluder_leaves_no_trace(astronaut: Pixels, hidden: Pixels, find: Locator, blend: str) -> None:
    """Whatever is under the mask, the same comes out (the landmarks being the same)."""

    class Known:
        def locate(self, *_: object) -> Any:
            return points

    points = find.locate(astronaut, "", photo._FACE)
    green = np.where(hidden[..., None] > 0, np.array([0, 255, 0], np.uint8), astronaut)
    known: Any = Known()
    first, second = (restored(image, hidden, create("telea"), known, blend).image for image in (astronaut, green))
    assert (first == second).all()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("blend", ["alpha", "poisson"])
def test_nothing_outside_the_crop_changes(astronaut: Pixels, find: Locator, blend: str, told: bool) -> None:
    done = restored(astronaut, None, Painter(told, tone=30), find, blend)
    assert (done.image == astronaut)[outside(astronaut, find)].all()
    assert (done.image != astronaut).any()
    assert (done.mask is not None) == told


def test_the_crop_alone(astronaut: Pixels, hidden: Pixels, find: Locator) -> None:
    face = photo.align(astronaut, hidden, find, 64)
    assert face.mask is not None
    batch = apply(create("telea"), face.crop[None], face.mask[None])
    done = photo.finish(astronaut, face, batch, 0, "none")
    assert (done.image == batch.images[0]).all()
    assert done.mask is not None
    assert np.array_equal(done.mask, face.mask)
    assert done.image.shape == (64, 64, 3)


def test_what_a_method_leaves_alone_stays_as_sharp_as_it_was(astronaut: Pixels, find: Locator) -> None:
    """Poisson blending takes from the crop only what is new: the identity is one, whatever the sizes."""
    for size in (64, 256):
        assert (restored(astronaut, None, create("occluded"), find, "poisson", size).image == astronaut).all()


@pytest.mark.parametrize("told", [True, False])
def test_poisson_takes_a_shift_of_all_levels_back(astronaut: Pixels, find: Locator, told: bool) -> None:
    """Everywhere in a hole; of a whole crop at its edge."""
    before, alpha, poisson = (
        restored(astronaut, None, Painter(told, tone), find, blend).image.astype(int)
        for tone, blend in ((0, "alpha"), (25, "alpha"), (25, "poisson"))
    )
    crop = outward(np.full((SIZE, SIZE), 255, np.uint8), photo.align(astronaut, None, find, SIZE).matrix, 512, 512)
    edge = cv2.erode(crop, np.ones((3, 3)), iterations=10) < crop
    where = (np.abs(alpha - before).max(axis=2) > 8) & (told | edge)
    assert where.any()
    assert np.abs(poisson - before)[where].mean() < 0.3 * np.abs(alpha - before)[where].mean()


@pytest.mark.parametrize("track", ["blind", "given-mask"])
def test_poisson_fits_what_was_put_between_untouched_pixels(astronaut: Pixels, hidden: Pixels, find: Locator, track: Track) -> None:
    """A method that returns the visible pixels as they are shows a wrong tone only by the step at the hole's rim."""

    class Dark(Painter):
        def restore(self, occluded: Pixels, mask: Pixels | None) -> Restored:
            return Restored(np.where(hole[..., None] > 0, occluded - np.minimum(occluded, 35), occluded))

    hole = np.asarray(photo.align(astronaut, hidden, find, SIZE).mask)
    Dark.track = track
    alpha, poisson = (restored(astronaut, hidden, Dark(), find, blend).image.astype(int) for blend in ("alpha", "poisson"))
    inner = cv2.erode(hidden, np.ones((3, 3), np.uint8)) > 0
    assert np.abs(alpha - astronaut)[inner].mean() > 25
    assert np.abs(poisson - astronaut)[inner].mean() < 12


def test_a_face_at_the_border(astronaut: Pixels, hidden: Pixels, find: Locator) -> None:
    cut = np.ascontiguousarray(astronaut[60:260, 180:400])  # the crop reaches beyond the photograph above and at the left
    mask = np.ascontiguousarray(hidden[60:260, 180:400])
    for method, given in ((create("telea"), mask), (Painter(told=False, tone=20), None), (Painter(), None)):
        for blend in ("alpha", "poisson"):
            done = restored(cut, given, method, find, blend)
            assert done.image.shape == cut.shape
            assert (done.image == cut)[outside(cut, find)].all()
            assert (done.image != cut).any()


def test_a_turned_photograph_comes_out_turned(astronaut: Pixels, hidden: Pixels, find: Locator) -> None:
    """The crop is level, the photograph is not; what is put back lies where it was."""
    turn = cv2.getRotationMatrix2D((222, 140), 20, 1.0)
    turned, mask = (np.asarray(cv2.warpAffine(image, turn, (512, 512)), dtype=np.uint8) for image in (astronaut, hidden))

    class Echo(Painter):
        def restore(self, occluded: Pixels, _: Pixels | None) -> Restored:
            return Restored(occluded.copy())

    done = restored(turned, None, Echo(), find, "alpha").image
    assert np.abs(done.astype(int) - turned).mean() < 1
    assert restored(turned, mask, create("telea"), find, "poisson").mask is not None


@pytest.mark.parametrize("scale", [0.45, 1, 4])
def test_a_crop_lies_where_it_was_cut(astronaut: Pixels, find: Locator, scale: float) -> None:
    """Smaller and larger photographs than the crop: pasting what was cut out shifts nothing."""
    side = round(512 * scale)
    image = np.asarray(cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), max(1.0, scale * 2)).astype(np.uint8)
    face = photo.align(image, None, find, SIZE)
    back = paste(image, face.crop, np.ones((SIZE, SIZE), np.float32), None, face.matrix)
    inner = slice(round(30 * scale), round(230 * scale)), slice(round(130 * scale), round(310 * scale))
    first, second = (cv2.cvtColor(values[inner], cv2.COLOR_RGB2GRAY).astype(np.float64) for values in (image, back))
    (dx, dy), _ = cv2.phaseCorrelate(first, second)
    assert math.hypot(dx, dy) < 0.05 * max(1, scale)
    assert np.abs(first - second).mean() < 2.5


def test_no_face_is_a_reject(find: Locator) -> None:
    with pytest.raises(Rejected, match="no-face"):
        photo.align(np.full((200, 200, 3), 128, np.uint8), None, find, SIZE)


def test_no_such_blend(astronaut: Pixels, find: Locator) -> None:
    with pytest.raises(UsageError, match="choose from none, alpha, poisson"):
        restored(astronaut, None, Painter(), find, "seamless")


def test_yunet_looks_first_where_its_weights_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert photo.detectors() == ("dlib",)


def test_opacity() -> None:
    mask = np.zeros((128, 128), np.uint8)
    mask[60:80, 50:90] = 1
    amount = opacity(mask, 128)
    assert (amount[mask > 0] == 1).all()
    assert not amount[cv2.dilate(mask, np.ones((11, 11), np.uint8)) == 0].any()
    assert not opacity(mask, 128, told=True).any()  # a network's 1 of 255 is no occlusion
    whole = opacity(None, 128)
    assert (whole[10:-10, 10:-10] == 1).all()
    assert whole[0].max() < 0.01


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_membrane_solves_laplace(decay: float) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:40, :44]
    known = (np.abs(y - 22) > 10) | (np.abs(x - 20) > 14)
    known[33:] = False  # unknown up to the frame
    values = np.stack([40 * np.sin(x / 9) + rng.normal(0, 6, x.shape), y - 36.0], axis=-1).astype(np.float32)
    assert np.abs(membrane(values, known, decay) - _exact(values, known, decay)).max() < 1


def test_the_membrane_without_anything_to_solve() -> None:
    values = np.ones((9, 7, 3), np.float32)
    assert not membrane(values, np.zeros((9, 7), np.bool_)).any()
    assert (membrane(values, np.ones((9, 7), np.bool_)) == values).all()


def test_seamless_is_the_restoration_where_nothing_is_wrong(portrait: Pixels) -> None:
    crop = np.ascontiguousarray(cv2.resize(portrait, (128, 128)), dtype=np.uint8)
    mask = np.zeros((128, 128), np.uint8)
    mask[70:100, 40:90] = 255
    assert (seamless(crop, crop, None) == crop).all()
    done = seamless(crop, crop, mask)
    assert (done == crop)[mask == 0].all()
    assert np.abs(done.astype(int) - crop).mean() < 1


def test_everything_hidden(portrait: Pixels) -> None:
    crop = np.ascontiguousarray(cv2.resize(portrait, (128, 128)), dtype=np.uint8)
    assert (seamless(crop, crop // 2, np.full((128, 128), 255, np.uint8)) == crop // 2).all()


def _exact(values: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], decay: float) -> npt.NDArray[np.float64]:
    """By a direct solver, for small fields."""
    height, width = known.shape
    matrix = np.eye(height * width)
    right = np.zeros((height * width, values.shape[2]))
    for at in range(height * width):
        y, x = divmod(at, width)
        if known[y, x]:
            right[at] = values[y, x]
            continue
        matrix[at, at] = 4 + decay**2
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            matrix[at, min(max(y + dy, 0), height - 1) * width + min(max(x + dx, 0), width - 1)] -= 1
    return np.asarray(np.linalg.solve(matrix, right).reshape(values.shape), dtype=np.float64)


# Many photographs.


def named(*image_ids: str) -> list[str]:
    return inputs._names(image_ids)


def test_names() -> None:
    assert named("a.jpg", "b/a.jpg", "ü.png") == ["a", "b/a", "ü"]
    assert named("a.jpg", "a.png", "b.png") == ["a.jpg", "a.png", "b"]
    assert named("A.jpg", "a.jpg", "a.jpg") == ["A.jpg", "a.jpg-2", "a.jpg-3"]
    assert (
        named("a.jpg", "a.png", "a.jpg.png") == ["a.jpg-2", "a.png", "a.jpg"] or len(set(named("a.jpg", "a.png", "a.jpg.png"))) == 3
    )
    assert named("sheet.jpg", "masks/a.jpg", "Features/b.png") == ["sheet.jpg", "masks_/a", "Features_/b"]
    long = named("ä" * 120 + "1.jpg", "ä" * 120 + "2.jpg")
    assert len(set(long)) == 2
    assert max(len(name.encode()) for name in long) <= 200


def test_collect(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "in" / "out"
    for name in ("b/x.png", "a.png", "out/old.png", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    items = inputs.collect([folder, folder / "a.png", tmp_path / "in" / "b" / "x.png"], out)
    assert [(item.image_id, item.name) for item in items] == [("a.png", "a"), ("b/x.png", "b/x")]
    with pytest.raises(UsageError, match="holds the photographs themselves"):
        inputs.collect([folder], folder)
    with pytest.raises(InputError, match="is not there"):
        inputs.collect([folder / "none.png"], out)
    (folder / "a.png").unlink()
    (folder / "b" / "x.png").unlink()
    with pytest.raises(InputError, match="were made here"):
        inputs.collect([folder], out)


def test_bad_masks(tmp_path: Path) -> None:
    image = np.zeros((40, 30, 3), np.uint8)

    def save(mode: str, size: tuple[int, int], colour: Any) -> Path:
        Image.new(mode, size, colour).save(tmp_path / "m.png")
        return tmp_path / "m.png"

    assert inputs.read_mask(save("1", (30, 40), 1), image).tolist() == [[255] * 30] * 40
    assert inputs.read_mask(save("L", (30, 40), 7), image).max() == 7
    for mode, size, colour, says in (
        ("RGB", (30, 40), (255, 0, 0), "in colour"),
        ("LA", (30, 40), (0, 0), "transparency"),
        ("L", (40, 30), 255, "40×30 pixels, its photograph 30×40"),
    ):
        with pytest.raises(Rejected, match="bad-mask") as error:
            inputs.read_mask(save(mode, size, colour), image)
        assert says in error.value.detail
    (tmp_path / "m.png").write_bytes(b"no image")
    with pytest.raises(Rejected, match="bad-mask"):
        inputs.read_mask(tmp_path / "m.png", image)


@pytest.fixture
def album(tmp_path: Path, astronaut: Pixels) -> Path:
    """Three portraits, one of them unusable."""
    small = np.asarray(cv2.resize(astronaut[:300, 80:380], (200, 200), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    for name, image in (("1", small), ("2", small[:, ::-1]), ("3", np.full_like(small, 90))):
        Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


def test_the_same_alone_and_among_others(album: Path, tmp_path: Path) -> None:
    options = job.Options(size=64, landmarks=["dlib"], save_mask=True, save_features=True, sheet=True)
    steps: list[tuple[int, int]] = []
    together = job.run(
        inputs.collect([album], tmp_path / "a"), tmp_path / "a", Painter(tone=9), options, lambda *step: steps.append(step)
    )
    assert [row.reason for row in together.rejects] == ["no-face"]
    assert np.sum(steps, axis=0).tolist() == [3, 1]
    alone = job.run(inputs.collect([album / "2.png"], tmp_path / "b"), tmp_path / "b", Painter(tone=9), options)
    assert (together.masks, together.features, alone.masks) == (2, 2, 1)
    for name in ("2.png", "masks/2.png", "features/2.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert np.load(tmp_path / "a" / "features" / "1.npz")["means"].shape == (3,)
    assert (tmp_path / "a" / "sheet.png").is_file()
    assert not list(tmp_path.rglob("*.tmp"))


def test_large_photographs_wait_in_smaller_batches(album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Counting(Painter):
        def restore(self, occluded: Pixels, mask: Pixels | None) -> Restored:
            sizes.append(len(occluded))
            return super().restore(occluded, mask)

    monkeypatch.setattr(batches, "_PIXELS", 200 * 200)
    job.run(inputs.collect([album], tmp_path / "a"), tmp_path / "a", Counting(), job.Options(size=64, landmarks=["dlib"]))
    assert sizes == [1, 1]


def test_no_photograph_is_replaced(album: Path, tmp_path: Path) -> None:
    """`OUT/1.png` is an input."""
    items = inputs.collect([album / "1.png"], album)
    with pytest.raises(InputError, match="is one of the photographs"):
        job.run(items, album, Painter(), job.Options(size=64, overwrite=True))


def test_nothing_is_written_through_a_link(album: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "masks").symlink_to(tmp_path / "elsewhere")
    options = job.Options(size=64, landmarks=["dlib"], save_mask=True, overwrite=True)
    with pytest.raises(InputError, match="leads out of"):
        job.run(inputs.collect([album], tmp_path / "out"), tmp_path / "out", Painter(), options)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.real
def test_real_masked_photographs(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YuNet finds most of them; each keeps its size, and everything but the painted part."""
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    chosen = sorted((shared / "data" / "natural" / "masked").iterdir())[:12]
    items = inputs.collect(chosen, tmp_path / "out")
    done = job.run(items, tmp_path / "out", Painter(tone=12), job.Options(size=SIZE, save_mask=True, sheet=True))
    assert len(done.done) >= 8
    assert {row.reason for row in done.rejects} <= {"no-face", "bad-geometry"}
    for item, name in done.done.items():
        before, after, mask = (
            decode(read_bytes(path)) for path in (item.path, tmp_path / "out" / name, tmp_path / "out" / "masks" / name)
        )
        assert after.shape == before.shape == mask.shape
        assert (after == before)[mask == 0].mean() > 0.8
        assert (after != before).any()
