"""Tiny fake copies of the layouts that `occbench import` reads: made-up pictures, nobody's faces.

`python tests/data/imports.py FOLDER` writes one of each.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

SIZE = 96
QUALITY = 90  # of JPEG copies


def picture(number: int, size: int = SIZE) -> Pixels:
    """Smooth colours with some grain, (size, size, 3) uint8; no two alike."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 216, (6, 6, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.clip(smooth + rng.integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8)


def hidden(image: Pixels, kind: str = "mask") -> tuple[Pixels, Pixels]:
    """The picture with something drawn over it, and where: (H, W) uint8, 255 = occluded."""
    side = image.shape[0]
    mask = np.zeros(image.shape[:2], np.uint8)
    if kind == "mask":
        cv2.ellipse(mask, (side // 2, side * 2 // 3), (side // 4, side // 6), 0, 0, 360, 255, -1)
    else:
        cv2.rectangle(mask, (side // 4, side // 4), (side * 3 // 4, side * 2 // 5), 255, -1)
    colour = {"mask": (120, 190, 235), "cup": (250, 250, 240)}.get(kind, (20, 20, 24))
    occluded = image.copy()
    # Wherever the picture has the colour of what hides it, nobody could find the mask: keep them apart.
    near = (np.abs(image.astype(np.int16) - colour).max(axis=2) < 60)[:, :, None]
    occluded[mask > 0] = np.where(near, 255 - np.asarray(colour), np.asarray(colour))[mask > 0]
    return occluded, mask


def save(image: Pixels, path: Path, quality: int = QUALITY) -> None:
    """By the ending of the name; JPEG as most people save it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **({"quality": quality} if path.suffix == ".jpg" else {}))


def paired(root: Path, people: int = 6, suffix: str = ".png", masks: bool = True) -> Path:
    """`occluded`, `clean` and `mask` with two photographs a person."""
    for number in range(2 * people):
        image = picture(number)
        occluded, mask = hidden(image)
        name = f"person{number // 2}/{number:03d}"
        save(image, root / "clean" / f"{name}{suffix}")
        save(occluded, root / "occluded" / f"{name}{suffix}")
        if masks:
            save(mask, root / "mask" / f"{name}.png")
    return root


def deocclusion_3dmm(root: Path, train: int = 12, test: int = 3) -> Path:
    """Clean `image_train_0001.jpg`, occluded `image_train_0001_cup1.jpg` and so on."""
    for split, count in (("train", train), ("test", test)):
        for number in range(1, count + 1):
            image = picture(1000 * len(split) + number)
            save(image, root / split / "GT" / f"image_{split}_{number:04d}.jpg")
            for kind in ("cup1", "cup10", "cup2", "glasses1"):
                occluded, _ = hidden(image, kind.rstrip("0123456789"))
                save(occluded, root / split / "occluded" / f"image_{split}_{number:04d}_{kind}.jpg")
    return root


def face_mask_lite(root: Path, count: int = 12) -> Path:
    """`without_mask/seed0000.png` and `with_mask/with-mask-default-mask-seed0000.png`."""
    for number in range(count):
        image = picture(3000 + number)
        save(image, root / "without_mask" / f"seed{number:04d}.png")
        save(hidden(image)[0], root / "with_mask" / f"with-mask-default-mask-seed{number:04d}.png")
    return root


def squares(photographs: Path, root: Path) -> Iterator[tuple[Path, tuple[int, int, int, int]]]:
    """Black squares on LFW photographs (in LFW's layout), one a photograph, saved again as JPEG.

    Yields the file and where the square is: (x, y, width, height).
    """
    sizes = ((10, 10), (15, 10), (15, 15), (20, 20))
    for number, path in enumerate(sorted(photographs.rglob("*.jpg"))):
        image = np.array(Image.open(path).convert("RGB"))
        width, height = sizes[number % len(sizes)]
        rng = np.random.default_rng(number)
        x, y = int(rng.integers(0, image.shape[1] - width)), int(rng.integers(0, image.shape[0] - height))
        image[y : y + height, x : x + width] = 0
        target = root / f"{path.stem}_occ_{width}.jpg"
        save(image, target, 95)
        yield target, (x, y, width, height)


def rof(root: Path, face: Pixels) -> Path:
    """What ROF's download script leaves: `images/masked/NAME_wearing_mask/000001.jpg` and so on. `face`: of every photograph."""
    for person in ("ann_lee", "bo_oz", "cy_wu"):
        for kind, ending in (("masked", "_wearing_mask"), ("sunglasses", "_wearing_sunglasses"), ("neutral", "")):
            save(face, root / "images" / kind / f"{person}{ending}" / "000001.jpg")
    return root


def meglass(root: Path, face: Pixels, people: int = 5) -> Path:
    """`meta.txt`, `MeGlass_120x120/` and a test list; `face`: of every photograph."""
    lines = []
    for number in range(people):
        for shot in range(2):
            name = f"{100 + number}@N0{number}_identity_{number}@{9000 + shot}_{shot}.jpg"
            save(face, root / "MeGlass_120x120" / name)
            lines.append(f"{name} {shot}\n")
    (root / "meta.txt").write_text("".join(lines))
    (root / "test").mkdir()
    (root / "test" / "gallery_no_glass.txt").write_text(lines[0].split(" ")[0] + "\n")
    return root


if __name__ == "__main__":
    out = Path(sys.argv[1])
    paired(out / "paired")
    deocclusion_3dmm(out / "3dmm")
    face_mask_lite(out / "face-mask-lite")
    rof(out / "rof", picture(0))
    meglass(out / "meglass", picture(0))
