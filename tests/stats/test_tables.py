from collections.abc import Callable
from pathlib import Path

import pytest

from occbench.stats.tables import Table, markdown, plain, tables, text
from occbench.stats.tally import Tally

Make = Callable[..., Path]


def test_text_is_aligned() -> None:
    table = Table("Title", ("name", "n"), (("a", 5), ("longer", 12345)))
    assert text(table) == "Title\n  name        n\n  a           5\n  longer  12345"


def test_text_cannot_control_a_terminal_or_fill_it() -> None:
    lines = text(Table("", ("name",), (("\x1b[2J",), ("x" * 500,)))).splitlines()
    assert lines[2] == "  \\x1b[2J"
    assert len(lines[3]) < 80


def test_markdown() -> None:
    assert markdown(Table("", ("a", "b", "c"), (("x", "y|z", 1),), names=2)) == (
        "| a | b | c |\n| --- | --- | ---: |\n| x | y&#124;z | 1 |"
    )


def test_plain_text_is_no_markup() -> None:
    assert plain("a|b`<") == "a&#124;b&#96;&#60;"
    assert not set("\n|`<>[]*_~\\") & set(plain("\n|`<>[]*_a_~~b~~\\"))


@pytest.mark.parametrize("address", ["https://example.org/x", "www.example.org"])
def test_plain_text_is_no_link(address: str) -> None:
    assert "://" not in plain(address)
    assert "www." not in plain(address)


def test_every_number_has_a_column(manifest: Make) -> None:
    tally = Tally(manifest({"occluder": "mask", "warnings": ("low",)}, {"split": "test"}))
    for table in tables(tally, {("", "no-face"): 2}).values():
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_an_empty_data_set_has_empty_tables(manifest: Make) -> None:
    assert not any(table.rows for table in tables(Tally(manifest())).values())
