"""People who are left out."""

import json
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from occbench.cli import main
from occbench.errors import InputError
from occbench.faces import Source, open_source


def people(source: Source) -> set[str]:
    with warnings.catch_warnings(action="ignore"):
        return {face.identity for face in source.faces()}


def without(root: Path, listed: str) -> Source:
    (root.parent / "out.txt").write_text(listed)
    return open_source("vggface2", root, exclude_identities=root.parent / "out.txt")


@pytest.fixture
def root(fake_vggface2: ModuleType, tmp_path: Path) -> Path:
    return Path(fake_vggface2.build(tmp_path / "vgg"))


@pytest.mark.parametrize(
    "listed",
    [
        "n000002\nn000009\n",
        "n000009\r\n\r\nn000002\r\nn000002",
        "# overlap with LFW\nn000002 # twice\n  n000009\t\n",
        "VGGFace2 VGGFace1\nn000002 Aaron_Eckhart\nn000009 Abdullah Gul\n",
        'Class_ID,Name\n"n000002","A, B"\nn000009,C\n',
        "n000002\tsomebody\nn000009;somebody\n",
    ],
)
def test_published_layouts(listed: str, fake_vggface2: ModuleType, root: Path) -> None:
    assert people(without(root, listed)) == set(fake_vggface2.PEOPLE) - {"n000002", "n000009"}


def test_nobody_moves_to_another_split(root: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        whole = {face.image_id: face for face in open_source("vggface2", root).faces()}
        part = {face.image_id: face for face in without(root, "n000002\nn000006\n").faces()}
    assert part.items() < whole.items()


@pytest.mark.filterwarnings("ignore:.*lacks photographs")
def test_unknown_people_are_reported_once(root: Path) -> None:
    source = without(root, "n000002\nn999999\nn999998\nn999999\n")
    with pytest.warns(UserWarning, match=r"out.txt: 2 of its 3 people are not in this copy of vggface2 \('n999999', 'n999998'\)"):
        list(source.faces())
    with warnings.catch_warnings(action="error"):
        list(source.faces())


def test_names_with_spaces_are_whole(tmp_path: Path) -> None:
    for name in ("Ann Lee", "Ann", "Bob"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.jpg").touch()
    (tmp_path / "out.txt").write_text("Ann Lee\n")
    assert people(open_source("folder", tmp_path / "photos", exclude_identities=tmp_path / "out.txt")) == {"Ann", "Bob"}


def test_photographs_are_still_found(root: Path) -> None:
    source = without(root, "n000002\n")
    assert source.locate("n000002/0001_01") == root / "train" / "n000002" / "0001_01.jpg"
    assert (source.name, source.supplies, source.centred) == ("vggface2", True, True)


def test_the_option_of_the_command(fake_vggface2: ModuleType, root: Path) -> None:
    (root.parent / "out.txt").write_text("n000001\n")
    count = {}
    for option in ([], ["--exclude-identities", str(root.parent / "out.txt")]):
        given = ["synth", "--source", "vggface2", "--root", str(root), "--split", "test", "--dry-run", "--json", *option]
        with warnings.catch_warnings(action="ignore"):
            done = CliRunner().invoke(main, given)
        count[len(option)] = json.loads(done.stdout)["photographs"]
    assert count == {0: sum(fake_vggface2.TEST.values()), 2: sum(fake_vggface2.TEST.values()) - fake_vggface2.TEST["n000001"]}


def test_a_list_that_is_not_there_or_empty(root: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt"):
        open_source("vggface2", root, exclude_identities=root / "none.txt")
    with pytest.raises(InputError, match="lists nobody"):
        people(without(root, "# nobody\n"))
