"""Make the figures of the documentation: `python docs/figures/make.py [RUN]`. The only faces are the two public-domain portraits.

`occluders.png`: each portrait clean and with one of every occluder. `variants.png`: every variant of every occluder. With a trained
run, `restored.png`: what it makes of three masks on each.
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from occbench import images, restoration
from occbench.faces import open_source
from occbench.landmarks.locate import Locator
from occbench.occluders import OCCLUDERS
from occbench.restoration.trained import Trained
from occbench.synthesis.pair import Photograph, plan_pair, prepare, render_pair
from occbench.synthesis.recipe import Recipe, resolve

Pixels = npt.NDArray[np.uint8]

HERE = Path(__file__).parent
GAP, CAPTION = 6, 24  # px


def every_variant(side: int) -> Recipe:
    """Every occluder, its variants one after the other, on crops of `side` px."""
    return resolve({"source": "sample", "occluders": list(OCCLUDERS), "size": side, "seed": 11, "cycle_variants": True}, "figures")


def portraits(recipe: Recipe) -> Iterator[Photograph]:
    """Both portraits, cropped."""
    source = open_source("sample", None)
    locator = Locator(source, ["dlib"], None)
    for face in source.faces():
        data = images.read_bytes(face.path)
        image, sha256 = images.decode(data), hashlib.sha256(data).hexdigest()
        yield prepare(face, image, sha256, locator.locate(image, sha256, face), recipe)


def worn(photo: Photograph, occluder: str, index: int, recipe: Recipe) -> Pixels:
    """The portrait with pair number `index` of an occluder."""
    return render_pair(plan_pair(photo, occluder, index, recipe, "figure"), photo.clean)[0]


def table(rows: Sequence[Sequence[tuple[str, Pixels]]], path: Path) -> None:
    """Rows of captioned pictures as one PNG."""
    side = rows[0][0][1].shape[0]
    width = max(map(len, rows)) * (side + GAP) - GAP
    canvas = Image.new("RGB", (width, len(rows) * (side + CAPTION)), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for down, row in enumerate(rows):
        for across, (caption, picture) in enumerate(row):
            x, y = across * (side + GAP), down * (side + CAPTION)
            canvas.paste(Image.fromarray(picture), (x, y + CAPTION))
            pen.text((x + side / 2, y + CAPTION / 2), caption, "black", font, anchor="mm")
    images.write_atomic(path, images.encode_png(np.asarray(canvas), level=9))


def restored(run: Path) -> None:
    """Write what a run makes of both portraits."""
    method = Trained.open(run)
    recipe = every_variant(method.size)
    rows = []
    for photo in portraits(recipe):
        row = []
        for index in (1, 4, 6):
            pair = plan_pair(photo, "mask", index, recipe, "figure")
            occluded, mask = render_pair(pair, photo.clean)
            found = restoration.apply(method, occluded[None], mask[None]).images[0]
            row += [(pair.variant, occluded), ("restored", found)]
        rows.append([*row, ("clean", photo.clean)])
    table(rows, HERE / "restored.png")


def main() -> None:
    """Write the figures."""
    if len(sys.argv) > 1:
        restored(Path(sys.argv[1]))
    recipe = every_variant(192)
    rows = []
    for number, photo in enumerate(portraits(recipe)):
        rows.append([("clean", photo.clean), *((name, worn(photo, name, number, recipe)) for name in OCCLUDERS)])
    table(rows, HERE / "occluders.png")

    recipe = every_variant(128)
    photos = list(portraits(recipe))
    rows = []
    for name in OCCLUDERS:
        labels = list(recipe.occluders[name].variants)
        rows.append([(label, worn(photos[k % 2], name, k, recipe)) for k, label in enumerate(labels)])
    table(rows, HERE / "variants.png")


if __name__ == "__main__":
    main()
