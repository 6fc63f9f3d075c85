import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from occbench.errors import InputError
from occbench.leaderboard.results import MAX_BYTES, read_result

Make = Callable[..., Path]
Document = dict[str, Any]


def put(*keys: str | int, value: Any) -> Callable[[Document], None]:
    """An edit that sets one field, however deep."""

    def edit(document: Document) -> None:
        at: Any = document
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value

    return edit


def test_what_was_written_is_read(make_result: Make) -> None:
    result = read_result(make_result("telea"))
    assert (result.name, result.track, result.version) == ("telea", "given-mask", "0.1.0")
    assert (result.data.n, result.data.identities, result.data.missing) == (1200, 120, 0)
    assert list(result.figures)[:3] == ["psnr", "psnr_mask", "psnr_visible"]
    assert result.strata["coverage", "0.5+"]["psnr_mask"].gain is not None
    assert len(result.shown) == 6


def test_an_image_is_read(make_result: Make) -> None:
    result = read_result(make_result("telea"))
    image = result.image(result.shown[0][0], ".clean")
    assert image is not None
    assert image.shape == (64, 64, 3)
    assert result.image("lfw.nobody.mask.0") is None


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (put("schema", value=2), "result version 2"),
        (put("name", value=""), "'name' has to be a text"),
        (put("name", value="=cmd()"), "'name' has to begin with a letter"),
        (put("name", value="a\u202eb"), "'name' has to be a text of 1 to 100 printable"),
        (put("track", value="cheating"), "'track' has to be one of blind, given-mask"),
        (put("data", "fingerprint", value="../x"), "data: 'fingerprint' has to match"),
        (put("data", "n", value=True), "data: 'n' has to be a whole number"),
        (put("data", "missing", value=9999), "data: 'missing' is more than n"),
        (put("data", value=[]), "data: has to be a JSON object"),
        (put("metrics", value={}), "'metrics' has to be a list"),
        (put("metrics", 1, "value", value="23"), "metrics[1]: 'value' has to be a finite number"),
        (put("metrics", 1, "value", value=10**400), "metrics[1]: 'value' has to be a finite number"),
        (put("metrics", 1, "region", value="nose"), "metrics[1]: 'region' has to be one of full, mask, ring, visible"),
        (put("metrics", 1, "name", value="PSNR\n"), "metrics[1]: 'name' has to be a text"),
        (put("metrics", 1, "region", value="full"), "metrics[1]: 'name' psnr in region full comes for the second time"),
        (put("strata", 3, "signature", value="psnr|v2"), "strata[3]: 'signature' has to be that of psnr over all pairs"),
        (put("shown", 0, "pair_id", value="../../etc/passwd"), "shown[0]: 'pair_id' has to match"),
        (put("shown", value=[{}] * 13), "'shown' has to be a list of at most 12"),
        (lambda document: document.pop("track"), "'track' is missing"),
        (lambda document: document["metrics"][0].pop("signature"), "metrics[0]: 'signature' is missing"),
    ],
    ids=lambda value: value.replace(" ", "-")[:40] if isinstance(value, str) else "",
)
def test_a_wrong_field_is_named_with_its_file(make_result: Make, edit: Callable[[Document], None], said: str) -> None:
    folder = make_result("telea", images=False, edit=edit)
    with pytest.raises(InputError) as caught:
        read_result(folder)
    assert str(folder / "result.json") in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"schema": NaN}', '{"schema": 1', "[]", "\xff"])
def test_no_json_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"result\.json"):
        read_result(tmp_path)


def test_infinity_in_disguise(make_result: Make) -> None:
    folder = make_result("telea", images=False)
    document = json.loads((folder / "result.json").read_text())
    document["metrics"][0]["value"] = "HERE"
    (folder / "result.json").write_text(json.dumps(document).replace('"HERE"', "1e999"))
    with pytest.raises(InputError, match=r"metrics\[0\]: 'value' has to be a finite number"):
        read_result(folder)


def test_no_result(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_result(tmp_path)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "result.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="at most"):
        read_result(tmp_path)


def test_links_out_of_the_folder_are_not_followed(make_result: Make, tmp_path: Path) -> None:
    folder = make_result("telea")
    outside = tmp_path / "outside.png"
    image = folder / "images" / "lfw.face-0.black-box.0.png"
    image.rename(outside)
    image.symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the result folder"):
        read_result(folder).image("lfw.face-0.black-box.0")


def test_a_damaged_image(make_result: Make) -> None:
    folder = make_result("telea")
    (folder / "images" / "lfw.face-0.black-box.0.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="use --no-images"):
        read_result(folder).image("lfw.face-0.black-box.0")
