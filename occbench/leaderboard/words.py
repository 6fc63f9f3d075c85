"""How numbers and metrics read to a person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from occbench.leaderboard.results import Figure

REGION = {"full": "full frame", "mask": "inside the mask", "ring": "ring around the mask", "visible": "visible part"}
_SECONDARY = {"ssim_uniform7", "mse", "sse", "lpips_vgg", "verification_tar", "psnr_tiled", "ssim_tiled", "occlusion_brier"}
STRATUM = {"occluder": "Occluder", "variant": "Variant", "coverage": "Coverage", "yaw": "Yaw", "source": "Source"}


@dataclass(frozen=True)
class Label:
    """How a metric is shown: its name, its unit (or empty) and the digits after the point."""

    text: str
    unit: str = ""
    digits: int = 3


# Written here and not taken from the declarations, whose modules import whole networks.
_LABELS = {
    "psnr": Label("PSNR", "dB", 2),
    "ssim": Label("SSIM", digits=4),
    "ssim_uniform7": Label("SSIM, uniform 7", digits=4),
    "l1": Label("L1", digits=4),
    "mse": Label("MSE", digits=4),
    "sse": Label("SSE", digits=1),
    "lpips": Label("LPIPS", digits=4),
    "lpips_vgg": Label("LPIPS, VGG", digits=4),
    "identity_cosine": Label("Identity", digits=3),
    "verification_accuracy": Label("Verification", digits=3),
    "verification_tar": Label("Verification, TAR", digits=3),
    "landmark_error": Label("Landmark error", digits=4),
    "kid": Label("KID", digits=6),
    "kid_inception": Label("KID, Inception", digits=5),
    "fid": Label("FID", digits=3),
    "fid_inception": Label("FID, Inception", digits=2),
    "occlusion_iou": Label("Mask IoU", digits=3),
    "occlusion_f1": Label("Mask F1", digits=3),
    "occlusion_brier": Label("Mask Brier", digits=4),
    "psnr_tiled": Label("PSNR, tiled", "dB", 2),
    "ssim_tiled": Label("SSIM, tiled", digits=4),
}


def label(figure: Figure) -> Label:
    """How a figure's metric is shown; one that is not known here has its own name."""
    return _LABELS.get(figure.name) or Label(figure.name)


def heading(figure: Figure) -> str:
    """`PSNR mask (dB) ↑`: the arrow says which way is better."""
    shown = label(figure)
    region = "" if figure.region == "full" else f" {figure.region}"
    unit = f" ({shown.unit})" if shown.unit else ""
    return f"{shown.text}{region}{unit} {'↑' if figure.higher_is_better else '↓'}"


def number(value: float | None, digits: int) -> str:
    """With a true minus sign, and no `-0.00`; a dash for nothing."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def interval(value: float | None, low: float | None, high: float | None, digits: int) -> str:
    """`± 0.2` where both bounds are as far away (to a unit of the last digit), else `[22.9, 23.2]`; empty without bounds."""
    if value is None or low is None or high is None:
        return ""
    unit = 10.0**-digits
    if abs((high - value) - (value - low)) <= 1.01 * unit:
        return f"± {number((high - low) / 2, digits)}"
    return f"[{number(low, digits)}, {number(high, digits)}]"


def markdown(text: str) -> str:
    """Anybody's text as one line of Markdown that means nothing but itself: no markup, no link, no mention."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = "".join(f"&#{ord(c)};" if c in "&<>|`[]*~\\@$" else c for c in line)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", lambda found: f"&#{ord(found[0])};", line)


def overview(columns: Mapping[str, Figure], sort: str) -> list[str]:
    """The columns for a first look: the one that ranks, and one of each metric that has no more telling relative.

    Inside the mask where a metric is taken there, else its first region.
    """
    chosen = {sort}
    for name in {figure.name for figure in columns.values()} - _SECONDARY:
        regions = {figure.region: column for column, figure in columns.items() if figure.name == name}
        chosen.add(regions.get("mask") or next(iter(regions.values())))
    return [column for column in columns if column in chosen]
