import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from occbench.manifest import MANIFEST, read, read_rejects
from occbench.manifest.verify import verify

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder_run(occbench: Run, photos: Path, tmp_path: Path) -> Callable[..., Result]:
    """Black boxes over a folder."""

    def run(*more: str | Path, root: Path = photos) -> Result:
        options = ("--source", "folder", "--root", root, "--out", tmp_path / "out", "--occluders", "black-box", "--workers", 1)
        return occbench("synth", *map(str, options), *more)

    return run


def test_pairs_are_made(folder_run: Run, tmp_path: Path) -> None:
    result = folder_run()
    assert result.exit_code == 0
    assert f"3 pairs of 3 photographs in {tmp_path / 'out'}" in result.stdout
    assert [row.identity for row in read(tmp_path / "out" / MANIFEST)] == ["ann", "ann", "bob"]


def test_json_is_one_document(folder_run: Run, tmp_path: Path) -> None:
    said = json.loads(folder_run("--json").stdout)
    assert (said["photographs"], said["pairs"], said["rejects"], said["out"]) == (3, 3, 0, str(tmp_path / "out"))
    assert len(said["data_fingerprint"]) == 64
    assert Path(said["contact_sheet"]).is_file()


def test_every_kind_of_bad_input_is_listed(folder_run: Run, tmp_path: Path, portrait: Image.Image) -> None:
    root = tmp_path / "bad"
    (root / "x").mkdir(parents=True)
    portrait.save(root / "x" / "whole.jpg")
    whole = (root / "x" / "whole.jpg").read_bytes()
    expected = {}

    def bad(name: str, content: bytes, *reasons: str) -> None:
        (root / "x" / name).write_bytes(content)
        expected[f"x/{name}"] = reasons

    bad("cut.jpg", whole[: len(whole) // 2], "truncated")
    bad("empty.jpg", b"", "undecodable")
    bad("text.jpg", b"Dear diary", "undecodable")
    bad("noise.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "undecodable", "truncated")
    Image.new("RGB", (1, 1)).save(root / "x" / "dot.png")
    expected["x/dot.png"] = ("too-small",)
    Image.new("1", (20_000, 20_000)).save(root / "x" / "huge.png")
    expected["x/huge.png"] = ("too-large",)
    Image.new("RGB", (200, 200), (90, 120, 90)).save(root / "x" / "meadow.png")
    expected["x/meadow.png"] = ("no-face",)
    (root / "x" / "gone.jpg").symlink_to("nowhere.jpg")
    expected["x/gone.jpg"] = ("unreadable",)
    (root / "x" / "loop.jpg").symlink_to("loop.jpg")
    expected["x/loop.jpg"] = ("unreadable",)
    os.mkfifo(root / "x" / "pipe.jpg")
    expected["x/pipe.jpg"] = ("unreadable",)
    (root / "x" / "circle").symlink_to("..", target_is_directory=True)
    (root / "x" / "notes.txt").write_text("not a photograph")

    result = folder_run("--json", root=root)
    assert result.exit_code == 3
    rejects = {reject.image_id: reject.reason for reject in read_rejects(tmp_path / "out" / "rejects.csv")}
    assert rejects.keys() == expected.keys()
    assert {name: reason for name, reason in rejects.items() if reason not in expected[name]} == {}
    assert [row.image_id for row in read(tmp_path / "out" / MANIFEST)] == ["x/whole.jpg"]
    assert json.loads(result.stdout)["rejects"] == len(expected)
    assert verify(tmp_path / "out", workers=1).ok


def test_every_kind_of_good_input_gives_a_pair(folder_run: Run, tmp_path: Path, portrait: Image.Image) -> None:
    root = tmp_path / "good"
    (root / "x").mkdir(parents=True)
    portrait.convert("CMYK").save(root / "x" / "cmyk.jpg", quality=95)
    portrait.convert("L").save(root / "x" / "gray.png")
    portrait.quantize(256).save(root / "x" / "palette.png")
    portrait.convert("RGBA").save(root / "x" / "alpha.png")
    Image.fromarray(np.asarray(portrait.convert("L"), dtype=np.uint16) * 257).save(root / "x" / "16 bit.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    portrait.rotate(90, expand=True).save(root / "x" / "turned.jpg", exif=exif, quality=95)
    portrait.save(root / "x" / "moving.gif", save_all=True, append_images=[Image.new("RGB", portrait.size)])
    for name in ("with space.png", "日本.png", "Zoë.png", "line\nbreak.png", "100%.png", "-dash.png", "Case.png", "case.png"):
        portrait.save(root / "x" / name)
    result = folder_run("--json", root=root)
    assert (result.exit_code, json.loads(result.stdout)["pairs"]) == (0, len(list((root / "x").iterdir())))
    rows = list(read(tmp_path / "out" / MANIFEST))
    assert len({row.occluded_path.casefold() for row in rows}) == len(rows)
    assert verify(tmp_path / "out", workers=1).ok


def test_only_rejects(folder_run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad" / "x").mkdir(parents=True)
    (tmp_path / "bad" / "x" / "empty.jpg").write_bytes(b"")
    result = folder_run(root=tmp_path / "bad")
    assert result.exit_code == 3
    assert "0 pairs of 1 photographs" in result.stdout


def test_a_data_set_may_lie_among_the_photographs(occbench: Run, photos: Path) -> None:
    options = ("synth", "--source", "folder", "--root", photos, "--out", photos / "out", "--occluders", "noise", "--workers", "1")
    assert occbench(*options).exit_code == 0
    assert occbench(*options, "--resume").exit_code == 0


def test_a_dry_run_writes_nothing(folder_run: Run, tmp_path: Path) -> None:
    result = folder_run("--dry-run", "--json", "--per-image", "5")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["photographs"], said["pairs"]) == (0, 3, 15)
    assert said["bytes"] > 0
    assert not (tmp_path / "out").exists()


def test_a_dry_run_of_a_manifest_counts_what_is_asked_for(folder_run: Run, occbench: Run, tmp_path: Path) -> None:
    folder_run("--per-image", "2")
    options = ("--manifest", tmp_path / "out" / MANIFEST, "--limit", "2", "--dry-run", "--json")
    said = json.loads(occbench("synth", *options).stdout)
    assert (said["photographs"], said["pairs"]) == (2, 4)


def test_who_is_who_can_come_from_a_list(folder_run: Run, tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text("image,identity,split\nann/1.png,eve,test\nbob/1.png,bob,train\n")
    folder_run("--identities", tmp_path / "who.csv")
    assert [(row.identity, row.split) for row in read(tmp_path / "out" / MANIFEST)] == [("eve", "test"), ("bob", "train")]


def test_a_recipe_file_and_options(folder_run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("occluders: [noise]\nper_image: 3\nsize: 64\n")
    folder_run("--recipe", tmp_path / "r.yaml", "--size", "32")
    rows = list(read(tmp_path / "out" / MANIFEST))
    assert {(row.occluder, row.width) for row in rows} == {("black-box", 32)}
    assert len(rows) == 9


def test_a_bundled_recipe(occbench: Run, photos: Path) -> None:
    result = occbench("synth", "--source", "folder", "--root", photos, "--recipe", "mixed", "--dry-run", "--json")
    assert json.loads(result.stdout)["pairs"] == 6


def test_a_rebuilt_data_set_is_checked(folder_run: Run, occbench: Run, photos: Path, tmp_path: Path) -> None:
    folder_run()
    options = ("synth", "--manifest", tmp_path / "out" / MANIFEST, "--root", photos, "--workers", "1")
    assert occbench(*options, "--out", tmp_path / "again").exit_code == 0
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (tmp_path / "out" / MANIFEST).read_bytes()
    shutil.copy(photos / "bob" / "1.png", photos / "ann" / "2.png")
    Image.open(photos / "bob" / "1.png").rotate(5).save(photos / "bob" / "1.png")
    result = occbench(*options, "--out", tmp_path / "changed")
    assert result.exit_code == 4
    assert "1 pairs of" in result.stderr
    assert "source-changed 1" in result.stdout
    result = occbench(*options, "--out", tmp_path / "changed", "--resume", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["rejects_by_reason"] == {"source-changed": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "folder"], "--root"),
        (["--source", "folder", "--root", "{photos}", "--resume", "--overwrite"], "choose one"),
        (["--source", "nowhere", "--root", "{photos}"], "no 'nowhere' among the sources"),
        (["--source", "lfv", "--root", "{photos}"], "Did you mean 'lfw'"),
        (["--root", "{photos}"], "source is missing"),
        (["--source", "folder", "--root", "{photos}", "--occluders", "maks"], "Did you mean 'mask'"),
        (["--source", "folder", "--root", "{photos}", "--landmarks", "canonical"], "needs aligned photographs"),
        (["--source", "folder", "--root", "{photos}", "--landmarks", "dlib,dlip"], "Did you mean 'dlib'"),
        (["--source", "folder", "--root", "{photos}", "--size", "3"], "size is a whole number from 16"),
        (["--source", "folder", "--root", "{photos}", "--workers", "0"], "--workers"),
        (["--source", "folder", "--root", "{photos}", "--per-image", "0"], "--per-image"),
        (["--source", "folder", "--root", "{photos}", "--recipe", "nothing"], "No recipe 'nothing'"),
        (["--source", "lfw", "--root", "{photos}"], "lfw"),
        (["--source", "lfw", "--root", "{photos}", "--identities", "{photos}/ann/1.png"], "'lfw' has no --identities"),
        (["--benchmark", "lfw-v1", "--root", "{photos}"], "no benchmark 'lfw-v1'"),
        (["--manifest", "{photos}/ann/1.png", "--root", "{photos}"], "not readable as Parquet"),
        (["--manifest", "{photos}/ann/1.png", "--size", "64"], "leave out --size"),
        (["--manifest", "{photos}/ann/1.png", "--identities", "{photos}/ann/1.png"], "leave out --identities"),
        (["--benchmark", "lfw-masks-v1", "--exclude-identities", "{photos}/ann/1.png"], "leave out --exclude-identities"),
        (["--benchmark", "lfw-masks-v1", "--source", "lfw", "--seed", "1"], "leave out --source, --seed"),
        (["--benchmark", "lfw-masks-v1", "--manifest", "{photos}/ann/1.png"], "leave --manifest out"),
        (["--benchmark", "lfw-masks-v1", "--root", "{photos}", "--limit", "0"], "from 1, not 0"),
        (["--overlays", "{photos}", "--engine", "local", "--benchmark", "lfw-masks-v1"], "leave out --benchmark, --engine"),
        (["--overlays", "{photos}"], "--overlays needs --root"),
        (["--sauce", "folder"], "No such option"),
    ],
)
def test_mistakes(occbench: Run, photos: Path, tmp_path: Path, options: list[str], message: str) -> None:
    result = occbench("synth", *(option.format(photos=photos) for option in options), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_an_output_is_needed(occbench: Run) -> None:
    result = occbench("synth", "--source", "sample")
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_an_empty_split(occbench: Run, tmp_path: Path) -> None:
    result = occbench("synth", "--source", "sample", "--split", "val", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "test 2" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def started(photos: Path, tmp_path: Path, portrait: Image.Image) -> Iterator[subprocess.Popen[str]]:
    """A run in a process group of its own that has made its first pairs."""
    for number in range(200):
        portrait.save(photos / "bob" / f"more {number}.png")
    options = f"--source folder --root {photos} --out {tmp_path / 'out'} --occluders noise --per-image 50 --workers 2"
    command = [sys.executable, "-m", "occbench", "synth", *options.split()]
    # Whatever started the tests in the background has made them ignore Ctrl-C, which a child would inherit.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=listen)
    while not list((tmp_path / "out").glob("mask/*/*.png")) and process.poll() is None:
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("everybody", [True, False], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_run_ends_at_once(started: subprocess.Popen[str], everybody: bool, tmp_path: Path) -> None:
    if everybody:
        os.killpg(started.pid, signal.SIGINT)
    else:
        started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=10)
    assert started.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_workers_end_with_a_killed_parent(started: subprocess.Popen[str], tmp_path: Path) -> None:
    started.kill()
    started.wait()
    time.sleep(1)
    before = len(list((tmp_path / "out").rglob("*.png")))
    time.sleep(0.5)
    assert len(list((tmp_path / "out").rglob("*.png"))) == before < 203 * 3


def test_help_and_listing_stay_light(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom occbench.cli import main\n"
        "try: main({arguments!r})\nexcept SystemExit: pass\n"
        "heavy = [name for name in ('torch', 'dlib', 'pandas', 'matplotlib', 'skimage') if name in sys.modules]\n"
        "assert not heavy, heavy"
    )
    for arguments in (["synth", "--help"], ["list", "occluders"], ["list", "sources"], ["--help"]):
        done = subprocess.run([sys.executable, "-c", code.format(arguments=arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
