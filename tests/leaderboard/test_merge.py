import hashlib
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from occbench.errors import InputError, UsageError
from occbench.leaderboard.merge import merge, signature_set
from occbench.scoring.compare import against, tied_groups

Make = Callable[..., Path]
Document = dict[str, Any]


def other_data(document: Document) -> None:
    document["data"] |= {"fingerprint": "0" * 64, "source": "celeba"}


def other_way(document: Document) -> None:
    for row in document["metrics"] + document["strata"]:
        if row["name"] == "ssim":
            row["signature"] = "ssim|window:7|v1"


def names(folders: list[Path], **options: Any) -> list[str]:
    (section,) = merge(folders, **options)
    return [row.result.name for row in section.rows]


def test_ranked_by_psnr_inside_the_mask(six: list[Path]) -> None:
    (section,) = merge(six)
    assert section.sort == "psnr_mask"
    assert [row.rank for row in section.rows] == [1, 2, 3, 4, 5, 6]
    values = [row.result.figures["psnr_mask"].value or 0 for row in section.rows]
    assert values == sorted(values, reverse=True)


def test_the_order_of_the_arguments_does_not_matter(make_result: Make) -> None:
    folders = [make_result(name, images=False) for name in ("telea", "navier-stokes", "occluded")]
    assert len({tuple(names(list(order))) for order in permutations(folders)}) == 1


def test_lower_can_be_better(six: list[Path]) -> None:
    (section,) = merge(six, sort="lpips")
    values = [row.result.figures["lpips"].value or 0 for row in section.rows]
    assert values == sorted(values)


def test_full_may_be_said(six: list[Path]) -> None:
    assert merge(six, sort="psnr_full")[0].sort == "psnr"


def test_psnr_where_there_is_none_inside_the_mask(make_result: Make) -> None:
    def edit(document: Document) -> None:
        for key in ("metrics", "strata"):
            document[key] = [row for row in document[key] if row["region"] != "mask"]

    assert merge([make_result("telea", edit=edit)])[0].sort == "psnr"


def test_equal_values_share_a_rank(make_result: Make) -> None:
    def edit(document: Document) -> None:
        document["metrics"][1]["value"] = 15.0

    folders = [make_result(name, images=False, edit=edit) for name in ("b", "a")] + [make_result("occluded")]
    (section,) = merge(folders)
    assert [(row.rank, row.result.name) for row in section.rows] == [(1, "a"), (1, "b"), (3, "occluded")]


def test_what_was_not_measured_comes_last_without_a_rank(make_result: Make) -> None:
    def edit(document: Document) -> None:
        document["metrics"][1]["value"] = None

    (section,) = merge([make_result("a", edit=edit), make_result("occluded")])
    assert [(row.rank, row.result.name) for row in section.rows] == [(1, "occluded"), (None, "a")]


def test_an_unknown_metric_is_told_with_the_closest(six: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"There is no metric 'psnr_msk'.*landmark_error.*Did you mean 'psnr_mask'\?"):
        merge(six, sort="psnr_msk")


def test_an_unknown_baseline_is_told_with_the_closest(six: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"There is no method 'tela'.*Did you mean 'telea'\?"):
        merge(six, baseline="tela")


def test_different_data_are_refused_by_name(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("biharmonic", edit=other_data)]
    with pytest.raises(InputError) as caught:
        merge(folders)
    said = str(caught.value)
    assert f"{folders[0] / 'result.json'}: lfw, split test, 1200 pairs, data fingerprint 5b1f5b1f5b1f" in said
    assert f"{folders[1] / 'result.json'}: celeba, split test, 1200 pairs, data fingerprint 000000000000" in said
    assert "--sections" in said


def test_another_split_is_refused(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("biharmonic", edit=lambda document: document["data"].update(split="val"))]
    with pytest.raises(InputError, match="split val"):
        merge(folders)


def test_different_signatures_are_refused_by_name(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("biharmonic", edit=other_way)]
    with pytest.raises(InputError) as caught:
        merge(folders)
    said = str(caught.value)
    assert f"ssim, {folders[0] / 'result.json'}: ssim|range:255|mean-of-images|v1, higher is better" in said
    assert f"ssim, {folders[1] / 'result.json'}: ssim|window:7|v1, higher is better" in said
    assert "psnr," not in said


def test_sections_keep_apart_what_does_not_compare(make_result: Make) -> None:
    folders = [
        make_result("telea"),
        make_result("biharmonic", edit=other_data),
        make_result("blur-fill", edit=other_way),
        make_result("telea", "again", edit=other_data),
    ]
    found = merge(folders, sections=True)
    assert [[row.result.name for row in section.rows] for section in found] == [["biharmonic", "telea"], ["blur-fill"], ["telea"]]
    assert [section.data.source for section in found] == ["celeba", "lfw", "lfw"]


def test_a_name_stands_once(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("telea", "again")]
    with pytest.raises(InputError) as caught:
        merge(folders)
    assert all(str(folder) in str(caught.value) for folder in folders)


def test_methods_may_differ_in_what_was_measured(make_result: Make) -> None:
    def edit(document: Document) -> None:
        document["metrics"] = [row for row in document["metrics"] if row["name"] != "lpips"]
        document["strata"] = []

    (section,) = merge([make_result("telea", edit=edit), make_result("occluded")])
    assert "lpips" in section.columns


def test_missing_predictions_are_noted(make_result: Make) -> None:
    (section,) = merge([make_result("telea", edit=lambda document: document["data"].update(missing=7))])
    assert "telea: 7 of 1207 predictions are missing and left out." in section.notes


def test_groups_are_those_of_the_paired_tests(six: list[Path]) -> None:
    tables = {folder.name.removeprefix("score-"): pd.read_parquet(folder / "per_identity.parquet") for folder in six}
    expected = tied_groups(tables, "psnr_mask", higher_is_better=True)
    (section,) = merge(six)
    assert {row.result.name: row.tied_group for row in section.rows} == expected
    assert expected["telea"] == expected["navier-stokes"] != expected["biharmonic"]


@pytest.mark.parametrize(("sort", "sign"), [("psnr_mask", 1), ("lpips", -1)])
def test_differences_to_the_baseline_are_positive_where_better(six: list[Path], sort: str, sign: int) -> None:
    tables = {folder.name.removeprefix("score-"): pd.read_parquet(folder / "per_identity.parquet") for folder in six}
    expected = against(tables, "telea", sort)
    (section,) = merge(six, sort=sort, baseline="telea")
    found = {row.result.name: row.against for row in section.rows}
    assert found.pop("telea") is None
    for name, difference in found.items():
        assert difference is not None
        assert difference.difference == sign * expected[name].difference
        assert difference.p == expected[name].p_holm
        assert difference.ci_low is not None
        assert difference.ci_high is not None
        assert difference.ci_low <= difference.difference <= difference.ci_high
    assert found["biharmonic"] is not None
    assert found["biharmonic"].difference > 0


def test_without_sums_by_identity_nothing_is_tested(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("occluded")]
    for folder in folders:
        (folder / "per_identity.parquet").unlink()
    (section,) = merge(folders, baseline="telea")
    assert [row.tied_group for row in section.rows] == [None, None]
    assert section.notes[-1] == "No tests of psnr_mask, which has no values for each identity."


@pytest.mark.parametrize("damage", ["bytes", "null"])
def test_damaged_sums_are_refused_by_name(make_result: Make, damage: str) -> None:
    path = make_result("telea") / "per_identity.parquet"
    if damage == "bytes":
        path.write_bytes(path.read_bytes()[:400])
    else:
        table = pd.read_parquet(path).astype({"psnr_mask_count": "Int64"})
        table.loc[0, "psnr_mask_count"] = pd.NA
        table.to_parquet(path)
    with pytest.raises(InputError, match=r"per_identity\.parquet"):
        merge([path.parent])


def test_a_set_of_signatures_has_one_name() -> None:
    expected = hashlib.sha256(b"a|v1\nb|v1").hexdigest()[:12]
    assert signature_set(["b|v1", "a|v1", "b|v1"]) == expected
