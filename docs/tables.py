"""Write the generated parts of docs/occluders.md from the code: `python docs/tables.py`. A test holds the page to it."""

import inspect
from pathlib import Path

from occbench.occluders import OCCLUDERS, create

PAGE = Path(__file__).with_name("occluders.md")


def table(name: str) -> str:
    """What the code says about one occluder, as Markdown: stored parameters, variants with their shares, ranges with defaults."""
    occluder = create(name)
    _, word, stored = (inspect.getdoc(type(occluder)) or "").partition("Parameters")
    total = sum(occluder.variants.values())
    shares = ", ".join(f"`{variant}` {100 * weight / total:.3g} %" for variant, weight in occluder.variants.items())
    match = (
        "is matched to the light, blur and grain of the photograph" if occluder.photometric else "is not matched to the photograph"
    )
    lines = [f"{word}{stored}".strip(), "", f"Variants: {shares}. It {match}.", "", "| range | default |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{key}` | {low:g} to {high:g} |" for key, (low, high) in occluder.ranges.items())])


def filled(page: str) -> str:
    """The page with what lies between `<!-- NAME -->` and `<!-- end -->` made anew."""
    for name in OCCLUDERS:
        before, start, rest = page.partition(f"<!-- {name} -->")
        _, end, after = rest.partition("<!-- end -->")
        page = f"{before}{start}\n{table(name)}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
