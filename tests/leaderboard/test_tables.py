import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from occbench.leaderboard import words
from occbench.leaderboard.merge import merge, signature_set
from occbench.leaderboard.tables import to_csv, to_markdown

Make = Callable[..., Path]
Document = dict[str, Any]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_the_columns_of_the_contract(six: list[Path]) -> None:
    header = to_csv(merge(six)).split("\n")[0].split(",")
    assert header[:5] == ["rank", "name", "track", "tied_group", "n"]
    assert header[5:13] == [
        *("psnr", "psnr_ci_low", "psnr_ci_high", "psnr_gain"),
        *("psnr_mask", "psnr_mask_ci_low", "psnr_mask_ci_high", "psnr_mask_gain"),
    ]
    assert header[-3:] == ["data_fingerprint", "signature_set", "occbench_version"]


def test_csv_keeps_every_digit(six: list[Path]) -> None:
    (section,) = merge(six)
    for row, line in zip(section.rows, rows(to_csv([section])), strict=True):
        for column, figure in row.result.figures.items():
            found = [float(line[f"{column}{suffix}"]) for suffix in ("", "_ci_low", "_ci_high", "_gain")]
            assert found == [figure.value, figure.ci_low, figure.ci_high, figure.gain]
        assert line["signature_set"] == signature_set(figure.signature for figure in row.result.figures.values())


def test_csv_is_empty_where_nothing_was_measured(make_result: Make) -> None:
    def edit(document: Document) -> None:
        document["metrics"][0] |= dict.fromkeys(("value", "ci_low", "ci_high", "gain", "gain_ci_low", "gain_ci_high"))
        document["metrics"] = [row for row in document["metrics"] if row["name"] != "lpips"]
        document["strata"] = []
        document["data"]["missing"] = 5

    text = to_csv(merge([make_result("telea", edit=edit), make_result("occluded")]))
    line = rows(text)[0]
    assert (line["name"], line["n"], line["psnr"], line["psnr_gain"], line["lpips"]) == ("telea", "1195", "", "", "")
    assert "nan" not in text.lower()
    assert "none" not in text.lower()


def test_csv_of_sections(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("occluded", edit=lambda document: document["data"].update(fingerprint="0" * 64))]
    lines = rows(to_csv(merge(folders, sections=True)))
    assert [(line["rank"], line["name"], line["data_fingerprint"][:4]) for line in lines] == [
        ("1", "occluded", "0000"),
        ("1", "telea", "5b1f"),
    ]


def test_markdown_has_one_bold_best_in_a_column(six: list[Path]) -> None:
    lines = to_markdown(merge(six, baseline="telea")).split("\n")
    table = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    head = [cell.strip() for cell in table[0]]
    assert head[:5] == ["", "method", "track", "tied", "PSNR mask (dB) ↑"]
    assert head[-2:] == ["gain in PSNR mask (dB)", "against telea"]
    assert len({len(line) for line in table}) == 1
    assert [row[4].startswith("**") for row in table[2:]] == [True, False, False, False, False, False]
    assert table[2][4] == "**17.34** ± 0.25"


def test_markdown_tells_what_the_numbers_are(six: list[Path]) -> None:
    text = to_markdown(merge(six))
    for part in (
        "fingerprint 5b1f5b1f5b1f",
        "n = 1200",
        "`psnr|range:255|mean-of-images|v1`",
        "Not shown here: psnr, psnr_visible",
    ):
        assert part in text


def test_missing_predictions_are_marked(make_result: Make) -> None:
    text = to_markdown(merge([make_result("telea", edit=lambda document: document["data"].update(missing=7))]))
    assert "| telea (n = 1193) |" in text


def test_a_name_cannot_leave_its_cell(make_result: Make) -> None:
    text = to_markdown(merge([make_result("a|b<img>[x](http://e) @all `*", "x")]))
    row = next(line for line in text.split("\n") if "given-mask" in line)
    assert not set("<[`@") & set(row)
    assert "://" not in row
    assert row.count("|") == next(line for line in text.split("\n") if "method" in line).count("|")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((23.1, 22.9, 23.3, 1), "± 0.2"),
        ((23.1, 22.0, 23.3, 1), "[22.0, 23.3]"),
        ((-0.1, -0.5, 0.0, 1), "[−0.5, 0.0]"),
        ((1.0, None, None, 1), ""),
        ((None, None, None, 1), ""),
    ],
)
def test_intervals(arguments: tuple[Any, ...], expected: str) -> None:
    assert words.interval(*arguments) == expected


@pytest.mark.parametrize(("value", "expected"), [(1.236, "1.24"), (-1.0, "−1.00"), (-0.001, "0.00"), (None, "–")])
def test_numbers(value: float | None, expected: str) -> None:
    assert words.number(value, 2) == expected
