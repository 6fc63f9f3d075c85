"""The unit of work: some pairs, and what is measured of one method's restorations of them.

What a shard holds depends on its pairs, the method's images and the metrics alone. Networks see fixed batches of sorted pairs, so
neither the number of processes nor an interruption changes a digit.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import cv2
import numpy as np
import numpy.typing as npt

from occbench.images import pixel_sha256, write_atomic
from occbench.landmarks.alignment import crop, five_points, similarity
from occbench.manifest.pixels import load
from occbench.metrics import Metric, column
from occbench.scoring.plan import Embedder
from occbench.scoring.split import Item

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]

PAIRS = 64  # of one shard
_BATCH = 16  # images that a network sees at a time
_VERSION = 1  # of what a shard holds: part of its key
_OCCLUDED = 128

# Metrics that are not taken from pixels, by what they are taken from.
DESCRIPTOR = ("identity_cosine", "verification_accuracy", "verification_tar", "kid", "fid")
INCEPTION = ("kid_inception", "fid_inception")
LANDMARKS = ("landmark_error",)
PERCEPTUAL = ("lpips", "lpips_vgg")
TILED = ("psnr_tiled", "ssim_tiled")
EMBEDDING = ("embedding_cosine",)
OCCLUSION = ("occlusion_iou", "occlusion_f1", "occlusion_brier")

# dlib's detector draws a square this much larger than the geometric mean of the sides of the 68 points' bounding box, and this much
# of it higher: means over 399 photographs of LFW.
_BOX_SIDE, _BOX_RAISED = 1.08, 0.09


class Given(Protocol):
    """Where the images to be measured come from. Sent to other processes, so plain data."""

    def key(self, item: Item) -> str:
        """Changes whenever the images of this pair may have changed."""
        ...

    def images(
        self, items: Sequence[Item], clean: Sequence[Image], occluded: Sequence[Image], masks: Sequence[Image]
    ) -> tuple[Sequence[Image], Sequence[Image | None]]:
        """What is measured: images, and predicted occlusions where there are any."""
        ...


@dataclass(frozen=True)
class Clean:
    """The clean images themselves, of which only features and points are taken: what everything else is compared with."""

    def key(self, item: Item) -> str:
        """The pixels are in every key already."""
        return "clean"

    def images(
        self, items: Sequence[Item], clean: Sequence[Image], occluded: Sequence[Image], masks: Sequence[Image]
    ) -> tuple[Sequence[Image], Sequence[Image | None]]:
        """The clean images."""
        return clean, [None] * len(items)


@dataclass(frozen=True)
class Measuring:
    """A shard to measure.

    Attributes:
        directory: of the data set.
        items: its pairs.
        given: where the images come from.
        metrics: what is wanted; their signatures are part of the shard's key.
        folder: where its values go.
        embedder: of `embedding_cosine`, or None.
    """

    directory: Path
    items: tuple[Item, ...]
    given: Given
    metrics: tuple[Metric, ...]
    folder: Path
    embedder: Embedder | None = None

    @property
    def path(self) -> Path:
        """Of the shard's file, named by all that its values depend on."""
        said = [
            _VERSION,
            [metric.signature for metric in self.metrics],
            [[i.pair_id, i.clean[1], i.occluded[1], i.mask[1], i.points.tobytes().hex(), self.given.key(i)] for i in self.items],
            isinstance(self.given, Clean),
        ]
        return self.folder / f"{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:40]}.npz"


def measure(shard: Measuring) -> Path:
    """Measure a shard, unless that has been done before. Returns its file.

    Raises:
        InputError: an image of the data set or a prediction that cannot be used.
        RunError: the disk failed.
    """
    if values(shard.path) is None:
        cv2.setNumThreads(1)  # the cores belong to the other processes
        parts = [_part(shard, items) for items in _batches(shard.items)]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        stream = io.BytesIO()
        np.savez(stream, **whole)  # type: ignore[arg-type]
        write_atomic(shard.path, stream.getvalue())
    return shard.path


def values(path: Path) -> dict[str, Array] | None:
    """What a shard's file holds, each with one entry a pair, or None where it is missing or damaged.

    `value:<column>` float64, `descriptor`, `descriptor_mask` (N, 128), `embedding`, `embedding_mask` (N, D), `inception` (N, 2048),
    `points` (N, 68, 2), `pixels` the images' sha256, `same` whether they are the clean ones.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def composite(image: Image, clean: Image, mask: Image) -> Image:
    """The restoration where the photograph was occluded, the clean image elsewhere."""
    return np.where((mask >= _OCCLUDED)[..., None], image, clean)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[first : first + _BATCH] for first in range(0, len(items), _BATCH))


def _part(shard: Measuring, items: Sequence[Item]) -> dict[str, Array]:
    """What is measured of a batch of pairs."""
    clean, occluded, masks = (
        [load(shard.directory, *getattr(item, which)) for item in items] for which in ("clean", "occluded", "mask")
    )
    images, predicted = shard.given.images(items, clean, occluded, masks)
    itself = isinstance(shard.given, Clean)
    names = tuple(metric.name for metric in shard.metrics)
    out: dict[str, Array] = {}
    if not itself:
        out["pixels"] = np.array([pixel_sha256(image) for image in images])
        out["same"] = np.array([np.array_equal(image, truth) for image, truth in zip(images, clean, strict=True)])
        out |= {f"value:{key}": found for key, found in _pixel_values(names, images, clean, masks, predicted).items()}
        blended = [composite(*three) for three in zip(images, clean, masks, strict=True)]
        for name in sorted(set(PERCEPTUAL) & set(names)):
            out[f"value:{column(name, 'full')}"] = _each(_lpips(name), images, clean)
            out[f"value:{column(name, 'mask')}"] = _each(_lpips(name), blended, clean)
    if set(DESCRIPTOR) & set(names):
        out["descriptor"] = _describe(images, items)
        if not itself:
            out["descriptor_mask"] = _describe(blended, items)
    if shard.embedder is not None:
        out["embedding"] = _embed(images, items, shard.embedder)
        if not itself:
            out["embedding_mask"] = _embed(blended, items, shard.embedder)
    if set(INCEPTION) & set(names):
        out["inception"] = np.asarray(_inception()(list(images)))
    if set(LANDMARKS) & set(names):
        out["points"] = np.stack([_points(image, item) for image, item in zip(images, items, strict=True)])
    return out


def _pixel_values(
    names: Sequence[str], images: Sequence[Image], clean: Sequence[Image], masks: Sequence[Image], predicted: Sequence[Image | None]
) -> dict[str, Array]:
    from occbench.metrics.occlusion import brier, f1, iou
    from occbench.metrics.pixels import measure as measure_pixels

    others = {*DESCRIPTOR, *EMBEDDING, *INCEPTION, *LANDMARKS, *PERCEPTUAL, *TILED, *OCCLUSION}
    wanted = tuple(name for name in names if name not in others)
    rows = [dict(measure_pixels(*three, wanted)) for three in zip(images, clean, masks, strict=True)]
    for name, function in zip(OCCLUSION, (iou, f1, brier), strict=True):
        if name in names:
            for row, guess, mask in zip(rows, predicted, masks, strict=True):
                row[name] = float("nan") if guess is None else function(guess, mask)
    return {key: np.array([row[key] for row in rows], dtype=np.float64) for key in rows[0]}


def _each(function: Callable[[Image, Image], Array], first: Sequence[Image], second: Sequence[Image]) -> Array:
    """A function of two stacks, applied to images that may differ in size: those of one size together, in order."""
    out: list[float] = [0.0] * len(first)
    for shape in dict.fromkeys(image.shape for image in first):
        at = [k for k, image in enumerate(first) if image.shape == shape]
        found = function(np.stack([first[k] for k in at]), np.stack([second[k] for k in at]))
        for k, value in zip(at, found, strict=True):
            out[k] = float(value)
    return np.array(out, dtype=np.float64)


def _describe(images: Sequence[Image], items: Sequence[Item]) -> Array:
    """dlib's descriptors of the faces, aligned by the landmarks of the clean photograph."""
    from occbench.metrics.dlib_descriptor import SIDE, TEMPLATE

    matrices = [similarity(five_points(item.points), TEMPLATE) for item in items]
    chips = [crop(image, matrix, SIDE, SIDE) for image, matrix in zip(images, matrices, strict=True)]
    return np.asarray(_descriptor()(np.stack(chips)))


def _embed(images: Sequence[Image], items: Sequence[Item], embedder: Embedder) -> Array:
    """Vectors of another embedder, aligned likewise."""
    network = _embedder(embedder)
    matrices = [similarity(five_points(item.points), network.feed.template) for item in items]
    chips = [crop(image, matrix, network.feed.side, network.feed.side) for image, matrix in zip(images, matrices, strict=True)]
    return np.asarray(network(np.stack(chips)))


def _points(image: Image, item: Item) -> Array:
    """The 68 points that dlib's predictor finds in the box of the clean photograph's face."""
    from occbench.landmarks.dlib68 import predict

    low, high = item.points.min(axis=0).astype(np.float64), item.points.max(axis=0).astype(np.float64)
    mean = float(np.sqrt(np.prod(high - low)))
    (x, y), half = (low + high) / 2, _BOX_SIDE * mean / 2
    return predict(image, (x - half, y - half - _BOX_RAISED * mean, x + half, y + half - _BOX_RAISED * mean))


@cache
def _lpips(name: str) -> Callable[[Image, Image], Array]:
    from occbench.metrics.lpips import LPIPS

    return LPIPS("vgg" if name == "lpips_vgg" else "alex")


@cache
def _descriptor() -> Any:
    from occbench.metrics.dlib_descriptor import Descriptor

    return Descriptor()


@cache
def _embedder(embedder: Embedder) -> Any:
    from occbench.metrics.onnx_embedder import OnnxEmbedder

    return OnnxEmbedder(embedder.path, embedder.sha256)


@cache
def _inception() -> Any:
    from occbench.metrics.inception import Inception

    return Inception()
