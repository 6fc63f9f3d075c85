"""The sha256 of a file."""

import hashlib
from pathlib import Path

import pytest

from occbench.digest import file_sha256


@pytest.mark.parametrize("size", [0, 3, 1 << 18, (1 << 20) + 1])
def test_it_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "x").write_bytes(data[:size])
    assert file_sha256(tmp_path / "x") == hashlib.sha256(data[:size]).hexdigest()
