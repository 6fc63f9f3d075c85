"""The embedded portraits: there after installation, found without importing the packages that carry them."""

import subprocess
import sys

import pytest

from occbench import images
from occbench.errors import InputError, UsageError
from occbench.faces import open_source
from occbench.faces import sample as module


def test_two_portraits_that_can_be_decoded() -> None:
    source = open_source("sample", None)
    found = list(source.faces())
    assert [(face.image_id, face.identity, face.split) for face in found] == [
        ("astronaut", "eileen_collins", "test"),
        ("grace_hopper", "grace_hopper", "test"),
    ]
    assert all(min(images.decode(images.read_bytes(face.path)).shape[:2]) >= 512 for face in found)
    assert all(source.locate(face.image_id) == face.path for face in found)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\n"
        "from occbench.faces import open_source\n"
        "list(open_source('sample', None).faces())\n"
        "print([m for m in ('skimage', 'matplotlib', 'cv2', 'torch') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("image_id", ["", "lena", "../astronaut", "/etc/passwd"])
def test_locate_knows_no_other(image_id: str) -> None:
    with pytest.raises(InputError, match="astronaut and grace_hopper"):
        open_source("sample", None).locate(image_id)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="skimage"):
        list(open_source("sample", None).faces())


def test_it_has_no_options_of_its_own() -> None:
    with pytest.raises(UsageError, match="no --identities, only --exclude-identities"):
        open_source("sample", None, identities="x.csv")
