"""The whole of `occbench score` on a small data set."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from occbench.errors import InputError, UsageError
from occbench.images import decode_exact, encode_png
from occbench.manifest import MANIFEST, read
from occbench.metrics.onnx_embedder import Feed
from occbench.scoring import job, values
from occbench.scoring.plan import Embedder

QUICK = ("psnr", "ssim", "l1")
Predict = Callable[[Path, float], Path]


def score(data: Path, out: Path, **options: Any) -> dict[str, Any]:
    return job.run(data, out, **{"metrics": QUICK, "workers": 1, "cache": out.parent / "cache", **options})


def figure(document: dict[str, Any], name: str, region: str = "full") -> dict[str, Any]:
    (row,) = [row for row in document["metrics"] if (row["name"], row["region"]) == (name, region)]
    return dict(row)


def test_the_input_gains_nothing(data: Path, tmp_path: Path) -> None:
    document = score(data, tmp_path / "r", method="occluded")
    assert {row["gain"] for row in document["metrics"] if row["n"]} == {0.0}
    assert document["track"] == "blind"
    assert document["data"]["n"] == 56
    assert document["data"]["identities"] == 14


def test_numbers_are_means_of_images(data: Path, tmp_path: Path) -> None:
    document = score(data, tmp_path / "r", method="telea")
    table = pd.read_parquet(tmp_path / "r/per_image.parquet")
    pairs = {pair.pair_id: pair for pair in read(data / MANIFEST) if pair.split == "test"}
    assert table["pair_id"].tolist() == sorted(pairs)
    first = pairs[table["pair_id"][0]]
    clean, occluded = (decode_exact((data / path).read_bytes()) for path in (first.clean_path, first.occluded_path))
    assert table["psnr_occluded"][0] == pytest.approx(cv2.PSNR(clean, occluded), abs=1e-6)
    for name in ("psnr", "psnr_mask", "ssim_ring"):
        row = figure(document, *name.partition("_")[::2]) if "_" in name else figure(document, name)
        assert row["value"] == pytest.approx(table[name].mean(), rel=1e-12)
        assert row["gain"] == pytest.approx((table[name] - table[f"{name}_occluded"]).mean(), rel=1e-9)
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert figure(document, "l1")["gain"] == pytest.approx((table["l1_occluded"] - table["l1"]).mean(), rel=1e-9)


def test_sums_an_identity_give_the_same_means(data: Path, tmp_path: Path) -> None:
    document = score(data, tmp_path / "r", method="telea")
    table = pd.read_parquet(tmp_path / "r/per_identity.parquet")
    assert len(table) == 14
    assert table["n"].sum() == 56
    assert not table["identity"].str.contains("person").any()
    mean = table["psnr_mask_sum"].sum() / table["psnr_mask_count"].sum()
    assert mean == pytest.approx(figure(document, "psnr", "mask")["value"], rel=1e-12)
    gain = (table["psnr_mask_sum"] - table["psnr_mask_occluded_sum"]).sum() / table["psnr_mask_count"].sum()
    assert gain == pytest.approx(figure(document, "psnr", "mask")["gain"], rel=1e-9)


def test_the_truth_is_flagged(data: Path, tmp_path: Path, predict: Predict) -> None:
    document = score(data, tmp_path / "r", predictions=predict(tmp_path / "p", 0.0), name="too good")
    assert figure(document, "psnr")["value"] == 100
    assert any("56 of 56 restorations are the clean image itself" in warning for warning in document["warnings"])


def test_one_image_for_all_is_flagged(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder = predict(tmp_path / "p", 3.0)
    for path in sorted(folder.iterdir()):
        path.write_bytes(encode_png(np.full((64, 64, 3), 90, np.uint8)))
    document = score(data, tmp_path / "r", predictions=folder, name="gray")
    assert any("byte-identical" in warning for warning in document["warnings"])


@pytest.fixture(scope="module")
def everything() -> tuple[str, ...]:
    return ("psnr", "ssim", "identity_cosine", "verification_accuracy", "kid", "fid", "landmark_error", "psnr_tiled")


def test_workers_and_batches_do_not_matter(
    data: Path, tmp_path: Path, everything: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name, workers in (("a", 1), ("b", 2), ("c", 5), ("d", 1)):
        if name == "d":
            monkeypatch.setattr(values, "_BATCH", 5)
        score(data, tmp_path / name, method="blur-fill", metrics=everything, workers=workers, cache=tmp_path / f"cache-{name}")
        lines = (tmp_path / name / "result.json").read_text().splitlines()
        found.append([line for line in lines if '"created"' not in line])
    assert found[0] == found[1] == found[2] == found[3]


def test_a_result_holds_no_nan(data: Path, tmp_path: Path, everything: tuple[str, ...]) -> None:
    score(data, tmp_path / "r", method="mean-face", metrics=everything)

    def refuse(text: str) -> None:
        raise AssertionError(text)

    document = json.loads((tmp_path / "r/result.json").read_text(), parse_constant=refuse)
    assert figure(document, "kid")["ci_low"] is not None
    assert figure(document, "fid")["ci_low"] is None
    assert any(warning.startswith("fid: ") for warning in document["warnings"])
    assert {row["by"] for row in document["strata"]} == {"occluder", "variant", "coverage", "yaw", "source"}
    assert len(list((tmp_path / "r/images").iterdir())) == 36
    assert not (tmp_path / "r/.occbench").exists()


def test_missing_predictions_refuse_the_run(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder = predict(tmp_path / "p", 5.0)
    gone = sorted(folder.iterdir())[3]
    gone.unlink()
    with pytest.raises(InputError, match=f"lacks 1 of 56 predictions: {gone.stem}"):
        score(data, tmp_path / "r", predictions=folder, name="x")
    document = score(data, tmp_path / "r", predictions=folder, name="x", allow_missing=True)
    assert (document["data"]["n"], document["data"]["missing"]) == (55, 1)
    assert figure(document, "psnr")["n"] == 55


def test_arrays_are_quantised_first(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder, arrays = predict(tmp_path / "p", 5.0), tmp_path / "arrays"
    arrays.mkdir()
    for path in folder.iterdir():
        pixels = decode_exact(path.read_bytes()).astype(np.float32) / 255
        np.save(arrays / f"{path.stem}.npy", pixels + np.float32(0.4 / 255) * (pixels < 0.9))
    one, other = (score(data, tmp_path / p.name / "r", predictions=p, name="x") for p in (folder, arrays))
    assert one["metrics"] == other["metrics"]


def test_finished_values_are_kept(data: Path, tmp_path: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "PAIRS", 8)
    monkeypatch.setattr("occbench.scoring.score.PAIRS", 8)
    folder = predict(tmp_path / "p", 5.0)
    last = sorted(folder.iterdir())[-1]
    good = last.read_bytes()
    last.write_bytes(encode_png(np.zeros((10, 10, 3), np.uint8)))
    with pytest.raises(InputError, match=r"is 10×10×3; this pair needs 64×64×3"):
        score(data, tmp_path / "r", predictions=folder, name="x")
    kept = sorted((tmp_path / "r/.occbench").iterdir())
    assert len(kept) == 6
    last.write_bytes(good)
    measured = []
    real = values._part
    monkeypatch.setattr(values, "_part", lambda shard, items: (measured.append(len(items)), real(shard, items))[1])
    document = score(data, tmp_path / "r", predictions=folder, name="x")
    assert sum(measured) == 8
    whole = score(data, tmp_path / "again", predictions=folder, name="x", cache=tmp_path / "other")
    assert document["metrics"] == whole["metrics"]


def bad_alpha(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((64, 64, 4), np.uint8))


def bad_depth(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((64, 64, 3), np.uint16))


def bad_jpeg(path: Path) -> None:
    done, encoded = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))
    assert done
    path.write_bytes(encoded.tobytes())


def bad_gray(path: Path) -> None:
    path.write_bytes(encode_png(np.zeros((64, 64), np.uint8)))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (bad_alpha, "without transparency"),
        (bad_depth, "8 bits"),
        (bad_jpeg, "is no PNG"),
        (bad_gray, "64×64×1; this pair needs 64×64×3"),
        (cut_off, "decoded"),
    ],
)
def test_bad_images_are_named(data: Path, tmp_path: Path, predict: Predict, spoil: Callable[[Path], None], says: str) -> None:
    folder = predict(tmp_path / "p", 5.0)
    path = sorted(folder.iterdir())[10]
    spoil(path)
    with pytest.raises(InputError, match=says) as raised:
        score(data, tmp_path / "r", predictions=folder, name="x")
    assert path.name in str(raised.value)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.full((64, 64, 3), np.nan, np.float32), "NaN"),
        (np.full((64, 64, 3), 255, np.uint8), "floating point"),
        (np.full((64, 64, 3), 200.0, np.float32), r"from 200 to 200: they must lie in \[0, 1\]"),
        (np.zeros((64, 64), np.float32), "needs 64×64×3"),
        (np.array([{}]), "cannot be read as an array"),
    ],
    ids=["nan", "uint8", "range", "shape", "pickle"],
)
def test_bad_arrays_are_named(data: Path, tmp_path: Path, predict: Predict, array: Any, says: str) -> None:
    folder = predict(tmp_path / "p", 5.0)
    path = sorted(folder.iterdir())[10]
    path.unlink()
    np.save(path.with_suffix(".npy"), array, allow_pickle=True)
    with pytest.raises(InputError, match=says) as raised:
        score(data, tmp_path / "r", predictions=folder, name="x")
    assert path.stem in str(raised.value)


def test_strangers_are_named(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder = predict(tmp_path / "p", 5.0)
    shutil.copy(sorted(folder.iterdir())[0], folder / "lfw.nobody.mask.0.png")
    with pytest.raises(InputError, match=r"pairs that .* does not have: lfw\.nobody\.mask\.0\.png"):
        score(data, tmp_path / "r", predictions=folder, name="x")


def test_other_files_are_mentioned(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder = predict(tmp_path / "p", 5.0)
    (folder / "notes.txt").write_text("x")
    document = score(data, tmp_path / "r", predictions=folder, name="x")
    assert any("1 further files" in warning and "notes.txt" in warning for warning in document["warnings"])


def test_lossy_and_double_files_are_refused(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder = predict(tmp_path / "p", 5.0)
    path = sorted(folder.iterdir())[0]
    np.save(path.with_suffix(".npy"), np.zeros((64, 64, 3), np.float32))
    with pytest.raises(InputError, match="two predictions of one pair"):
        score(data, tmp_path / "r", predictions=folder, name="x")
    path.with_suffix(".npy").unlink()
    path.rename(path.with_suffix(".jpg"))
    with pytest.raises(InputError, match="lossy"):
        score(data, tmp_path / "r", predictions=folder, name="x")


def test_predicted_occlusions_are_scored(data: Path, tmp_path: Path, predict: Predict) -> None:
    folder = predict(tmp_path / "p", 5.0)
    (folder / "mask").mkdir()
    for pair in read(data / MANIFEST):
        if pair.split == "test":
            shutil.copy(data / pair.mask_path, folder / "mask" / f"{pair.pair_id}.png")
    names = ("occlusion_iou", "occlusion_f1", "occlusion_brier")
    document = score(data, tmp_path / "r", predictions=folder, name="x", metrics=names)
    assert [figure(document, name)["value"] for name in names] == [1, 1, 0]
    without = score(data, tmp_path / "s", method="telea", metrics=names)
    assert [figure(without, name)["value"] for name in names] == [None] * 3


def test_a_changed_data_set_is_noticed(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    pair = next(pair for pair in read(copy / MANIFEST) if pair.split == "test")
    (copy / pair.occluded_path).write_bytes(encode_png(np.zeros((64, 64, 3), np.uint8)))
    with pytest.raises(InputError, match="other pixels than the manifest promises"):
        score(copy, tmp_path / "r", method="telea")


class Averages:
    """Stands in for an ONNX network: the mean colours of the face."""

    feed = Feed()
    signature = "onnx:averages"

    def __init__(self, path: Path, sha256: str) -> None:
        pass

    def __call__(self, chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        assert chips.shape[1:] == (112, 112, 3)
        return chips.mean(axis=(1, 2)).astype(np.float32)


def test_another_embedder_measures_identity(data: Path, tmp_path: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.metrics.onnx_embedder.OnnxEmbedder", Averages)
    values._embedder.cache_clear()
    options = {"predictions": predict(tmp_path / "p", 0.0), "name": "x", "embedder": Embedder(tmp_path, "0")}
    document = score(data, tmp_path / "r", **options)
    values._embedder.cache_clear()
    for region in ("full", "mask"):
        row = figure(document, "embedding_cosine", region)
        assert row["value"] == pytest.approx(1)
        assert row["gain"] > 0
        assert "onnx:averages" in row["signature"]


def test_an_empty_split_lists_the_others(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Pairs by split: train \d+, val \d+, test 56"):
        score(data, tmp_path / "r", method="telea", split="nowhere")


def test_what_cannot_be_measured_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("OCCBENCH_WEIGHTS", raising=False)
    document = score(data, tmp_path / "r", method="telea", metrics=None)
    assert {row["name"] for row in document["skipped"]} == {"lpips", "kid_inception", "fid_inception"}
    with pytest.raises(InputError, match="lpips_alexnet"):
        score(data, tmp_path / "s", method="telea", metrics=("lpips",))
