"""Running the command line as users do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from occbench.cli import main

Run = Callable[..., Result]


@pytest.fixture
def occbench() -> Run:
    """`occbench("synth", "--out", path, ...)`; no result may hold a traceback."""

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture(scope="session")
def portrait(astronaut: npt.NDArray[np.uint8]) -> Image.Image:
    """A face that dlib finds quickly, 200×200 RGB."""
    return Image.fromarray(astronaut[:300, 80:380]).resize((200, 200), Image.Resampling.LANCZOS)


@pytest.fixture
def photos(tmp_path: Path, portrait: Image.Image) -> Path:
    """`ann` with two photographs, `bob` with one."""
    for name in ("ann/1.png", "ann/2.png", "bob/1.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        portrait.save(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def many(photos: Path, portrait: Image.Image) -> Path:
    """Eighteen photographs, two of them unusable."""
    for number in range(15):
        portrait.rotate(number).save(photos / "ann" / f"more {number:02}.png")
    for number in (3, 12):
        (photos / "ann" / f"more {number:02}.png").write_bytes(b"no picture")
    return photos
