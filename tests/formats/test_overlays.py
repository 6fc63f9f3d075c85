import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from occbench.errors import InputError, UsageError
from occbench.formats import reapply as module
from occbench.formats.overlays import COLUMNS, TABLE, WARNING, average_geometry, read_overlays
from occbench.formats.pack import export_overlays
from occbench.formats.pseudonyms import Pseudonyms
from occbench.formats.reapply import reapply
from occbench.images import decode_rgba, encode_png, read_bytes
from occbench.landmarks import head
from occbench.landmarks.alignment import apply, crop_matrix, five_points, similarity, template
from occbench.manifest import MANIFEST, ManifestWriter, Pair, Reject, read, read_rejects
from occbench.manifest.fingerprint import of_manifest
from occbench.manifest.pixels import load
from occbench.manifest.verify import verify
from occbench.synthesis.pair import complete, render_pair

HASHES = ("source_sha256", "clean_sha256", "occluded_sha256", "mask_sha256", "split", "occluder", "variant")


@pytest.fixture(scope="module")
def pack(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pack") / "out"
    export_overlays(made, out, workers=1)
    return out


@pytest.fixture(scope="module")
def again(pack: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("again") / "out"
    reapply(pack, photographs, out, workers=1)
    return out


@pytest.fixture
def forged(pack: Path, tmp_path: Path) -> Callable[..., Path]:
    """`forged(column=value)`: the pack with other values in its first row."""

    def forged(**changes: Any) -> Path:
        shutil.copytree(pack, tmp_path / "forged")
        rows = pq.read_table(pack / TABLE).to_pylist()
        rows[0] |= changes
        pq.write_table(pa.Table.from_pylist(rows, COLUMNS), tmp_path / "forged" / TABLE)
        return tmp_path / "forged"

    return forged


def rejects(out: Path) -> list[Reject]:
    return list(read_rejects(out / "rejects.csv"))


def pixels(data: Path) -> list[tuple[str, ...]]:
    return sorted(tuple(getattr(row, name) for name in HASHES) for row in read(data / MANIFEST))


def first(pack: Path) -> Pair:
    return next(read_overlays(pack)).pair


def test_laid_over_the_photographs_it_gives_the_same_pixels(made: Path, again: Path) -> None:
    assert rejects(again) == []
    assert pixels(again) == pixels(made)
    assert verify(again, workers=1).ok


def test_with_names_it_is_the_same_data(made: Path, photographs: Path, tmp_path: Path) -> None:
    export_overlays(made, tmp_path / "pack", keep_names=True, workers=1)
    reapply(tmp_path / "pack", photographs, tmp_path / "out", workers=1)
    assert of_manifest(tmp_path / "out" / MANIFEST) == of_manifest(made / MANIFEST)
    assert {row.identity for row in read(tmp_path / "out" / MANIFEST)} == {row.identity for row in read(made / MANIFEST)}


def test_the_number_of_workers_does_not_matter(
    made: Path, pack: Path, again: Path, photographs: Path, tmp_path: Path, tree: Callable[[Path], dict[str, str]]
) -> None:
    export_overlays(made, tmp_path / "pack", workers=2)
    assert tree(tmp_path / "pack") == tree(pack)
    reapply(pack, photographs, tmp_path / "out", workers=2)
    assert tree(tmp_path / "out") == tree(again)


def test_no_names_unless_asked_for(made: Path, pack: Path) -> None:
    people = {row.identity for row in read(made / MANIFEST)}
    text = str(pq.read_table(pack / TABLE).to_pylist()) + str(sorted(pack.rglob("*"))) + (pack / "README.md").read_text()
    assert not [name for person in people for name in (person, person.lower()) if name in text]


def test_people_stay_apart_and_together(made: Path, again: Path) -> None:
    def groups(data: Path) -> set[frozenset[str]]:
        people: dict[str, set[str]] = {}
        for row in read(data / MANIFEST):
            people.setdefault(row.identity, set()).add(row.source_sha256)
        return {frozenset(photographs) for photographs in people.values()}

    assert groups(again) == groups(made)


def test_rows_are_not_in_the_order_of_names(pack: Path) -> None:
    hashes = [overlay.pair.source_sha256 for overlay in read_overlays(pack)]
    assert hashes == sorted(hashes)


def test_it_has_no_landmarks_no_attributes_and_nothing_measured(pack: Path) -> None:
    table = pq.read_table(pack / TABLE)
    assert not {"landmarks", "attributes", "landmark_source"} & set(table.column_names)
    assert all("photo" not in overlay.pair.parameters for overlay in read_overlays(pack))


def test_it_has_no_mesh_of_the_face(made: Path, tmp_path: Path) -> None:
    row = next(row for row in read(made / MANIFEST) if row.occluder == "mask")
    to_photograph = similarity(five_points(head.POINTS)[:, :2], five_points(row.landmarks))
    mesh = apply(to_photograph, head.MESH[:, :2]).round(1).ravel().tolist()
    row, clean = replace(row, parameters={**row.parameters, "mesh": mesh}), load(made, row.clean_path, row.clean_sha256)
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        writer.write(complete(row, *render_pair(row, clean)))
    (tmp_path / row.clean_path).parent.mkdir(parents=True)
    shutil.copy(made / row.clean_path, tmp_path / row.clean_path)
    export_overlays(tmp_path, tmp_path / "pack", workers=1)
    assert set(first(tmp_path / "pack").parameters) == set(row.parameters) - {"photo", "mesh"}


def test_layers_are_tight_and_without_colour_where_nothing_shows(pack: Path) -> None:
    for overlay in read_overlays(pack):
        rgba = decode_rgba(read_bytes(pack / overlay.path))
        alpha = rgba[..., 3]
        assert not rgba[alpha == 0].any()
        assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def test_layers_do_not_depend_on_the_pixels_of_the_photograph(made: Path, pack: Path) -> None:
    """What is laid over skin, softly too, has the same colour over every skin: nothing of it can be in the layer."""
    row = next(row for row in read(made / MANIFEST) if row.occluder == "mask")
    layer = next(o for o in read_overlays(pack) if o.pair.occluded_sha256 == row.occluded_sha256)
    rgba = decode_rgba(read_bytes(pack / layer.path)).astype(int)
    soft = (rgba[..., 3] > 0) & (rgba[..., 3] < 32)
    assert soft.any()
    clean = np.asarray(Image.open(made / row.clean_path)).astype(int)
    under = clean[layer.y : layer.y + rgba.shape[0], layer.x : layer.x + rgba.shape[1]]
    assert abs(np.corrcoef(rgba[soft][:, 0], under[soft][:, 0])[0, 1]) < 0.5


def test_rows_made_from_a_pack_say_that_their_landmarks_are_average(again: Path) -> None:
    assert all(WARNING in row.warnings and row.attributes is None for row in read(again / MANIFEST))
    assert "--overlays" in (again / "README.md").read_text()


def test_average_geometry_lies_where_the_crop_has_its_template() -> None:
    matrix = crop_matrix([(100, 90), (150, 100), (120, 130), (98, 150), (135, 158)], 128)
    found = apply(matrix, five_points(average_geometry(matrix, 128, 128)))
    assert np.abs(found - template(128)).max() < 0.1


def test_average_geometry_without_a_crop_is_in_the_middle() -> None:
    points = average_geometry((1, 0, 0, 0, 1, 0), 300, 200)
    assert points[:, 0].mean() == pytest.approx(149.5, abs=5)
    assert 0 < points[:, 1].min() < points[:, 1].max() < 200


def test_photographs_are_found_whatever_they_are_called(pack: Path, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    for number, photograph in enumerate(sorted(photographs.rglob("*.jpg"))):
        shutil.copy(photograph, tmp_path / "mine" / "deep" / f"{number}.bin")
    assert reapply(pack, tmp_path / "mine", tmp_path / "out", workers=1).rejects == {}


def test_a_missing_photograph_is_listed(pack: Path, photographs: Path, tmp_path: Path) -> None:
    shutil.copytree(photographs, tmp_path / "photos")
    next((tmp_path / "photos").rglob("*.jpg")).unlink()
    summary = reapply(pack, tmp_path / "photos", tmp_path / "out", workers=1)
    assert summary.rejects == {"source-missing": 3}
    assert verify(tmp_path / "out", workers=1).ok


def test_an_interrupted_run_goes_on(pack: Path, photographs: Path, again: Path, tmp_path: Path, tree: Callable[..., Any]) -> None:
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reapply(pack, photographs, tmp_path / "out", workers=1, progress=stop)
    reapply(pack, photographs, tmp_path / "out", workers=1, resume=True)
    assert tree(tmp_path / "out") == tree(again)


def test_a_changed_layer_is_noticed(pack: Path, photographs: Path, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "pack")
    overlay = next(read_overlays(pack))
    rgba = decode_rgba(read_bytes(pack / overlay.path))
    rgba[rgba[..., 3] == 255, 0] ^= 1
    (tmp_path / "pack" / overlay.path).write_bytes(encode_png(rgba))
    assert reapply(tmp_path / "pack", photographs, tmp_path / "out", workers=1).rejects == {"pixels-differ": 1}


def test_a_layer_that_leaves_its_frame_is_refused(forged: Callable[..., Path], photographs: Path, tmp_path: Path) -> None:
    assert reapply(forged(layer_x=60), photographs, tmp_path / "out", workers=1).rejects == {"layer-unusable": 1}


def test_a_link_out_of_the_pack_is_not_followed(pack: Path, photographs: Path, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "pack")
    path = next(read_overlays(pack)).path
    shutil.move(tmp_path / "pack" / path, tmp_path / "elsewhere.png")
    (tmp_path / "pack" / path).symlink_to(tmp_path / "elsewhere.png")
    reapply(tmp_path / "pack", photographs, tmp_path / "out", workers=1)
    (reject,) = rejects(tmp_path / "out")
    assert (reject.reason, "link" in reject.detail) == ("layer-unusable", True)


def test_something_else_for_a_layer_is_refused(pack: Path, photographs: Path, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "pack")
    Image.new("RGB", (8, 8)).save(tmp_path / "pack" / next(read_overlays(pack)).path)
    assert reapply(tmp_path / "pack", photographs, tmp_path / "out", workers=1).rejects == {"layer-unusable": 1}


def test_a_layer_beyond_its_frame_is_refused_before_it_is_decoded(pack: Path, photographs: Path, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "pack")
    header = encode_png(np.zeros((4000, 4000, 4), np.uint8))[:60]  # nothing more is there: decoding it would say `truncated`
    (tmp_path / "pack" / next(read_overlays(pack)).path).write_bytes(header)
    reapply(tmp_path / "pack", photographs, tmp_path / "out", workers=1)
    (reject,) = rejects(tmp_path / "out")
    assert reject.reason == "layer-unusable"
    assert "4000×4000 pixels" in reject.detail


@pytest.mark.parametrize("place", [{"layer_x": -(2**31)}, {"layer_y": -1}, {"layer_x": 2**31 - 1}], ids=str)
def test_a_layer_that_begins_outside_its_frame_is_refused(
    forged: Callable[..., Path], photographs: Path, tmp_path: Path, place: dict[str, int]
) -> None:
    assert reapply(forged(**place), photographs, tmp_path / "out", workers=1).rejects == {"layer-unusable": 1}


def test_rows_of_one_photograph_must_agree(forged: Callable[..., Path], photographs: Path, tmp_path: Path) -> None:
    summary = reapply(forged(width=63), photographs, tmp_path / "out", workers=1)
    assert sum(summary.rejects.values()) >= 1
    assert verify(tmp_path / "out", workers=1).ok


@pytest.mark.parametrize(
    "changes",
    [
        {"layer_path": "../layers/0/x.png"},
        {"layer_path": "layers/0/../../x.png"},
        {"layer_path": "/etc/passwd"},
        {"layer_path": "layers/0/" + "x" * 400 + ".png"},
        {"pair_id": "../x"},
        {"image_id": "../x"},
        {"crop_matrix": [0.0] * 6},
        {"crop_matrix": [float("nan")] * 6},
        {"width": 1 << 20},
        {"parameters": "[" * 1000},
        {"source_sha256": "x"},
    ],
    ids=str,
)
def test_values_out_of_bounds_are_refused_before_anything_is_made(
    forged: Callable[..., Path], photographs: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"overlays\.parquet"):
        reapply(forged(**changes), photographs, tmp_path / "out", workers=1)
    assert not list((tmp_path / "out").rglob("*.png"))


def test_pair_ids_that_come_twice_are_refused(forged: Callable[..., Path], pack: Path, photographs: Path, tmp_path: Path) -> None:
    last = list(read_overlays(pack))[-1].pair.pair_id
    with pytest.raises(InputError, match="come twice"):
        reapply(forged(pair_id=last), photographs, tmp_path / "out")


def test_more_pairs_of_a_photograph_than_a_folder_holds_are_refused(
    pack: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FOLDER", 2)
    with pytest.raises(InputError, match=r"overlays\.parquet: more than 2 pairs"):
        reapply(pack, photographs, tmp_path / "out", workers=1)


def test_photographs_of_several_sources_are_refused(forged: Callable[..., Path], photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several sources"):
        reapply(forged(source="folder"), photographs, tmp_path / "out")


def test_what_is_no_pack_is_refused(made: Path, photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no overlay pack"):
        reapply(made, photographs, tmp_path / "out")


def test_a_pack_is_not_written_into(pack: Path, photographs: Path) -> None:
    with pytest.raises(UsageError, match="lie in each other"):
        reapply(pack, photographs, pack / "out")


def test_rows_that_this_version_draws_otherwise_are_not_packed(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "data")
    rows = list(read(made / MANIFEST))
    rows[0].parameters["box" if rows[0].occluder == "black-box" else "photo"] = rows[1].parameters.get("photo")
    with ManifestWriter(tmp_path / "data" / MANIFEST) as writer:
        for row in rows:
            writer.write(row)
    with pytest.raises(InputError, match=r"drawn from its row|other pixels"):
        export_overlays(tmp_path / "data", tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_copies_of_one_photograph_keep_names_of_their_own(made: Path, tmp_path: Path) -> None:
    rows = list(read(made / MANIFEST))
    photographs = sorted({row.image_id for row in rows})[:2]
    same = rows[0].source_sha256
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        for row in rows:
            if row.image_id in photographs:
                writer.write(Pair.from_record({**row.to_record(), "source_sha256": same}))
    names = Pseudonyms(tmp_path / MANIFEST, None)
    found = {row.image_id: names.photograph(row) for row in read(tmp_path / MANIFEST)}
    assert sorted(found.values()) == [f"{same[:16]}.0", f"{same[:16]}.1"]
