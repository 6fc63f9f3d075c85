"""The leaderboard as one HTML file that needs no network: table, plots and faces.

Everything that a result says is untrusted: it goes through Jinja's escaping, or into JSON in which no tag can begin; and the page
forbids itself, by its content security policy, to load anything or to run any other script than its own.
"""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from occbench.images import Pixels
from occbench.leaderboard import words
from occbench.leaderboard.merge import Section, signature_set
from occbench.leaderboard.results import MAX_SHOWN, Figure, Result
from occbench.leaderboard.tables import best, p_value, scored, signed

MAX_IMAGES = 240  # of faces on a page
MAX_SIDE = 160  # px of a face on a page
_QUALITY = 88  # of WebP: no difference can be seen, at an eighth of the bytes of PNG
_NOTHING: list[Any] = [None, "–", "", None, None, None, "–", "", 0]


def to_html(sections: Sequence[Section], *, images: bool = True) -> str:
    """The page.

    Args:
        sections: one table each.
        images: embed faces from the result folders, at most `MAX_IMAGES` on the page.

    Raises:
        InputError: an image of a result that cannot be used.
    """
    here = resources.files("occbench.leaderboard")
    template, style, script = ((here / name).read_text(encoding="utf-8") for name in ("page.html.j2", "page.css", "page.js"))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        boards=[_board(section, MAX_IMAGES // len(sections) if images else 0) for section in sections],
        style=Markup(style),
        script=Markup(script),
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
    )


def _board(section: Section, budget: int) -> dict[str, Any]:
    """What the template needs of a section."""
    data = _data(section)
    data["best"] = {column: best(section, column) for column in section.columns}
    signatures: dict[str, list[str]] = {}
    for column, figure in section.columns.items():
        signatures.setdefault(figure.signature, []).append(column)
    return {
        "data": data,
        "json": _embedded({key: value for key, value in data.items() if key != "best"}),
        "about": section.data,
        "sort": words.heading(section.columns[section.sort])[:-2],
        "baseline": section.baseline,
        "tied": any(row.tied_group for row in section.rows),
        "tracks": sorted({result.track for result in section.results}),
        "regions": [(region, text) for region, text in words.REGION.items() if any(c["region"] == region for c in data["columns"])],
        "signatures": signatures,
        "signature_set": signature_set(signatures),
        "versions": sorted({result.version for result in section.results}),
        "notes": section.notes,
        "faces": _faces(section.results, budget),
    }


def _data(section: Section) -> dict[str, Any]:
    """What the script needs of a section: plain values only."""
    results, digits = section.results, words.label(section.columns[section.sort]).digits
    keys = dict.fromkeys(key for result in results for key in result.strata)
    strata: dict[str, list[str]] = {}
    for by, label in keys:
        strata.setdefault(by, []).append(label)
    cells = {"": [_cells(section, result.figures) for result in results]}
    for by, label in keys:
        cells[f"{by} {label}"] = [_cells(section, result.strata.get((by, label), {})) for result in results]
    return {
        "methods": [
            {
                "name": row.result.name,
                "track": row.result.track,
                "n": scored(row),
                "missing": row.result.data.missing,
                "rank": row.rank,
                "tied": row.tied_group,
                "against": row.against and [row.against.difference, signed(row.against.difference, digits), p_value(row.against.p)],
            }
            for row in section.rows
        ],
        "columns": _columns(section),
        "sort": section.sort,
        "strata": [{"by": by, "label": words.STRATUM.get(by, by), "bins": labels} for by, labels in strata.items()],
        "cells": cells,
    }


def _columns(section: Section) -> list[dict[str, Any]]:
    overview = words.overview(section.columns, section.sort)
    return [
        {
            "id": column,
            "label": words.label(figure).text,
            "region": figure.region,
            "unit": words.label(figure).unit,
            "up": figure.higher_is_better,
            "digits": words.label(figure).digits,
            "overview": column in overview,
        }
        for column, figure in section.columns.items()
    ]


def _cells(section: Section, figures: dict[str, Figure]) -> list[list[Any]]:
    """For each column: value and gain, with their bounds, as numbers to sort and draw and as texts to show; and the pairs."""
    return [_cell(figures.get(column), words.label(head).digits) for column, head in section.columns.items()]


def _cell(figure: Figure | None, digits: int) -> list[Any]:
    if figure is None or figure.value is None:
        return _NOTHING
    gain = (figure.gain, figure.gain_ci_low, figure.gain_ci_high)
    return [
        *(_short(figure.value), words.number(figure.value, digits)),
        words.interval(figure.value, figure.ci_low, figure.ci_high, digits),
        *map(_short, gain),
        *(signed(figure.gain, digits), words.interval(*gain, digits)),
        figure.n,
    ]


def _short(value: float | None) -> float | None:
    """Enough digits to sort and to draw."""
    return None if value is None else float(f"{value:.7g}")


def _faces(results: Sequence[Result], budget: int) -> dict[str, Any] | None:
    """The same test faces across methods, as data URLs, or None. The pairs that most methods show come first."""
    pairs: dict[str, str] = {}
    counts: dict[str, int] = {}
    for result in results:
        for pair_id, occluder, variant in result.shown:
            pairs.setdefault(pair_id, occluder if variant in ("", "plain", occluder) else f"{occluder}, {variant}")
            counts[pair_id] = counts.get(pair_id, 0) + 1
    most = min(MAX_SHOWN, budget // (len(results) + 2))
    chosen = sorted(pairs, key=lambda pair_id: -counts[pair_id])[:most]
    if not chosen:
        return None
    rows = [
        ("original", [_first(results, pair_id, ".clean") for pair_id in chosen]),
        ("occluded input", [_first(results, pair_id, ".occluded") for pair_id in chosen]),
    ]
    rows += [(result.name, [_url(result.image(pair_id)) for pair_id in chosen]) for result in results]
    if not any(url for _, urls in rows for url in urls):
        return None
    return {"labels": [pairs[pair_id] for pair_id in chosen], "rows": rows}


def _first(results: Sequence[Result], pair_id: str, kind: str) -> str | None:
    return next((_url(image) for result in results if (image := result.image(pair_id, kind)) is not None), None)


def _url(image: Pixels | None) -> str | None:
    if image is None:
        return None
    picture = Image.fromarray(image)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _embedded(value: Any) -> Markup:
    """JSON for a script element: with neither `<` nor `&` in it, nothing can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
