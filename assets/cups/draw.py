"""Draw the cup textures and their profiles: `python -m occbench.assets.cups.draw [FOLDER]`.

A cup is a body of revolution: rows of a texture run from the middle of its top (lid or liquid) over the rim and down the wall to
the middle of its foot, columns go once around, the middle column towards the camera. Channels are what colours are mixed from (see
`occbench/occluders/paint.py`): R shade under light from above the camera, G how far the surface faces the image's right (128 = not
at all), B ink (0 trim, 128 main, 255 second colour), A alpha. The JSON beside it holds the profile, for each control row the radius
and the distance below the rim in mm; the handle's JSON a grid of points (out of the wall, below the rim, sideways).
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Profile = Sequence[tuple[float, float]]

WIDTH, HEIGHT, SUPER = 384, 256, 2
LIGHT = (0.0, -0.44, 0.898)


def smooth(edge0: float, edge1: float, x: Field) -> Field:
    """0 below edge0, 1 above edge1, a cubic in between (also for edge0 > edge1)."""
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def bump(x: Field, centre: float, width: float) -> Field:
    """A Gaussian ridge of standard deviation `width`."""
    return np.asarray(np.exp(-0.5 * ((x - centre) / width) ** 2))


def cloud(seed: int, scale: tuple[float, float], shape: tuple[int, int]) -> Field:
    """Smooth noise of zero mean and unit deviation; `scale` = feature size in texels (down, across)."""
    rng = np.random.Generator(np.random.Philox(seed))
    h, w = (max(2, round(n / (s * SUPER))) for n, s in zip(shape, scale, strict=True))
    field = cv2.resize(rng.standard_normal((h, w)), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / field.std())


class Canvas:
    """Where every texel lies on the cup, and what it looks like so far.

    Attributes:
        row: position along the control rows (0 the first).
        radius, depth: mm from the axis and below the rim.
        angle: degrees around the axis, 0 towards the camera, positive towards the image's right.
        rim: row of the rim.
        top, inside, side, foot: which part of the cup it is: what closes it above, its wall seen from inside and outside, its
            underside.
    """

    def __init__(self, profile: Profile) -> None:
        shape = (HEIGHT * SUPER, WIDTH * SUPER)
        v, u = np.meshgrid((np.arange(shape[0]) + 0.5) / shape[0], (np.arange(shape[1]) + 0.5) / shape[1], indexing="ij")
        at = np.arange(len(profile), dtype=np.float64)
        self.shape, self.row, self.angle = shape, v * (len(profile) - 1), (u - 0.5) * 360
        self.radius, self.depth = (np.interp(self.row, at, [p[k] for p in profile]) for k in range(2))
        self.rim = int(np.argmin([p[1] for p in profile]))
        self.top, self.inside = self.row < 1, (self.row >= 1) & (self.row < self.rim)
        self.foot = self.row > len(profile) - 2.5
        self.side = (self.row >= self.rim) & ~self.foot
        self.ink, self.dark, self.alpha = np.full(shape, 0.5), np.ones(shape), np.ones(shape)
        self.gloss = np.zeros(shape)
        # The outward normal of the profile: along the rows, (radius, depth) turned by a quarter.
        steps = np.diff(np.array(profile), axis=0)
        steps = steps / (np.linalg.norm(steps, axis=1, keepdims=True) + 1e-9)
        middle = at[:-1] + 0.5
        out, down = (np.interp(self.row, middle, values) for values in (steps[:, 1], -steps[:, 0]))
        length = np.hypot(out, down) + 1e-9
        turn = np.radians(self.angle)
        self.normal = np.stack([out / length * np.sin(turn), down / length, out / length * np.cos(turn)], axis=-1)

    def strips(self) -> Field:
        """Windows and lamps mirrored in a glossy wall: a broad strip at one side, a narrow one at the other."""
        return smooth(8, 0, np.abs(self.angle + 38) - 5) + 0.5 * smooth(6, 0, np.abs(self.angle - 56) - 1)

    def render(self) -> npt.NDArray[np.uint8]:
        """(HEIGHT, WIDTH, 4) uint8: shade, side, ink, alpha."""
        lambert = np.clip((self.normal @ np.array(LIGHT) + 0.25) / 1.25, 0, 1)
        shade = (0.40 + 0.44 * lambert + 0.14 * (0.5 - 0.5 * self.normal[..., 1])) * self.dark
        shade = shade * np.where(self.foot, 0.84, 1) + self.gloss * self.strips() * self.side
        out = np.stack([shade, 0.5 + 0.5 * self.normal[..., 0], self.ink, self.alpha], axis=-1)
        image: npt.NDArray[np.uint8] = np.rint(np.clip(out, 0, 1) * 255).astype(np.uint8)
        return np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)


PAPER: Profile = [
    (0, 4), (31, 4), (36, 0), (39.5, 1.5), (40.5, 8), (44, 10.5), (42.4, 14), (40, 37.5), (37.7, 60.5), (35.3, 84), (33, 107),
    (30, 107.5), (0, 105),
]  # fmt: skip
OPEN: Profile = [
    (0, 16), (38.4, 16), (41, 0.4), (42.4, 0), (43.4, 2.2), (42, 4), (39.6, 29), (37.2, 54), (34.8, 79), (32.5, 104), (30, 104.5),
    (0, 102),
]  # fmt: skip
MUG: Profile = [
    (0, 14), (38.8, 14), (40, 0.6), (41.2, 0), (42.4, 1.6), (42.4, 26), (42.4, 50), (42.3, 74), (40.8, 89), (36, 96), (0, 94),
]  # fmt: skip
GLASS: Profile = [
    (0, 30), (37, 30), (39, 0.6), (39.8, 0), (40.4, 1.5), (39.4, 20), (38.2, 40), (36.6, 66), (34.9, 92), (33.4, 112), (30, 117),
    (0, 116),
]  # fmt: skip
TUMBLER: Profile = [
    (0, 6), (31, 6), (35.5, 0), (38, 1.5), (39.5, 12), (41, 15), (40.4, 20), (39.4, 52), (38, 85), (36.4, 118), (34.5, 150),
    (31, 152), (0, 151),
]  # fmt: skip


def ink(c: Canvas, where: npt.NDArray[np.bool_], value: float) -> None:
    """Another ink in places."""
    c.ink = np.where(where, value, c.ink)


def lid(c: Canvas, edge: float) -> None:
    """A plastic lid down to `edge` mm below the rim: recessed top, a slot at the face's side, grooves around."""
    ink(c, c.depth < edge, 0.0)
    slot = smooth(1.2, 0.6, np.hypot((180 - np.abs(c.angle)) / 11, (c.radius - 28) / 2.4)) * c.top
    c.dark *= 1 - 0.75 * slot - 0.10 * bump(c.radius, 31.5, 1.2) * c.top
    c.dark *= 1 - (0.14 * bump(c.depth, edge - 4.5, 0.8) + 0.22 * bump(c.depth, edge + 0.6, 1.0)) * c.side
    c.gloss = np.where(c.depth < edge, 0.16, c.gloss)


def paper(c: Canvas, *, sleeve: bool, mark: int) -> None:
    """A coffee cup to go: lid, and a corrugated sleeve, a printed disc (mark 1) or lettering (mark 2)."""
    lid(c, 14)
    c.dark *= 1 + 0.008 * cloud(11, (3, 3), c.shape)
    if sleeve:
        band = (c.depth > 35) & (c.depth < 88) & c.side
        ink(c, band, 1.0)
        c.dark *= 1 - 0.07 * band * (0.5 + 0.5 * np.sin(np.radians(c.angle) * 110))
        c.dark *= 1 - (0.20 * bump(c.depth, 89.2, 1.2) + 0.10 * bump(c.depth, 34.4, 0.8)) * c.side
    x, y = np.radians(c.angle) * 38, c.depth - 60
    if mark == 1:
        distance = np.hypot(x - 5, y)
        ink(c, (distance < 17) & (np.abs(distance - 13.6) > 0.9) & c.side, 0.0 if sleeve else 1.0)
        ink(c, (np.hypot(x - 5, 1.5 * y) < 7) & c.side, 0.5)
    if mark == 2:
        strokes = (np.abs(y) < 6) & (np.abs(x + 6) < 23) & (np.sin(1.08 * x) > -0.25)
        ink(c, strokes & ~((np.abs(y) < 2.2) & (np.sin(0.54 * x) > 0.2)) & c.side, 0.0)


def throwaway(c: Canvas) -> None:
    """An open party cup: rolled rim, rings in the wall."""
    ink(c, c.top, 1.0)
    ink(c, c.inside, 0.0)
    c.dark *= np.where(c.top | c.inside, 0.82, 1)
    for ring in (30.0, 58.0, 86.0):
        c.dark *= 1 - (0.13 * bump(c.depth, ring, 0.9) + 0.05 * bump(c.depth, ring + 2, 0.9)) * c.side
    c.dark *= 1 - 0.18 * bump(c.depth, 5.0, 1.0) * c.side
    c.gloss += 0.12


def mug(c: Canvas, *, pattern: int) -> None:
    """Glazed earthenware with coffee inside: plain, with bands (1) or a heart (2)."""
    ink(c, c.top, 1.0)
    c.dark *= np.where(c.top, 0.9 - 0.15 * smooth(30, 38, c.radius), np.where(c.inside, 0.72, 1))
    c.dark *= 1 + 0.05 * bump(c.depth, 1.5, 1.2) * c.side
    c.gloss += 0.22
    if pattern == 1:
        ink(c, c.side & ((np.abs(c.depth - 18) < 3.2) | (np.abs(c.depth - 26) < 1.2)), 0.0)
    if pattern == 2:
        x, y = np.radians(c.angle - 6) * 42 / 17, (c.depth - 46) / 17
        ink(c, c.side & (x * x + (-y - np.sqrt(np.abs(x)) * 0.72) ** 2 < 0.8), 0.0)


def glass(c: Canvas, *, level: float, opaque: float) -> None:
    """A drinking glass: a thin bright rim, a liquid up to `level` mm below it, a thick foot. What is clear still hides a little."""
    limb = np.abs(c.normal[..., 0])
    clear = 0.60 + 0.22 * smooth(0.72, 1.0, limb)
    filled = np.where(c.top, 1.0, np.where(c.inside, 0.0, smooth(level - 0.5, level + 0.5, c.depth) * smooth(112, 109, c.depth)))
    thick = smooth(109, 111, c.depth) * ~c.top
    rim = bump(c.row, c.rim + 0.3, 0.5)
    shine = c.strips() * c.side * smooth(6, 14, c.depth) * smooth(106, 96, c.depth)
    c.alpha = clear * (1 - filled) + np.maximum(opaque, clear) * filled
    for part, share in ((rim, 0.86), (thick, 0.74), (shine, 0.78)):
        c.alpha = np.maximum(c.alpha, share * part)
    c.ink = np.clip(0.5 * filled + 0.55 * shine, 0, 1)
    ink(c, rim > 0.6, 1.0)
    c.dark *= 1 - 0.30 * bump(limb, 0.97, 0.035) + 0.10 * bump(limb, 0.86, 0.05)
    c.dark *= 1 - (0.20 * bump(c.depth, level, 0.8) - 0.14 * bump(c.depth, level + 2.4, 1.0)) * c.side
    c.dark *= 1 - 0.22 * bump(c.depth, 111, 1.4) + 0.16 * bump(c.depth, 114.5, 1.2)
    c.gloss += 0.34


def tumbler(c: Canvas, *, steel: bool) -> None:
    """A travel mug: a lid of plastic, a lacquered or brushed wall with a small badge, a rubber foot."""
    lid(c, 20)
    if steel:
        c.dark *= np.where(c.side & (c.depth > 20), 0.90 + 0.12 * np.cos(np.radians(c.angle) * 5 + 0.6), 1)
        c.dark *= 1 + 0.025 * cloud(21, (1.5, 60), c.shape)
    c.gloss = np.where(c.depth < 20, c.gloss, 0.26 if steel else 0.12)
    ink(c, c.depth > 141, 0.0)
    ink(c, (np.abs(c.depth - 62) < 9) & (np.abs(c.angle + 6) < 11) & c.side, 1.0)


@dataclass(frozen=True)
class Style:
    """A profile, how it is painted, and whether it has a handle."""

    profile: Profile
    paint: Callable[[Canvas], None]
    handle: bool = False


STYLES = {
    "paper-sleeve": Style(PAPER, lambda c: paper(c, sleeve=True, mark=0)),
    "paper-sleeve-mark": Style(PAPER, lambda c: paper(c, sleeve=True, mark=1)),
    "paper-mark": Style(PAPER, lambda c: paper(c, sleeve=False, mark=1)),
    "paper-letters": Style(PAPER, lambda c: paper(c, sleeve=False, mark=2)),
    "paper-open": Style(OPEN, throwaway),
    "mug": Style(MUG, lambda c: mug(c, pattern=0), handle=True),
    "mug-bands": Style(MUG, lambda c: mug(c, pattern=1), handle=True),
    "mug-heart": Style(MUG, lambda c: mug(c, pattern=2), handle=True),
    "glass-clear": Style(GLASS, lambda c: glass(c, level=32, opaque=0.64)),
    "glass-filled": Style(GLASS, lambda c: glass(c, level=24, opaque=0.94)),
    "tumbler": Style(TUMBLER, lambda c: tumbler(c, steel=False)),
    "tumbler-steel": Style(TUMBLER, lambda c: tumbler(c, steel=True)),
}


def handle() -> Field:
    """The grid of a mug's handle: 11 rows along it, 9 columns around its bar, (out of the wall, below the rim, sideways) mm."""
    rows = []
    for t in np.linspace(-1, 1, 11):
        turn = math.pi / 2 * t
        along = np.array([-math.sin(turn) * 28, math.cos(turn) * 27])
        along /= np.linalg.norm(along)
        normal = np.array([along[1], -along[0]])
        centre = np.array([-3 + 30 * math.cos(turn), 48 + 27 * math.sin(turn)])
        ring = []
        for phi in np.linspace(-math.pi, math.pi, 9):
            out, down = centre + normal * 4.4 * math.sin(phi)
            ring.append((out, down, 6.0 * math.cos(phi)))
        rows.append(ring)
    return np.array(rows)


def handle_texture() -> npt.NDArray[np.uint8]:
    """(64, 32, 4) uint8: a glazed bar seen from the side, its middle column towards the camera."""
    v, u = np.meshgrid((np.arange(64) + 0.5) / 64, (np.arange(32) + 0.5) / 32, indexing="ij")
    turn = (u - 0.5) * 2 * math.pi
    across, facing = np.sin(turn), np.cos(turn)
    # At the top of the loop the bar's outside looks up, at its foot down.
    up = np.cos(v * math.pi) * across
    shade = 0.46 + 0.34 * np.clip(facing, 0, 1) + 0.18 * up + 0.10 * bump(across, 0.45, 0.12)
    out = np.stack([shade, np.full_like(u, 0.5), np.full_like(u, 0.5), np.ones_like(u)], axis=-1)
    return np.asarray(np.rint(np.clip(out, 0, 1) * 255), dtype=np.uint8)


def draw(name: str) -> tuple[npt.NDArray[np.uint8], dict[str, object]]:
    """Texture (HEIGHT, WIDTH, 4) uint8 and the JSON content of one style; of the handle too, under its own name."""
    if name == "handle":
        return handle_texture(), {"channels": ["shade", "side", "ink", "alpha"], "grid": np.round(handle(), 2).tolist()}
    style = STYLES[name]
    canvas = Canvas(style.profile)
    style.paint(canvas)
    facts = {"channels": ["shade", "side", "ink", "alpha"], "profile": [list(p) for p in style.profile], "handle": style.handle}
    return canvas.render(), facts


def main(folder: Path) -> None:
    """Write all textures and their facts into `folder`."""
    for name in (*STYLES, "handle"):
        texture, facts = draw(name)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(texture, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        (folder / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
