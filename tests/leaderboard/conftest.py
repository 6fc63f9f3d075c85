"""Results as `occbench score` writes them, made by a seed: six methods, strata, sums of identities, drawn faces."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from occbench.images import encode_png
from occbench.metrics import column
from occbench.seeding import generator

OCCLUDERS = ("black-box", "cup", "hand", "mask", "random-shape", "sunglasses")
BINS: dict[str, tuple[str, ...]] = {
    "occluder": OCCLUDERS,
    "variant": tuple(f"{name}/plain" for name in OCCLUDERS),
    "coverage": ("0.0-0.1", "0.1-0.2", "0.2-0.3", "0.3-0.4", "0.4-0.5", "0.5+"),
    "yaw": ("0-15", "15-30", "30-45", "45+"),
    "source": ("lfw",),
}
FINGERPRINT = "5b1f" * 16
PEOPLE, EACH = 120, 10
# Name, region, value of the occluded input, what a perfect method would add, higher is better.
METRICS: tuple[tuple[str, str, float, float, bool], ...] = (
    ("psnr", "full", 17.2, 11.0, True),
    ("psnr", "mask", 9.4, 12.0, True),
    ("psnr", "visible", 100.0, 0.0, True),
    ("ssim", "full", 0.781, 0.17, True),
    ("ssim", "mask", 0.214, 0.55, True),
    ("l1", "full", 0.0712, -0.06, False),
    ("lpips", "full", 0.231, -0.19, False),
    ("identity_cosine", "full", 0.641, 0.3, True),
    ("landmark_error", "full", 0.0834, -0.05, False),
)
SKILL = {"occluded": 0.0, "mean-face": 0.36, "blur-fill": 0.5, "telea": 0.601, "navier-stokes": 0.6, "biharmonic": 0.66}

Make = Callable[..., Path]


def signature(name: str) -> str:
    return f"{name}|range:255|mean-of-images|v1"


@pytest.fixture
def make_result(tmp_path: Path) -> Make:
    """`make_result("telea", skill=0.6, edit=function)`: a result folder; `edit` changes the document before it is written."""

    def make(
        name: str, folder: str | None = None, *, images: bool = True, edit: Callable[[dict[str, Any]], object] | None = None
    ) -> Path:
        out = tmp_path / (folder or f"score-{name}")
        write_result(out, name, SKILL.get(name, 0.4), images=images, edit=edit)
        return out

    return make


@pytest.fixture
def six(make_result: Make) -> list[Path]:
    """Six methods on the same data."""
    return [make_result(name) for name in SKILL]


def write_result(
    out: Path, name: str, skill: float, *, images: bool = True, edit: Callable[[dict[str, Any]], object] | None = None
) -> None:
    (out / "images").mkdir(parents=True)
    table, rows, strata = _identities(), [], []
    for metric, region, base, reach, up in METRICS:
        key = column(metric, region)
        # Each identity and metric has its own difficulty, the same for all methods: what a paired test lives from.
        noise = generator(1, key).normal(0, 0.12, PEOPLE) + generator(2, key, name).normal(0, 0.03 if skill else 0, PEOPLE)
        gains = reach * (skill + (noise if skill else 0 * noise))
        counts = np.full(PEOPLE, EACH)
        table |= {f"{key}_sum": (base + gains) * counts, f"{key}_count": counts.astype(np.int32)}
        table[f"{key}_occluded_sum"] = base * counts.astype(np.float64)
        about = {"name": metric, "region": region, "higher_is_better": up, "signature": signature(metric)}
        rows.append(about | _numbers(base, gains, up, PEOPLE * EACH))
        for by, labels in BINS.items():
            for number, label in enumerate(labels):
                ease = 1.25 - 0.13 * number if by == "coverage" else 0.7 + 0.6 * generator(3, by, label).random()
                n = PEOPLE * EACH // len(labels)
                strata.append(about | {"by": by, "bin": label} | _numbers(base, gains * ease, up, n, wide=len(labels) ** 0.5))
    document = {
        "schema": 1,
        "name": name,
        "track": "blind" if name in ("occluded", "mean-face") else "given-mask",
        "data": {"fingerprint": FINGERPRINT, "source": "lfw", "split": "test", "n": PEOPLE * EACH}
        | {"identities": PEOPLE, "missing": 0, "directory": "lfw"},
        "metrics": rows,
        "strata": strata,
        "skipped": [],
        "warnings": [],
        "environment": {"occbench": "0.1.0", "python": "3.11.7"},
        "created": "2026-11-21T08:00:00Z",
        "shown": [{"pair_id": f"lfw.face-{k}.{kind}.0", "occluder": kind, "variant": "plain"} for k, kind in enumerate(OCCLUDERS)],
    }
    if edit is not None:
        edit(document)
    (out / "result.json").write_text(json.dumps(document), encoding="utf-8")
    pd.DataFrame(table).to_parquet(out / "per_identity.parquet", index=False)
    for number, kind in enumerate(OCCLUDERS if images else ()):
        clean, occluded, restored = _faces(number, skill)
        for suffix, image in (("", restored), (".clean", clean), (".occluded", occluded)):
            (out / "images" / f"lfw.face-{number}.{kind}.0{suffix}.png").write_bytes(encode_png(image))


def _identities() -> dict[str, Any]:
    return {"identity": [f"{k:016x}" for k in range(PEOPLE)], "n": np.full(PEOPLE, EACH, np.int32)}


def _numbers(base: float, gains: npt.NDArray[np.float64], up: bool, n: int, wide: float = 1.0) -> dict[str, Any]:
    change = float(gains.mean())
    half = wide * 1.96 * float(gains.std()) / PEOPLE**0.5
    sign = 1.0 if up else -1.0
    return {
        **{"value": base + change, "ci_low": base + change - half, "ci_high": base + change + half},
        **{"gain": sign * change, "gain_ci_low": sign * change - half, "gain_ci_high": sign * change + half, "n": n},
    }


def _faces(number: int, skill: float) -> tuple[npt.NDArray[np.uint8], ...]:
    """A drawn face, the same behind an ellipse, and with the ellipse partly undone; (64, 64, 3) uint8."""
    rng = generator(4, number)
    skin, back = (rng.integers(90, 230, 3).tolist() for _ in range(2))
    clean = np.full((64, 64, 3), back, np.uint8)
    cv2.ellipse(clean, (32, 34), (19, 25), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (24, 40):
        cv2.circle(clean, (x, 28), 3, (40, 30, 30), -1, cv2.LINE_AA)
    cv2.ellipse(clean, (32, 46), (8, 3), 0, 0, 180, (150, 40, 50), 2, cv2.LINE_AA)
    occluded = clean.copy()
    cv2.ellipse(occluded, (32, 28 if number % 2 else 46), (20, 9), 0, 0, 360, (70, 110, 160), -1)
    restored = cv2.addWeighted(clean, skill, cv2.GaussianBlur(occluded, (0, 0), 0.1 + 4 * skill), 1 - skill, 0)
    return clean, occluded, np.asarray(restored, np.uint8)
