"""One pair: planning it (everything that is drawn or measured is rounded and stored) and rendering it from what was stored.

Nothing reaches a pixel except through the manifest row: synthesis renders the row it has just planned, rebuilding renders a row it
has read, with the same function.
"""

import json
import math
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.faces import Face
from occbench.images import pixel_sha256
from occbench.landmarks import Landmarks
from occbench.landmarks.alignment import Matrix, apply, crop, crop_matrix, five_points
from occbench.landmarks.head import MESH, FittedHead, Pose
from occbench.manifest import Pair
from occbench.manifest.ids import pair_id, photo_id
from occbench.manifest.schema import tenths
from occbench.occluders import Occluder, Scene, create, region
from occbench.occluders.layer import Layer, composite
from occbench.occluders.photometry import Photometry, match, measure
from occbench.seeding import generator, random_bytes
from occbench.synthesis.recipe import MAX_SIZE, Recipe, pick

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_OCCLUDED = 128  # alpha from which a pixel counts as occluded
_LOW_COVERAGE = 0.01
_UPSCALED = 2.0
_FARTHEST = 1e5  # px, as the manifest allows landmarks
_NEAREST = 64  # mm that the longer side of a frame shows at least: the face of an aligned crop has 224

occluder_called = cache(create)  # one instance a process: its textures are loaded once


@dataclass(frozen=True)
class Photograph:
    """What all pairs of one photograph share, worked out once.

    Attributes:
        face: who and where.
        source_sha256: of the file's bytes.
        landmarks: in source pixels, rounded to 0.1.
        matrix: source to output pixels.
        clean: (H, W, 3) uint8 RGB, the ground truth.
        head: fitted in output pixels.
        warnings: short codes that all its pairs carry.
    """

    face: Face
    source_sha256: str
    landmarks: Landmarks
    matrix: Matrix
    clean: Image
    head: FittedHead
    warnings: tuple[str, ...]

    @cached_property
    def clean_sha256(self) -> str:
        """Pixel hash of the clean image."""
        return pixel_sha256(self.clean)

    @cached_property
    def photometry(self) -> dict[str, Any]:
        """Light, blur and grain, as stored."""
        return measure(self.clean, self.head.points).to_json()

    @cached_property
    def angles(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll in the source photograph, degrees, rounded to 0.1."""
        mesh = self.landmarks.mesh
        pose = Pose(mesh.rotation, 1.0, (0.0, 0.0)) if mesh else FittedHead(self.landmarks.points).pose
        return round(pose.yaw, 1), round(pose.pitch, 1), round(pose.roll, 1)

    @cached_property
    def mesh(self) -> list[float] | None:
        """Where the points of `head.MESH` appear in the source photograph, x and y in turn, as stored; None without a mesh, or with
        one that does not fit the landmarks."""
        if self.landmarks.mesh is None:
            return None
        points = self.landmarks.mesh.points
        try:
            _head(self.matrix, self.landmarks.points.tobytes(), points.tobytes())
        except ValueError:
            return None
        values: list[float] = points.ravel().tolist()
        return values


def prepare(face: Face, image: Image, source_sha256: str, landmarks: Landmarks, recipe: Recipe) -> Photograph:
    """Crop a photograph and fit the head.

    Args:
        face: who and where.
        image: the decoded photograph, (H, W, 3) uint8 RGB.
        source_sha256: of the file's bytes.
        landmarks: in source pixels.
        recipe: gives crop and size.

    Raises:
        Rejected: landmarks from which no crop or pose follows (`bad-geometry`).
    """
    points = tenths(landmarks.points)
    height, width = image.shape[:2]
    try:
        matrix = IDENTITY if recipe.crop == "none" else crop_matrix(five_points(points), recipe.size)
        head = FittedHead(apply(matrix, points))
        if recipe.crop != "none":
            width = height = recipe.size
        clean = clean_image(image, matrix, width, height)
    except ValueError as error:
        raise Rejected("bad-geometry", f"the landmarks give no usable crop: {error}") from error
    return Photograph(
        face,
        source_sha256,
        replace(landmarks, points=points),
        matrix,
        clean,
        head,
        (*face.warnings, *landmarks.warnings, *_crop_warnings(matrix, image.shape, width, height)),
    )


def clean_image(image: Image, matrix: Matrix, width: int, height: int) -> Image:
    """The ground truth of a photograph: its aligned crop, or the photograph itself where the matrix is the identity.

    Raises:
        ValueError: a matrix that no crop follows from, or a crop larger than any recipe asks for.
    """
    if matrix == IDENTITY and image.shape[:2] == (height, width):
        return image
    if max(width, height) > MAX_SIZE:
        raise ValueError(f"a crop of {width}×{height} px; at most {MAX_SIZE} a side")
    return crop(image, matrix, width, height)


def paths(face: Face, occluder_name: str, index: int, folder: str) -> tuple[str, str, str]:
    """Where clean image, occluded image and mask of a pair lie; `folder` is the name of a sub-folder."""
    photo, pair = photo_id(face.source, face.image_id), pair_id(face.source, face.image_id, occluder_name, index)
    return f"clean/{folder}/{photo}.png", f"occluded/{folder}/{pair}.png", f"mask/{folder}/{pair}.png"


def plan_pair(photo: Photograph, occluder_name: str, index: int, recipe: Recipe, folder: str) -> Pair:
    """Draw one pair: a manifest row that lacks only what rendering will tell (`complete` fills that in).

    Args:
        photo: the photograph.
        occluder_name: which occluder of the recipe.
        index: number of the pair among those of this photograph (and occluder).
        recipe: variants and ranges.
        folder: name of the sub-folder that its files go to.

    Raises:
        Rejected: this face cannot wear it.
    """
    face, occluder, draw = photo.face, occluder_called(occluder_name), recipe.occluders[occluder_name]
    height, width = photo.clean.shape[:2]
    key = (face.source, face.image_id, occluder_name, index)
    rng = generator(recipe.seed, *key)
    variant = pick(draw.variants, rng.random())
    if recipe.cycle_variants:
        variant = list(draw.variants)[index % len(draw.variants)]
    scene = _scene(width, height, photo.head, recipe.seed, *key)
    if occluder.photometric:
        scene = _lit(scene, Photometry.from_json(photo.photometry))
    parameters = occluder.sample(rng, variant, scene, draw.ranges)
    if occluder.photometric:
        parameters = {**parameters, "photo": photo.photometry}
    if photo.mesh and _follows_mesh(occluder):
        parameters = {**parameters, "mesh": photo.mesh}
    return draft(
        photo, occluder_name, variant, index, recipe.seed, json.loads(json.dumps(parameters)), folder
    )  # as it will be read


def draft(
    photo: Photograph, occluder_name: str, variant: str, index: int, seed: int, parameters: dict[str, Any], folder: str
) -> Pair:
    """The row of a pair as far as it is known before there are images; arguments as in the row."""
    face = photo.face
    height, width = photo.clean.shape[:2]
    yaw, pitch, roll = photo.angles
    clean_path, occluded_path, mask_path = paths(face, occluder_name, index, folder)
    return Pair(
        pair_id=pair_id(face.source, face.image_id, occluder_name, index),
        source=face.source,
        image_id=face.image_id,
        identity=face.identity,
        split=face.split,
        occluder=occluder_name,
        variant=variant,
        index=index,
        seed=seed,
        parameters=parameters,
        landmarks=photo.landmarks.points,
        landmark_source=photo.landmarks.detector,
        crop_matrix=photo.matrix,
        coverage=0.0,
        mask_fraction=0.0,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        attributes=face.attributes,
        source_sha256=photo.source_sha256,
        clean_sha256=photo.clean_sha256,
        occluded_sha256="",
        mask_sha256="",
        clean_path=clean_path,
        occluded_path=occluded_path,
        mask_path=mask_path,
        width=width,
        height=height,
        warnings=photo.warnings,
    )


def render_pair(row: Pair, clean: Image) -> tuple[Image, Image]:
    """Render a manifest row. Depends on nothing but the row and the clean image.

    Args:
        row: planned or read.
        clean: (H, W, 3) uint8 RGB, its ground truth.

    Returns:
        occluded: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8 alpha.

    Raises:
        Rejected: nothing of the occluder falls into the frame, or covers it (`empty-mask`), or it changes nothing (`invisible`).
        ValueError, KeyError, TypeError: as `render_layer`.
    """
    occluded, mask = composite(clean, render_layer(row))
    if not (mask >= _OCCLUDED).any():
        raise Rejected("empty-mask", f"the {row.occluder} ({row.variant}) hides no pixel of the image")
    if np.array_equal(occluded, clean):
        raise Rejected("invisible", f"the {row.occluder} ({row.variant}) looks like what it hides")
    return occluded, mask


def render_layer(row: Pair) -> Layer:
    """What a manifest row lays over its clean image, in output pixels: drawn, and matched to the photograph's light.

    It is made from the row alone, so no pixel of the photograph can be in it.

    Raises:
        Rejected: nothing of the occluder falls into the frame.
        ValueError, KeyError, TypeError: a variant that does not exist, landmarks that do not fit the frame, or parameters
            that the occluder cannot read (only in rows that others wrote).
    """
    occluder: Occluder = occluder_called(row.occluder)
    if row.variant not in occluder.variants:
        raise ValueError(f"the {row.occluder} has no variant {row.variant!r}")
    measured = {"photo", "mesh"} if _follows_mesh(occluder) else {"photo"}
    mesh = _mesh(row.parameters["mesh"]) if "mesh" in measured & row.parameters.keys() else None
    head = _head(row.crop_matrix, tenths(row.landmarks).tobytes(), mesh)
    if head.pose.scale * _NEAREST > max(row.width, row.height):
        raise ValueError(f"a face of {head.pose.scale:.3g} px a mm in a frame of {row.width}×{row.height} px")
    scene = _scene(row.width, row.height, head, row.seed, row.source, row.image_id, row.occluder, row.index)
    parameters = {key: value for key, value in row.parameters.items() if key not in measured}
    if not occluder.photometric:
        return occluder.render(row.variant, parameters, scene)
    light = Photometry.from_json(row.parameters["photo"])
    return match(occluder.render(row.variant, parameters, _lit(scene, light)), light, head, scene.noise)


def complete(row: Pair, occluded: Image, mask: Image) -> Pair:
    """The row with what rendering told: coverage, hashes, and a warning where next to nothing of the face is hidden."""
    hidden = mask >= _OCCLUDED
    face = region.hull(apply(row.crop_matrix, row.landmarks), row.width, row.height)
    area = int(np.count_nonzero(face))
    coverage = round(int(np.count_nonzero(face & hidden)) / area, 4) if area else 0.0
    return replace(
        row,
        coverage=coverage,
        mask_fraction=round(int(np.count_nonzero(hidden)) / hidden.size, 4),
        occluded_sha256=pixel_sha256(occluded),
        mask_sha256=pixel_sha256(mask),
        warnings=(*row.warnings, "low-coverage") if coverage < _LOW_COVERAGE else row.warnings,
    )


@lru_cache(maxsize=4)
def _head(matrix: Matrix, landmarks: bytes, mesh: bytes | None = None) -> FittedHead:
    """The head of a row, in output pixels; the pairs of one photograph share it."""
    points = apply(matrix, np.frombuffer(landmarks, np.float64).reshape(68, 2))
    return FittedHead(points, None if mesh is None else apply(matrix, np.frombuffer(mesh, np.float64).reshape(-1, 2)))


def _follows_mesh(occluder: Occluder) -> bool:
    return bool(getattr(occluder, "mesh", False))


def _mesh(values: Any) -> bytes:
    """The points of `head.MESH` as a row stores them, x and y in turn; whether they fit the head, `FittedHead` says."""
    if not isinstance(values, list) or len(values) != 2 * len(MESH):
        raise ValueError(f"`mesh` is not a list of {2 * len(MESH)} numbers")
    if not all(type(value) in (int, float) and abs(value) <= _FARTHEST for value in values):  # not for NaN
        raise ValueError(f"`mesh` holds something else than numbers of pixels up to {_FARTHEST:.0f}")
    return tenths(values).tobytes()


def _scene(width: int, height: int, head: FittedHead, seed: int, *key: str | int) -> Scene:
    return Scene(width, height, head, lambda count: random_bytes(count, seed, *key, "noise"))


def _lit(scene: Scene, light: Photometry) -> Scene:
    """The scene as drawn objects see it: with what the photograph tells about skin and light."""
    return replace(scene, skin=light.neutral_skin, side=light.side)


def _crop_warnings(matrix: Matrix, shape: tuple[int, ...], width: int, height: int) -> tuple[str, ...]:
    a, b, tx, c, d, ty = matrix
    scale = math.hypot(a, c)
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]) - (tx, ty)
    x, y = (corners[:, 0] * d - corners[:, 1] * b) / scale**2, (corners[:, 1] * a - corners[:, 0] * c) / scale**2
    outside = min(x.min(), y.min()) < -1 or x.max() > shape[1] or y.max() > shape[0]
    return (*(("crop-outside-frame",) if outside else ()), *(("upscaled",) if scale > _UPSCALED else ()))
