from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from occbench.manifest import MANIFEST, ManifestWriter, Pair, Reject, write_rejects
from occbench.synthesis.card import write_card

SOURCE: Any = SimpleNamespace(name="lfw", licence="Research use only.")
RECIPE = {"source": "lfw", "seed": 7, "limit": None, "occluders": {"mask": {"ranges": {"gap": [0, 2]}}}}


def pair(number: int, **changes: Any) -> Pair:
    photo, kind = divmod(number, 2)
    values: dict[str, Any] = {
        "identity": f"person {photo // 2}",
        "split": "train" if photo < 4 else "test",
        "warnings": (),
        **changes,
    }
    return Pair(
        *(f"lfw.{number}", "lfw", f"{photo}.jpg", values["identity"], values["split"]),
        *(("mask", "cup")[kind], values.get("variant", "plain"), 0, 7, {}, np.ones((68, 2)), "test"),
        *((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 0.5, 0.25, 0.0, 0.0, 0.0, None, *["0" * 64] * 4),
        *(f"clean/{photo}.png", f"occluded/{number}.png", f"mask/{number}.png", 128, 128, values["warnings"]),
    )


def card(folder: Path, *rows: Pair) -> str:
    with ManifestWriter(folder / MANIFEST) as writer:
        for row in rows or map(pair, range(12)):
            writer.write(row)
    write_card(folder, recipe=RECIPE, source=SOURCE)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_header_is_yaml_for_the_hub(tmp_path: Path) -> None:
    header = yaml.safe_load(card(tmp_path).split("---\n")[1])
    assert header["license"] == "other"
    assert header["task_categories"] == ["image-to-image"]
    assert header["size_categories"] == ["n<1K"]
    (config,) = header["configs"]
    assert "metadata.jsonl" in config["data_files"][0]["path"]


def test_counts(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "12 pairs from 6 photographs of 3 people" in text
    assert "| train | 2 | 4 | 8 |\n| test | 1 | 2 | 4 |\n" in text
    assert (
        "| occluder | variant | train | test |\n| --- | --- | ---: | ---: |\n| cup | plain | 4 | 2 |\n| mask | plain | 4 | 2 |\n"
        in text
    )
    assert "No person is in two splits.\nImages are 128 × 128 pixels" in text


def test_distributions(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "](distributions.png)" in text
    assert "| occluder | 5 % | 25 % | 50 % | 75 % | 95 % |\n| --- |" in text
    assert "| mask | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 |\n" in text
    assert "| yaw | 0 | 0 | 0 | 0 | 12 | 0 | 0 | 0 |\n" in text
    assert "| 2 | 2 | 1 |\n| 3–4 | 0 | 0 |\n" in text


def test_people_in_two_splits_are_told(tmp_path: Path) -> None:
    assert "**Some people are in more than one split.**" in card(tmp_path, pair(0), pair(1, split="val"))


def test_warnings_are_counted(tmp_path: Path) -> None:
    text = card(tmp_path, pair(0, warnings=("upscaled", "low-coverage")), pair(1, warnings=("upscaled",)))
    assert "| low-coverage | 1 |\n| upscaled | 2 |\n" in text


def test_rejects_are_counted(tmp_path: Path) -> None:
    rejects = [
        Reject("lfw", "a", "", "no-face", "x"),
        Reject("lfw", "b", "", "no-face", "y"),
        Reject("lfw", "c", "mask", "turned", "z"),
    ]
    write_rejects(tmp_path / "rejects.csv", rejects)
    assert "| (the whole photograph) | no-face | 2 |\n| mask | turned | 1 |\n" in card(tmp_path)


def test_nothing_to_complain_about(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert "No pair carries one." in text
    assert "None: every photograph gave its pairs." in text


@pytest.mark.parametrize(
    "sentence",
    [
        "Research use only.",
        "occbench synth --manifest manifest.parquet --root PHOTOGRAPHS --out REBUILT",
        "occbench verify REBUILT",
        "**Masks: 1 (255) means occluded.**",
        "alpha ≥ 128",
        "no evidence of anybody's\nidentity",
        "seed: 7",
    ],
)
def test_it_says(tmp_path: Path, sentence: str) -> None:
    assert sentence in card(tmp_path)


def test_it_depends_on_nothing_but_the_data(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    assert card(folders[0]) == card(folders[1])
    assert (folders[0] / "distributions.png").read_bytes() == (folders[1] / "distributions.png").read_bytes()
    assert str(tmp_path) not in card(folders[0])


def test_text_of_others_cannot_be_markup(tmp_path: Path) -> None:
    assert "| <script>" not in card(tmp_path, pair(0, variant="<script>|"))


def test_an_empty_data_set_has_a_card(tmp_path: Path) -> None:
    with ManifestWriter(tmp_path / MANIFEST):
        pass
    write_card(tmp_path, recipe=RECIPE, source=SOURCE)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "0 pairs from 0 photographs" in text
    assert "distributions.png](" not in text
    assert not (tmp_path / "distributions.png").exists()
