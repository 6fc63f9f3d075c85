import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from occbench.leaderboard import page
from occbench.leaderboard.merge import merge
from occbench.leaderboard.page import to_html

Make = Callable[..., Path]
Document = dict[str, Any]

NASTY = "x</script><script>alert(1)</script><img src=x onerror=alert(1)> \"&'<!--"


class Elements(HTMLParser):
    """All start tags with their attributes, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip() and self.found[-1][0] in ("script", "style"):
            self.texts.append((self.found[-1][0], data))


@pytest.fixture
def html(six: list[Path]) -> str:
    return to_html(merge(six, baseline="telea"))


def test_nothing_is_fetched(html: str) -> None:
    elements = Elements(html)
    for tag, attributes in elements.found:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "srcset", "action", "poster", "data", "background"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    assert not re.search(r"https?:|//[a-z]+\.|url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\b", html)


def test_the_policy_allows_the_pages_own_script_and_style_only(html: str) -> None:
    elements = Elements(html)
    policy = next(a["content"] or "" for t, a in elements.found if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    style, script = (
        next(text for tag, text in reversed(elements.texts) if tag == kind and not text.startswith("{"))
        for kind in ("style", "script")
    )
    for kind, text in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not any("style" in a or any(name.startswith("on") for name in a) for _, a in elements.found)


def test_the_data_are_embedded_whole(html: str) -> None:
    data = json.loads(next(text for tag, text in Elements(html).texts if text.startswith("{")))
    assert data["methods"][0]["name"] == "biharmonic"
    assert len(data["cells"]) == 1 + 6 + 6 + 6 + 4 + 1
    assert all(len(method) == len(data["columns"]) for cells in data["cells"].values() for method in cells)


def test_nobodys_text_becomes_markup(make_result: Make) -> None:
    def edit(document: Document) -> None:
        document["warnings"] = [NASTY]
        document["data"]["source"] = NASTY
        document["environment"]["occbench"] = NASTY
        for row in document["metrics"] + document["strata"]:
            row["signature"] = NASTY
        for row in document["strata"]:
            row["bin"] = NASTY + row["bin"]
        for row in document["shown"]:
            row["variant"] = NASTY

    text = to_html(merge([make_result(NASTY, "x", edit=edit)], baseline=NASTY))
    elements = Elements(text)
    assert [tag for tag, _ in elements.found].count("script") == 2
    assert not any(a.get("src") == "x" or "onerror" in a for _, a in elements.found)
    data = json.loads(next(text for tag, text in elements.texts if text.startswith("{")))
    assert data["methods"][0]["name"] == NASTY


def test_faces_are_small_and_few(six: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def images(text: str) -> list[str]:
        return [a["src"] or "" for tag, a in Elements(text).found if tag == "img"]

    sections = merge(six)
    found = images(to_html(sections))
    assert len(found) == 6 * 8
    picture = Image.open(io.BytesIO(base64.b64decode(found[0].partition(",")[2])))
    assert (picture.format, picture.size) == ("WEBP", (64, 64))
    monkeypatch.setattr(page, "MAX_IMAGES", 17)
    assert len(images(to_html(sections))) == 2 * 8
    monkeypatch.setattr(page, "MAX_SIDE", 32)
    picture = Image.open(io.BytesIO(base64.b64decode(images(to_html(sections))[0].partition(",")[2])))
    assert picture.size == (32, 32)


def test_no_images(six: list[Path]) -> None:
    text = to_html(merge(six), images=False)
    assert "<img" not in text
    assert "data:image" not in text


def test_a_result_without_images_leaves_gaps(make_result: Make) -> None:
    text = to_html(merge([make_result("telea"), make_result("biharmonic", images=False)]))
    assert text.count("<img") == 6 * 3
    assert text.count('<span class="none">') == 6


def test_what_the_page_has_to_say(html: str) -> None:
    text = " ".join(html.split())
    for part in ("no evidence of what a person looks like", "<dt>Tied</dt>", "<dt>Gain</dt>", "psnr|range:255|mean-of-images|v1"):
        assert part in text


def test_two_pages_of_the_same_results_are_equal(six: list[Path]) -> None:
    assert to_html(merge(six)) == to_html(merge(six[::-1]))


def test_sections_have_a_table_each(make_result: Make) -> None:
    folders = [make_result("telea"), make_result("occluded", edit=lambda document: document["data"].update(fingerprint="0" * 64))]
    assert to_html(merge(folders, sections=True)).count('class="board"') == 2


def test_the_script_stays_small() -> None:
    script = (Path(page.__file__).parent / "page.js").read_text(encoding="utf-8")
    assert len(script.splitlines()) < 300
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)
