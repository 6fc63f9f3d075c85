"""A whole paired import: list the layout, map its shards over processes, assemble an ordinary data set."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from occbench.errors import UsageError
from occbench.importing import Couple, Layout
from occbench.importing.card import write_card
from occbench.importing.pair import Importing, Settings, bring
from occbench.landmarks.locate import Locator
from occbench.manifest import Reject
from occbench.manifest.croissant import write_croissant
from occbench.processes import available, mapped
from occbench.synthesis.assembly import Summary, write_recipe, write_sheet, write_tables
from occbench.synthesis.dataset import place_of, run_shards
from occbench.synthesis.plan import WHOLE, Plan
from occbench.synthesis.recipe import CODE_SCHEMA, MAX_FOLDER
from occbench.synthesis.workspace import Workspace

# Raise whenever the same files would give other pixels or rows.
IMPORT_SCHEMA = 1

Progress = Callable[[int, int, int], None]


def import_pairs(
    layout: Layout,
    called: str,
    settings: Settings,
    out: Path,
    *,
    limit: int | None = None,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> Summary:
    """Bring pairs under a manifest. The same files give the same data set, whatever the number of workers or interruptions.

    Args:
        layout: of the pairs.
        called: its registry name.
        settings: crop, size, detectors.
        out: folder of the data set; see `Workspace`.
        limit: at most so many photographs.
        workers: processes; default all cores.
        resume: go on with an interrupted import.
        overwrite: delete what an earlier run left in `out`.
        progress: called after each shard with photographs, pairs and rejects.

    Raises:
        UsageError, InputError: nothing was done.
        RunError: the disk or a process failed; the import can be resumed.
    """
    Locator(layout, settings.landmarks, None)  # says what cannot be used before anything is touched
    couples, rejects = layout.couples()
    couples = couples[:limit]
    _outside(out, couples)
    document = {
        "layout": called,
        "name": layout.name,
        "crop": settings.crop,
        "size": settings.size if settings.crop == "aligned" else None,
        "landmarks": list(settings.landmarks),
        "invert_masks": settings.inverted,
        "limit": limit,
    }
    made_from = {"photographs": len(couples), "sha256": _digest(couples), "import_schema": IMPORT_SCHEMA}
    record = {"import": document, "made_from": made_from, "code_schema": CODE_SCHEMA}
    plan = Plan(record, len(couples), layout.name, None, "", {"import": document}, made_from)
    space = Workspace(out.absolute(), record, resume=resume, overwrite=overwrite)
    per_folder = max(1, MAX_FOLDER // max(len(couple.occluded) for couple in couples))

    def task(number: int, some: tuple[Couple, ...]) -> Importing:
        return Importing(place_of(space, number, plan, None, ()), layout, settings, number * plan.each, per_folder, some)

    run_shards(bring, task, couples, plan, space, WHOLE, partial(mapped, workers=workers or available()), progress)
    if not space.finished:
        _assemble(space, plan, layout, rejects)
        space.finish()
    return Summary.of(space.out, plan)


def _outside(out: Path, couples: list[Couple]) -> None:
    """Refuse to write among what is read."""
    target = out.resolve()
    inside = next((couple.face.path for couple in couples if couple.face.path.resolve().is_relative_to(target)), None)
    if inside is not None:
        raise UsageError(f"{inside} lies in {out}, which the data set is to be written to: choose another folder for --out.")


def _digest(couples: list[Couple]) -> str:
    """sha256 over what the layout says, and the sizes of the files."""
    digest = hashlib.sha256()
    for couple in couples:
        face = couple.face
        entry: list[Any] = [face.image_id, face.identity, face.split, _size(face.path)]
        entry += [[v.name, v.occluder, v.variant, v.index, _size(v.path), _size(v.mask)] for v in couple.occluded]
        digest.update(json.dumps(entry).encode() + b"\n")
    return digest.hexdigest()


def _size(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_size
    except OSError:
        return None


def _assemble(space: Workspace, plan: Plan, layout: Layout, rejects: list[Reject]) -> None:
    """Everything but the images, out of the finished shards, in their order."""
    write_tables(space, plan, rejects)
    write_recipe(space.out, plan)
    write_card(space.out, settings=(plan.recipe or {})["import"], layout=layout)
    write_croissant(space.out, source=layout.name, licence=layout.licence)
    write_sheet(space.out, f"occbench import · {layout.name}")
