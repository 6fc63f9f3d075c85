import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from occbench.cli.verify import verify
from occbench.errors import UsageError
from occbench.images import encode_png, pixel_sha256
from occbench.manifest import MANIFEST, ManifestWriter, Pair
from occbench.manifest.natural import NATURAL, Sight, write_natural


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One pair on disk."""
    clean = np.full((8, 8, 3), 90, np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 255
    occluded = clean.copy()
    occluded[2:6, 2:6] = 0
    hashes = []
    for folder, image in {"clean": clean, "occluded": occluded, "mask": mask}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_bytes(encode_png(image))
        hashes.append(pixel_sha256(image))
    row = Pair(
        *("sample.x.png.black-box.0", "sample", "x.png", "x", "train", "black-box", "plain", 0, 0, {}, np.ones((68, 2)), "test"),
        *((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 0.5, 0.25, 0.0, 0.0, 0.0, None, "0" * 64, *hashes),
        *("clean/x.png", "occluded/x.png", "mask/x.png", 8, 8, ()),
    )
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        writer.write(row)
    return tmp_path


@pytest.fixture
def natural(tmp_path: Path) -> Path:
    """One photograph without a counterpart."""
    image = np.full((8, 8, 3), 90, np.uint8)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.png").write_bytes(encode_png(image))
    row = Sight(
        *("x.jpg", "natural", "x", "train", "masked", np.zeros((68, 2)), "test", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 0.0, 0.0, 0.0),
        *(None, "0" * 64, pixel_sha256(image), "images/x.png", 8, 8, ()),
    )
    write_natural(tmp_path / NATURAL, [row])
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(verify, [str(argument) for argument in arguments])


def test_a_sound_data_set(dataset: Path) -> None:
    result = run(dataset)
    assert result.exit_code == 0
    assert result.stdout == f"All as promised: 1 pairs, 3 files in {dataset}.\n"


def test_a_mismatch_has_its_own_exit_code(dataset: Path) -> None:
    (dataset / "mask/x.png").unlink()
    result = run(dataset)
    assert result.exit_code == 4
    assert "  missing: mask/x.png: no such file\n" in result.stdout


def test_json_is_one_document(dataset: Path) -> None:
    (dataset / "mask/y.png").write_bytes(b"")
    result = run(dataset, "--json", "--workers", "1")
    assert result.exit_code == 4
    assert json.loads(result.stdout) == {
        "ok": False,
        "rows": 1,
        "files": 3,
        "counts": {"extra": 1},
        "problems": [{"kind": "extra", "path": "mask/y.png", "detail": "no row of the manifest names it"}],
    }


def test_the_first_problems_are_listed(dataset: Path) -> None:
    for number in range(30):
        (dataset / f"mask/{number:02}.png").write_bytes(b"")
    result = run(dataset)
    assert result.stdout.count("extra: mask/") == 20
    assert "… and 10 more" in result.stdout


def test_names_cannot_control_the_terminal(dataset: Path) -> None:
    (dataset / "mask/\x1b[2J\n.png").write_bytes(b"")
    assert "extra: mask/\\x1b[2J\\n.png:" in run(dataset).stdout


def test_an_unknown_benchmark_is_said_before_anything_is_read(dataset: Path) -> None:
    (dataset / MANIFEST).write_bytes(b"no manifest")
    result = run(dataset, "--benchmark", "lfw-mask-v1")
    assert isinstance(result.exception, UsageError)
    assert "lfw-masks-v1" in str(result.exception)


def test_the_manifest_alone(dataset: Path) -> None:
    result = run(dataset, "--metadata")
    assert result.exit_code == 0
    assert result.stdout == f"All as promised: 1 pairs, the manifest alone, in {dataset}.\n"


def test_a_natural_set(natural: Path) -> None:
    result = run(natural)
    assert result.exit_code == 0
    assert result.stdout == f"All as promised: 1 photographs, 1 files in {natural}.\n"
    (natural / "images" / "x.png").unlink()
    result = run(natural)
    assert result.exit_code == 4
    assert "  missing: images/x.png: no such file\n" in result.stdout


def test_a_natural_set_is_of_no_benchmark(natural: Path) -> None:
    result = run(natural, "--benchmark", "lfw-masks-v1")
    assert isinstance(result.exception, UsageError)
    assert "natural set" in str(result.exception)


def test_nothing_is_no_benchmark(dataset: Path) -> None:
    with ManifestWriter(dataset / MANIFEST):
        pass
    result = run(dataset, "--metadata", "--benchmark", "lfw-masks-v1")
    assert result.exit_code == 4
    assert "none of lfw-masks-v1" in result.stdout


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["/no/such/folder"]], ids=str)
def test_wrong_usage(dataset: Path, arguments: list[str]) -> None:
    assert run(dataset, *arguments).exit_code == 2


def test_help_has_examples() -> None:
    assert "occbench verify out/lfw --workers 4" in run("--help").stdout
