"""Any face embedder in an ONNX file, run by OpenCV: identity as another network than dlib's sees it.

Embeddings of different files, or of one file fed differently, do not compare. So the file is named by its sha256, and how it is fed
is written into the signature.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import InputError

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Feed:
    """What a network is given; the defaults are what ArcFace networks (Deng et al. 2019) are trained with.

    Attributes:
        side: px of the square chip.
        template: where eye centres, nose tip and mouth corners lie in a chip, (x, y) in px, the image's left first.
        mean: subtracted from levels 0..255, one for R, G and B each.
        scale: what the difference is multiplied with.
        rgb: order of channels; False turns them to B, G, R (mean stays R, G, B).
    """

    side: int = 112
    template: tuple[tuple[float, float], ...] = (
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    )
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    scale: float = 1 / 127.5
    rgb: bool = True


class OnnxEmbedder:
    """An embedder with its file loaded. Chips are run one by one, so that files made for a batch of one work too.

    Args:
        path: of the ONNX file.
        sha256: of its bytes, 64 hex digits.
        feed: what the network is given.

    Attributes:
        signature: the file's first digits and how it is fed, to be part of a metric's signature.

    Raises:
        InputError: no such file, another sha256, nothing that OpenCV can run, or several outputs.
    """

    def __init__(self, path: Path, sha256: str, feed: Feed = Feed()) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        found = hashlib.sha256(data).hexdigest()
        if found != sha256.lower():
            raise InputError(f"{path} is another file: its sha256 is {found}, not {sha256}.")
        try:
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
            outputs = self._network.getUnconnectedOutLayersNames()
        except cv2.error as error:
            raise InputError(f"{path} is nothing that OpenCV {cv2.__version__} can run: {_first_line(error)}") from None
        if len(outputs) != 1:
            raise InputError(f"{path} has {len(outputs)} outputs; an embedder has one.")
        self._path, self.feed = path, feed
        order = "RGB" if feed.rgb else "BGR"
        mean = ",".join(f"{value:g}" for value in feed.mean)
        points = ",".join(f"{value:g}" for point in feed.template for value in point)
        self.signature = f"onnx:{found[:8]}|chip:{feed.side}|points:{points}|{order}|mean:{mean}|scale:{feed.scale:.6g}"

    def __call__(self, chips: Image) -> npt.NDArray[np.float32]:
        """Embeddings (N, D) float32 of length 1 of chips (N, side, side, 3) uint8 RGB; zero where the network answers zero.

        Raises:
            ValueError: no chips, chips of another size, or not uint8.
            InputError: the network fails on them, answers with anything but one vector, or with values that are not finite.
        """
        side = self.feed.side
        if len(chips) == 0 or chips.shape[1:] != (side, side, 3) or chips.dtype != np.uint8:
            raise ValueError(f"chips are (N, {side}, {side}, 3) uint8, not {chips.shape} {chips.dtype}")
        with _one_thread():
            found = np.stack([self._embedded(chip) for chip in chips]).astype(np.float64)
        if not np.isfinite(found).all():
            raise InputError(
                f"{self._path} answers with values that are not finite: is it fed as it was trained ({self.signature})?"
            )
        length = np.sqrt((found * found).sum(axis=1, keepdims=True))
        return (found / np.where(length > 0, length, 1)).astype(np.float32)

    def _embedded(self, chip: Image) -> npt.NDArray[np.float32]:
        levels = (chip.astype(np.float32) - np.array(self.feed.mean, np.float32)) * np.float32(self.feed.scale)
        planes = levels.transpose(2, 0, 1) if self.feed.rgb else levels.transpose(2, 0, 1)[::-1]
        try:
            self._network.setInput(np.ascontiguousarray(planes[None]))
            found = np.array(self._network.forward(), np.float32)
        except cv2.error as error:
            raise InputError(f"{self._path} cannot be run on chips of {self.feed.side} px: {_first_line(error)}") from None
        if found.size < 2 or found.size != max(found.shape):
            raise InputError(f"{self._path} answers with {found.shape}; an embedder answers with one vector a face.")
        return found.ravel()


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for OpenCV: no digit may depend on how many there are."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no reason given").splitlines()[0]
