"""What layouts share: the photographs below a folder, words in paths, who goes into which split, and who finds the faces."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from occbench.errors import InputError, UsageError
from occbench.faces import open_source
from occbench.importing import Layout
from occbench.landmarks.locate import Locator
from occbench.manifest.schema import Reject
from occbench.manifest.splits import assert_disjoint, by_identity, cut_validation

SPLIT_WORDS = {
    **{"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"},
    **{"test": "test", "testing": "test"},
}  # fmt: skip


def folder(path: Path | None, option: str, layout: str) -> Path:
    """The folder of an option.

    Raises:
        UsageError: not given.
        InputError: not there.
    """
    if path is None:
        raise UsageError(f"The layout {layout!r} needs a folder: name it with --{option}.")
    if not path.is_dir():
        raise InputError(f"{path} is {'no folder' if path.exists() else 'not there'}: --{option} must be a folder.")
    return path.resolve()


def photographs(root: Path) -> dict[str, Path]:
    """Image id (path relative to `root`) to file, for all photographs below it, sorted.

    Raises:
        InputError: there are none.
    """
    return {face.image_id: face.path for face in open_source("folder", root).faces()}


def stem(image_id: str) -> str:
    """An image id without the ending of its file name."""
    return image_id.removesuffix(PurePosixPath(image_id).suffix)


def unique(files: Mapping[str, Path], source: str) -> tuple[dict[str, str], list[Reject]]:
    """Stem to image id, and rejects (`ambiguous`) for files that differ in nothing but their ending."""
    many = Counter(map(stem, files))
    detail = "another file beside it differs only in its ending: which one is meant?"
    rejects = [Reject(source, image_id, "", "ambiguous", detail) for image_id in files if many[stem(image_id)] > 1]
    return {stem(image_id): image_id for image_id in files if many[stem(image_id)] == 1}, rejects


def splits(people: Iterable[tuple[str, str | None]], where: str) -> dict[str, str]:
    """Identity to split. Those whom the layout puts into one stay there, and a tenth of its training people (by hash) become the
    validation part if it has none; the others are split 80/10/10 by hash.

    Args:
        people: (identity, split or None), with repetitions.
        where: the folder, for the message.

    Raises:
        InputError: the layout has somebody in two splits.
    """
    people = dict.fromkeys(people)
    assert_disjoint(((who, split) for who, split in people if split is not None), where)
    given = {who: split for who, split in people if split is not None}
    free = by_identity(who for who, _ in people if who not in given)
    if "val" not in given.values():
        given |= cut_validation(who for who, split in given.items() if split == "train")
    return {**free, **given}


def locator(layout: Layout, detectors: tuple[str, ...]) -> Locator:
    """Who finds the faces of a layout. Made once a process: models are loaded once."""
    key = (layout.name, layout.centred, layout.mean_box, detectors)
    if key not in _LOCATORS:
        _LOCATORS[key] = Locator(layout, detectors, None)
    return _LOCATORS[key]


_LOCATORS: dict[tuple[object, ...], Locator] = {}
