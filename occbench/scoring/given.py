"""Where the images that are scored come from: a folder of predictions, or a method that is run here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from occbench import restoration
from occbench.restoration import Restorer
from occbench.restoration.examples import training_images
from occbench.scoring.predictions import Folder
from occbench.scoring.split import Item

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class FromFolder:
    """Predictions that somebody made."""

    folder: Folder

    def key(self, item: Item) -> str:
        """Name, size and time of the pair's files."""
        files = (self.folder.image_path(item), self.folder.mask_path(item))
        return " ".join(f"{file.name} {(status := file.stat()).st_size} {status.st_mtime_ns}" for file in files if file)

    def images(
        self, items: Sequence[Item], clean: Sequence[Image], occluded: Sequence[Image], masks: Sequence[Image]
    ) -> tuple[Sequence[Image], Sequence[Image | None]]:
        """What the files hold; raises InputError as `Folder.image`."""
        return [self.folder.image(item) for item in items], [self.folder.mask(item) for item in items]


@dataclass(frozen=True, eq=False)
class FromMethod:
    """A method that is run here, prepared."""

    restorer: Restorer

    @classmethod
    def prepared(cls, name: str, directory: Path) -> Self:
        """The built-in method of this name, after it has learnt what it needs from the data set's training split.

        Raises:
            UsageError: no such method.
            InputError: there is nothing that it could learn from.
        """
        return cls(restoration.create(name).prepare(lambda: training_images(directory)))

    def key(self, item: Item) -> str:
        """The method's signature; its input is in every key already."""
        return self.restorer.signature

    def images(
        self, items: Sequence[Item], clean: Sequence[Image], occluded: Sequence[Image], masks: Sequence[Image]
    ) -> tuple[Sequence[Image], Sequence[Image | None]]:
        """What the method makes of the photographs, those of one size together."""
        images: dict[int, Image] = {}
        predicted: dict[int, Image | None] = {}
        for shape in dict.fromkeys(image.shape for image in occluded):
            at = [k for k, image in enumerate(occluded) if image.shape == shape]
            restored = restoration.apply(self.restorer, np.stack([occluded[k] for k in at]), np.stack([masks[k] for k in at]))
            images |= zip(at, restored.images, strict=True)
            predicted |= zip(at, [None] * len(at) if restored.masks is None else restored.masks, strict=True)
        return [images[k] for k in range(len(items))], [predicted[k] for k in range(len(items))]
