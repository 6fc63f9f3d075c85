"""Model files: which ones occbench knows, where they are looked for, what to do when one is missing. Nothing is downloaded here:
`occbench/download.py` does that, when a user asks for it."""

import functools
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from occbench.digest import file_sha256
from occbench.errors import InputError

ENVIRONMENT = "OCCBENCH_WEIGHTS"


@dataclass(frozen=True, slots=True)
class Weights:
    """One model file.

    Attributes:
        file: its name on disk.
        sha256: of its bytes; a file of another hash is never used. None where everybody converts the file for themselves.
        size: bytes, or None likewise.
        purpose: what occbench does with it.
        licence: under which terms, in one sentence.
        origin: where to get it, in words.
        package: (import name, path inside) of an installable package that ships it, or None.
        address: from which the unaltered file can be fetched (https); ends with `.bz2` where it is packed there. None where nobody
            publishes the file in this form.
    """

    file: str
    sha256: str | None
    size: int | None
    purpose: str
    licence: str
    origin: str
    package: tuple[str, str] | None = None
    address: str | None = None

    @property
    def mark(self) -> str:
        """The first digits of the sha256, for signatures."""
        return (self.sha256 or "")[:8]


WEIGHTS = {
    "dlib68": Weights(
        file="shape_predictor_68_face_landmarks.dat",
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        size=99_693_937,
        purpose="68 landmarks for dlib, dlib-box and supplied boxes",
        licence="the package says CC0; the model was trained on iBUG 300-W, whose data are for non-commercial use",
        origin="`pip install face_recognition_models`, or the dlib project's model collection",
        package=("face_recognition_models", "models/shape_predictor_68_face_landmarks.dat"),
        address="https://github.com/davisking/dlib-models/raw/master/shape_predictor_68_face_landmarks.dat.bz2",
    ),
    "yunet": Weights(
        file="face_detection_yunet_2026may.onnx",
        sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        size=229_738,
        purpose="face detection with 5 landmarks",
        licence="MIT",
        origin="the folder `models/face_detection_yunet` of the OpenCV Zoo project",
        address="https://media.githubusercontent.com/media/opencv/opencv_zoo/47534e27c9851bb1128ccc0102f1145e27f23f98/models/"
        "face_detection_yunet/face_detection_yunet_2026may.onnx",
    ),
    "mediapipe-face": Weights(
        file="face_landmarker.task",
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        size=3_758_596,
        purpose="face mesh of 478 points and head pose",
        licence="Apache-2.0",
        origin="the face landmarker's page in the guide to MediaPipe's solutions (model bundle, float16, version 1)",
        address="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    ),
    "lpips-alex": Weights(
        file="lpips_alexnet.safetensors",
        sha256="972b85a274f7af1bc18638c2257488e4740296ea1ddeefe6c5a48da7ece116e3",
        size=9_884_696,
        purpose="LPIPS v0.1 on AlexNet",
        licence="BSD",
        origin="torchvision's AlexNet and the heads of the lpips package, version 0.1, in one file",
    ),
    "lpips-vgg": Weights(
        file="lpips_vgg16.safetensors",
        sha256="f343ad5787c470f2c50133616b01fc8ae6a31b59296d258766466d75ade290c7",
        size=29_437_944,
        purpose="LPIPS v0.1 on VGG-16, and perceptual losses",
        licence="BSD",
        origin="torchvision's VGG-16 (stored as float16) and the heads of the lpips package, version 0.1, in one file",
    ),
    "dlib-descriptor": Weights(
        file="dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        size=22_466_066,
        purpose="128-D face descriptor for identity, KID and FID",
        licence="CC0 (the package says so, and so does the dlib project)",
        origin="`pip install face_recognition_models`, or the dlib project's model collection",
        package=("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat"),
        address="https://github.com/davisking/dlib-models/raw/master/dlib_face_recognition_resnet_model_v1.dat.bz2",
    ),
    "inception-fid": Weights(
        file="pt_inception-2015-12-05.safetensors",
        sha256=None,
        size=None,
        purpose="Inception-v3 features of the usual FID and KID",
        licence="Apache-2.0",
        origin="the checkpoint of the pytorch-fid project, converted once as the docstring of occbench/metrics/inception.py says",
    ),
    "resnet34": Weights(
        file="resnet34.safetensors",
        sha256=None,
        size=None,
        purpose="perceptual losses of OA-GAN's variant resnet34-ls",
        licence="BSD",
        origin="torchvision's ResNet-34, converted once as the docstring of occbench/training/perceptual.py says",
    ),
}


def user_cache() -> Path:
    """The folder for what may be deleted at any time: `$XDG_CACHE_HOME/occbench`, else `~/.cache/occbench`. It need not exist.

    Raises:
        InputError: this user has no home folder.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (named if named.is_absolute() else Path.home() / ".cache") / "occbench"
    except RuntimeError:
        raise InputError("This user has no home folder: set XDG_CACHE_HOME to a folder for caches.") from None


def cached(name: str) -> Path:
    """Where the file of `name` belongs in the user's cache, whether it is there or not. Raises as `user_cache` does."""
    return user_cache() / "weights" / WEIGHTS[name].file


def places(name: str) -> list[Path]:
    """Where the file of `name` is looked for, first choice first: the file or folder that `OCCBENCH_WEIGHTS` names, `weights/` in
    the user's cache, the package that ships it."""
    weights = WEIGHTS[name]
    found = [cached(name)]
    if named := os.environ.get(ENVIRONMENT):
        path = Path(named).expanduser()
        found.insert(0, path / weights.file if path.is_dir() else path)
    if weights.package:
        package, inside = weights.package
        spec = importlib.util.find_spec(package)  # finds without importing: the package needs an old setuptools to be imported
        found += [Path(folder) / inside for folder in (spec.submodule_search_locations or () if spec else ())]
    return found


def find(name: str, *, verify: bool = True) -> Path:
    """The file of the model called `name`, a key of `WEIGHTS`.

    Args:
        name: of the model.
        verify: compare the sha256 (once a process); False compares the size alone, to fail early without reading a large file.

    Raises:
        InputError: it is nowhere, or only other files are there; lists the places and says what to do.
    """
    weights = WEIGHTS[name]
    searched = []
    for path in places(name):
        try:
            status = path.stat()
            if weights.size is None or weights.sha256 is None:
                if path.name == weights.file:
                    return path
                searched.append(f"{path} (another file: this model goes by its name alone)")
            elif status.st_size != weights.size:
                searched.append(f"{path} (another file: {status.st_size:,} bytes instead of {weights.size:,})")
            elif verify and (digest := _sha256(path, status.st_size, status.st_mtime_ns)) != weights.sha256:
                searched.append(f"{path} (another file: its sha256 is {digest})")
            else:
                return path
        except OSError as error:
            searched.append(f"{path} ({error.strerror})")
    if weights.package and not importlib.util.find_spec(weights.package[0]):
        searched.append(f"the package {weights.package[0]} (not installed)")
    raise InputError(
        f"No usable {weights.file} ({name}: {weights.purpose}). Looked for it at:\n  " + "\n  ".join(searched) + "\n" + advice(name)
    )


def advice(name: str) -> str:
    """What a user does to have the file of `name`, in one or two sentences."""
    weights = WEIGHTS[name]
    command = f"Run `occbench fetch-weights {name}`. Or get" if weights.address else "Get"
    return f"{command} it from {weights.origin}, and put it at {cached(name)}, or into a folder that {ENVIRONMENT} names." + (
        f" Its sha256 must be {weights.sha256}." if weights.sha256 else ""
    )


def fingerprint(name: str) -> str:
    """The sha256 of the file that `find` finds; raises as it does."""
    path = find(name)
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _sha256(path: Path, _size: int, _mtime: int) -> str:
    return file_sha256(path)
