"""Laying the layers of an overlay pack over one's own photographs: an ordinary data set with the pixels that the pack promises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occbench import registry
from occbench.digest import file_sha256
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import SOURCES
from occbench.formats.finding import find_by_hash
from occbench.formats.overlays import TABLE, Overlay, overlay_batches, read_overlays
from occbench.images import decode_rgba, pixel_sha256, read_bytes
from occbench.manifest import Pair, Reject
from occbench.manifest.ids import photo_id
from occbench.occluders.layer import Layer, composite
from occbench.processes import available, mapped
from occbench.synthesis.assembly import Summary, assemble
from occbench.synthesis.dataset import place_of, run_shards
from occbench.synthesis.pair import Image
from occbench.synthesis.plan import WHOLE, Plan
from occbench.synthesis.recipe import CODE_SCHEMA, MAX_FOLDER
from occbench.synthesis.shard import Place, Result, clean_of
from occbench.synthesis.workspace import Workspace


@dataclass(frozen=True)
class _Photograph:
    """Rows of one photograph, its file on this machine (None: not found), and the number of the folder for their images."""

    path: Path | None
    rows: tuple[Overlay, ...]
    folder: int


@dataclass(frozen=True)
class _Shard:
    place: Place
    pack: Path
    photographs: tuple[_Photograph, ...]


def reapply(
    pack: Path,
    root: Path,
    out: Path,
    *,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int, int], None] = lambda *_: None,
) -> Summary:
    """Make the pairs of an overlay pack from one's own photographs, and compare every pixel hash.

    Photographs are found by the sha256 of their files, whatever they are called. What is not there, or comes out different, is left
    out and listed as a reject. A pack has no landmarks: the rows get average geometry (warning `average-geometry`), so this data
    set can be made again from the pack, and not from its own manifest.

    Args:
        pack: folder of the pack.
        root: folder with the photographs, somewhere below it.
        out: folder of the data set; see `Workspace`.
        workers: processes; default all cores.
        resume: go on with an interrupted run.
        overwrite: delete what an earlier run left in `out`.
        progress: called after each shard with its photographs, pairs and rejects.

    Raises:
        UsageError, InputError: nothing was done.
        RunError: the disk or a process failed; the run can be resumed.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no folder there; --root must be the folder with the photographs.")
    if pack.resolve().is_relative_to(out.resolve()) or out.resolve().is_relative_to(pack.resolve()):
        raise UsageError(f"{pack} and {out} lie in each other: choose another folder for --out.")
    plan, wanted = _plan(pack)
    space = Workspace(out.absolute(), plan.record, resume=resume, overwrite=overwrite)
    if not space.finished:
        found = find_by_hash(root, wanted, workers or available())

        def task(number: int, some: tuple[_Photograph, ...]) -> _Shard:
            return _Shard(place_of(space, number, plan, None, ()), pack.absolute(), some)

        over = partial(mapped, workers=workers or available())
        run_shards(_lay, task, _photographs(pack, found), plan, space, WHOLE, over, progress)
        assemble(space, plan)
        space.finish()
    return Summary.of(space.out, plan)


def _plan(pack: Path) -> tuple[Plan, set[bytes]]:
    """What applying the pack means, and the hashes of the photographs that it takes (some 80 bytes each).

    Raises:
        InputError: an empty pack, pair ids that come twice, or a photograph whose rows do not follow each other.
        UsageError: photographs of several sources, or of one that is not installed.
    """
    names = ("pair_id", "source", "image_id", "source_sha256")
    count, last, sources = 0, ("", ""), set[str]()
    wanted, pairs, photographs = set[bytes](), list[np.ndarray[Any, Any]](), list[np.ndarray[Any, Any]]()
    for batch in overlay_batches(pack, names):
        ids, source, image_ids, hashes = (batch.column(name).to_pylist() for name in names)
        sources.update(source)
        wanted.update(map(bytes.fromhex, hashes))
        follow = [last, *zip(source, image_ids, strict=True)]
        begun = [photograph for before, photograph in pairwise(follow) if photograph != before]
        last = follow[-1]
        pairs.append(np.fromiter(map(hash, ids), np.int64, len(ids)))
        photographs.append(np.fromiter(map(hash, begun), np.int64, len(begun)))
        count += len(begun)
    table = pack / TABLE
    if not count:
        raise InputError(f"{table} has no rows.")
    for what, seen in (("pair ids", pairs), ("photographs", photographs)):
        together = np.concatenate(seen)
        if len(np.unique(together)) < len(together):
            raise InputError(
                f"{table}: {what} come twice; the rows of each photograph must follow each other, each with its own id."
            )
    if len(sources) > 1:
        raise UsageError(f"{table} holds photographs of several sources ({', '.join(sorted(sources))}): make a pack of each.")
    (name,) = sources
    registry.load("sources", SOURCES, name)
    digest = file_sha256(table)
    recipe = {"source": name, "overlays": digest}  # nothing that could be run again, but what the data card shows
    rebuilt = {"manifest": digest, "source": name, "seed": None, "recipe_fingerprint": "", "recipe": recipe}
    return Plan.of({"rebuilt": rebuilt, "code_schema": CODE_SCHEMA, "photographs": {"count": count}}), wanted


def _photographs(pack: Path, found: dict[bytes, Path]) -> Iterator[_Photograph]:
    """The photographs of a pack, in its order; folders hold at most `MAX_FOLDER` pairs, and so does a photograph."""
    folder, used = 0, 0
    for _, group in groupby(read_overlays(pack), lambda row: (row.pair.source, row.pair.image_id)):
        rows = tuple(islice(group, MAX_FOLDER + 1))
        if len(rows) > MAX_FOLDER:
            raise InputError(f"{pack / TABLE}: more than {MAX_FOLDER} pairs of one photograph ({rows[0].pair.source_sha256}).")
        if used and used + len(rows) > MAX_FOLDER:
            folder, used = folder + 1, 0
        used += len(rows)
        yield _Photograph(found.get(bytes.fromhex(rows[0].pair.source_sha256)), rows, folder)


def _lay(shard: _Shard) -> tuple[int, int, int]:
    """Make the pairs of a shard; how many photographs, pairs and rejects it had."""
    cv2.setNumThreads(1)
    photographs = [tuple(_placed(photo, row) for row in photo.rows) for photo in shard.photographs]
    pairs = (pair for rows in photographs for pair, _ in rows)
    result = Result(shard.place, (path for pair in pairs for path in (pair.clean_path, pair.occluded_path, pair.mask_path)))
    for photo, rows in zip(shard.photographs, photographs, strict=True):
        first, before = rows[0][0], len(result.rows)
        try:
            clean = _clean(photo.path, first)
        except Rejected as rejected:
            result.rejects += [_reject(pair, rejected) for pair, _ in rows]
            continue
        for pair, overlay in rows:
            try:
                occluded, mask = _occluded(shard.pack, overlay, pair, first, clean)
            except Rejected as rejected:
                result.rejects.append(_reject(pair, rejected))
                continue
            result.save(pair.occluded_path, occluded)
            result.save(pair.mask_path, mask)
            result.rows.append(pair)
        if len(result.rows) > before:
            result.save(first.clean_path, clean)
    return result.finish(len(shard.photographs))


def _placed(photo: _Photograph, overlay: Overlay) -> tuple[Pair, Overlay]:
    """The manifest row that an overlay becomes."""
    pair, folder = overlay.pair, f"{photo.folder:04d}"
    clean = f"clean/{folder}/{photo_id(pair.source, pair.image_id)}.png"
    name = f"{folder}/{pair.pair_id}.png"
    return replace(pair, clean_path=clean, occluded_path=f"occluded/{name}", mask_path=f"mask/{name}"), overlay


def _reject(pair: Pair, rejected: Rejected) -> Reject:
    return Reject(pair.source, pair.image_id, pair.occluder, rejected.reason, f"{pair.pair_id}: {rejected.detail}")


def _clean(path: Path | None, pair: Pair) -> Image:
    """The clean image, from the user's own photograph."""
    if path is None:
        raise Rejected("source-missing", f"no file below --root has the sha256 {pair.source_sha256}")
    return clean_of(path, pair)


def _occluded(pack: Path, overlay: Overlay, pair: Pair, first: Pair, clean: Image) -> tuple[Image, Image]:
    """Occluded image and mask, compared with what the pack promises."""
    same = ("source_sha256", "clean_sha256", "crop_matrix", "width", "height")
    if any(getattr(pair, name) != getattr(first, name) for name in same):
        raise Rejected("unusable-row", f"its clean image is not that of {first.pair_id}, which is of the same photograph")
    occluded, mask = composite(clean, _layer(pack, overlay))
    if (pixel_sha256(occluded), pixel_sha256(mask)) != (pair.occluded_sha256, pair.mask_sha256):
        raise Rejected("pixels-differ", "it comes out with other pixels than the pack promises")
    return occluded, mask


def _layer(pack: Path, overlay: Overlay) -> Layer:
    """The layer, which must lie in the pack (no link may lead elsewhere) and in the frame."""
    pair = overlay.pair
    try:
        if min(overlay.x, overlay.y) < 0:
            raise Rejected("layer-unusable", "does not begin inside its frame")
        path = (pack / overlay.path).resolve(strict=True)
        if not path.is_relative_to(pack.resolve()):
            raise Rejected("layer-unusable", "a link that leads out of the pack")
        rgba = decode_rgba(read_bytes(path), pair.width - overlay.x, pair.height - overlay.y)
    except (OSError, RuntimeError) as error:
        raise Rejected("layer-unusable", f"{overlay.path} cannot be opened ({error})") from None
    except Rejected as rejected:
        raise Rejected("layer-unusable", f"{overlay.path}: {rejected.detail}") from None
    return Layer(rgba, overlay.x, overlay.y)
