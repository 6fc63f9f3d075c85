from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from PIL import Image

from occbench.errors import RunError
from occbench.stats.picture import _bars, draw
from occbench.stats.tally import Tally

Make = Callable[..., Path]


def drawn(tally: Tally, folder: Path, name: str = "a.png") -> bytes:
    draw(tally, folder / name, "title")
    return (folder / name).read_bytes()


def test_equal_counts_give_equal_bytes(manifest: Make, tmp_path: Path) -> None:
    tally = Tally(manifest({}, {"split": "test", "yaw": 30.0}))
    assert drawn(tally, tmp_path) == drawn(tally, tmp_path, "b.png")


def test_nothing_but_pixels(manifest: Make, tmp_path: Path) -> None:
    drawn(Tally(manifest({})), tmp_path)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1210, 880)
        assert "Software" not in picture.info


def test_nobodys_style_changes_it(manifest: Make, tmp_path: Path) -> None:
    tally = Tally(manifest({}))
    first = drawn(tally, tmp_path)
    with matplotlib.rc_context({"font.size": 20, "savefig.dpi": 30, "axes.facecolor": "red"}):
        assert drawn(tally, tmp_path) == first
        assert matplotlib.rcParams["font.size"] == 20


def test_other_counts_give_another_picture(manifest: Make, tmp_path: Path) -> None:
    first = drawn(Tally(manifest({}, {})), tmp_path)
    assert drawn(Tally(manifest({}, {"pitch": 40.0})), tmp_path) != first


@pytest.mark.parametrize("name", ["$x$", r"$\frac{$", "日本語", "x" * 200, "_x"], ids=ascii)
def test_any_name_can_be_drawn(manifest: Make, tmp_path: Path, name: str) -> None:
    assert drawn(Tally(manifest({"occluder": name, "variant": name})), tmp_path)


def test_pairs_are_counted_in_whole_numbers(manifest: Make) -> None:
    axes = Figure().subplots()
    _bars(axes, [["x"]], Tally(manifest({})))
    assert [tick for tick in axes.get_xticks() if tick % 1] == []


def test_many_occluders_share_a_row(manifest: Make, tmp_path: Path) -> None:
    assert drawn(Tally(manifest(*({"occluder": f"o{n}"} for n in range(40)))), tmp_path)


def test_a_missing_folder(manifest: Make, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no-such"):
        draw(Tally(manifest({})), tmp_path / "no-such" / "a.png", "title")
