"""What lenses reflect: scenes before the wearer as two convex lenses show them, side by side; taller than a lens, to be shifted.

In a scene, u runs from 0 (left) to 1 (right) and v from 0 (top) to 1 (bottom); colours are RGB in 0..1.
"""

from collections.abc import Callable, Sequence

import numpy as np

from occbench.assets.eyewear.frames import Field, Image, cloud, shrink, smooth

Scene = Callable[[Field, Field], Field]


def _mix(a: Field, b: Sequence[float], share: Field) -> Field:
    return a + (np.array(b) - a) * share[..., None]


def sky(u: Field, v: Field) -> Field:
    """A bright sky over a dark tree line."""
    out = _mix(np.zeros((*u.shape, 3)), (0.74, 0.84, 0.95), np.ones_like(u))
    out = _mix(out, (1.0, 1.0, 1.0), smooth(0.15, 0.55, v))
    out = _mix(out, (0.98, 0.99, 1.0), 0.5 * smooth(0.2, 1.6, cloud(31, (40, 90), u.shape)))
    line = 0.60 + 0.035 * cloud(32, (u.shape[0], 22), u.shape) + 0.03 * cloud(33, (u.shape[0], 9), u.shape)
    out = _mix(out, (0.24, 0.27, 0.20), smooth(-0.015, 0.03, v - line))
    return _mix(out, (0.44, 0.43, 0.38), smooth(0.66, 0.85, v))


def street(u: Field, v: Field) -> Field:
    """Houses on both sides of a gap of sky, and the pavement."""
    out = _mix(np.zeros((*u.shape, 3)), (0.86, 0.92, 1.0), np.ones_like(u))
    houses = ((-0.1, 0.22, 0.18, 0.30), (0.20, 0.36, 0.36, 0.46), (0.63, 0.82, 0.30, 0.38), (0.80, 1.1, 0.10, 0.24))
    for x0, x1, top, gray in houses:
        wall = smooth(x0 - 0.01, x0 + 0.01, u) * smooth(x1 + 0.01, x1 - 0.01, u) * smooth(top - 0.01, top + 0.01, v)
        windows = smooth(0.1, 0.3, np.sin(u * 70)) * smooth(0.1, 0.3, np.sin(v * 60))
        out = _mix(out, (gray, gray * 0.97, gray * 0.92), wall)
        out = _mix(out, (0.62, 0.66, 0.72), wall * windows * 0.4)
    return _mix(out, (0.44, 0.43, 0.41), smooth(0.66, 0.70, v))


def beach(u: Field, v: Field) -> Field:
    """Sky, sea and sand."""
    out = _mix(np.zeros((*u.shape, 3)), (0.62, 0.78, 0.96), np.ones_like(u))
    out = _mix(out, (0.92, 0.96, 1.0), smooth(0.1, 0.52, v))
    out = _mix(out, (0.24, 0.42, 0.52), smooth(0.52, 0.54, v))
    return _mix(out, (0.84, 0.76, 0.62), smooth(0.64, 0.70, v + 0.01 * cloud(41, (60, 60), u.shape)))


def window(u: Field, v: Field) -> Field:
    """A dim room with a bright window of two panes and a lamp."""
    out = _mix(np.zeros((*u.shape, 3)), (0.16, 0.15, 0.14), np.ones_like(u))
    out = _mix(out, (0.30, 0.27, 0.24), smooth(0.55, 0.8, v))
    for x0, x1 in ((0.24, 0.42), (0.45, 0.63)):
        slant = u + 0.12 * (v - 0.4)
        pane = smooth(x0 - 0.015, x0 + 0.015, slant) * smooth(x1 + 0.015, x1 - 0.015, slant)
        out = _mix(out, (1.0, 1.0, 0.98), pane * smooth(0.22, 0.25, v) * smooth(0.56, 0.53, v))
    return _mix(out, (1.0, 0.92, 0.78), smooth(0.045, 0.02, np.hypot(u - 0.82, (v - 0.3) * 0.8)))


def person(u: Field, v: Field) -> Field:
    """Somebody who takes the picture, before a bright sky."""
    out = _mix(sky(u, v), (0.9, 0.92, 0.94), 0.5 * smooth(0.6, 0.5, v))
    head = smooth(0.1, -0.1, np.hypot((u - 0.5) / 0.035, (v - 0.53) / 0.038) - 1)
    body = smooth(0.1, -0.1, np.hypot((u - 0.5) / 0.085, (v - 0.72) / 0.15) - 1)
    arm = smooth(0.016, 0.010, np.abs(v - 0.62 + 0.8 * (u - 0.56))) * smooth(0.55, 0.57, u) * smooth(0.65, 0.63, u)
    return _mix(out, (0.13, 0.13, 0.15), np.maximum(np.maximum(head, body), arm))


def soft(u: Field, v: Field) -> Field:
    """Open shade: light from above that fades, and a slanting sheen."""
    out = _mix(np.zeros((*u.shape, 3)), (0.78, 0.82, 0.88), smooth(0.75, 0.2, v))
    out = _mix(out, (0.22, 0.21, 0.20), smooth(0.5, 0.9, v))
    return _mix(out, (1.0, 1.0, 1.0), 0.5 * smooth(0.16, 0.0, np.abs(u + 0.5 * v - 0.62)) * smooth(0.8, 0.3, v))


REFLECTIONS: dict[str, Scene] = {"sky": sky, "street": street, "beach": beach, "window": window, "person": person, "soft": soft}


def draw_reflection(scene: Scene) -> Image:
    """(160, 256, 4) uint8 RGB and full alpha: the scene twice, the second a little shifted, bent as convex lenses bend it."""
    shape = (160 * 2, 128 * 2)
    v, u = np.meshgrid((np.arange(shape[0]) + 0.5) / shape[0], (np.arange(shape[1]) + 0.5) / shape[1], indexing="ij")
    lenses = []
    for shift in (0.0, 0.05):
        du, dv = u - 0.5, v - 0.5
        stretch = 1 + 0.5 * du * du + 0.3 * dv * dv
        lenses.append(scene(0.5 + du * stretch + shift, 0.5 + dv * stretch + 0.18 * du * du))
    rgb = np.concatenate(lenses, axis=1)
    return shrink(np.concatenate([rgb, np.ones((*rgb.shape[:2], 1))], axis=-1), (256, 160))
