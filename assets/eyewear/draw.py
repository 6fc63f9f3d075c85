"""Draw the sunglasses and what their lenses reflect: `python -m occbench.assets.eyewear.draw [FOLDER]`."""

import json
import sys
from pathlib import Path

import cv2

from occbench.assets.eyewear.frames import FRAMES, Image, draw_frame, grids
from occbench.assets.eyewear.reflections import REFLECTIONS, draw_reflection


def main(folder: Path) -> None:
    """Write every texture with the JSON of its grids."""
    for name, frame in FRAMES.items():
        facts = {"channels": ["shade", "lens", "second", "alpha"], "lens": list(frame.centre), "grids": grids(frame)}
        _write(folder, name, draw_frame(frame), facts)
    for name, scene in REFLECTIONS.items():
        _write(folder, f"reflection-{name}", draw_reflection(scene), {"channels": ["red", "green", "blue", "alpha"]})


def _write(folder: Path, name: str, rgba: Image, facts: dict[str, object]) -> None:
    encoded = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    (folder / f"{name}.png").write_bytes(encoded.tobytes())
    (folder / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
