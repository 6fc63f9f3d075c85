from pathlib import Path

import pytest

from occbench.atomic import replacing, writing
from occbench.errors import RunError


@pytest.mark.parametrize("fsync", [True, False])
def test_the_name_is_taken_at_the_end(tmp_path: Path, fsync: bool) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    with replacing(path, fsync=fsync) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_all_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(TypeError), replacing(path) as temporary:
        temporary.write_text(None)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_names_the_file_and_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match=r"Cannot write .*x\.csv: No space left on device\. Free some space"),
        writing(tmp_path / "x.csv"),
    ):
        raise OSError(28, "No space left on device")
