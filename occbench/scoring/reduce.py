"""From values of images to numbers: means with intervals, gains, strata, and figures of whole sets."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.manifest.pixels import load
from occbench.metrics import Metric, column, frechet, identity, kid
from occbench.metrics.tiled import tiled
from occbench.scoring.score import OCCLUDED, Measured
from occbench.scoring.statistics import Interval, ratio_interval
from occbench.scoring.strata import ordered, strata
from occbench.scoring.values import Given

Array = npt.NDArray[Any]
Row = dict[str, Any]

_ALIKE = 3  # photographs with one and the same restoration, from which a result is suspicious


def reduced(everything: Measured, given: Given, seed: int) -> tuple[list[Row], list[Row], list[str]]:
    """The numbers of a result.

    Args:
        everything: what was measured.
        given: where the restorations come from, for metrics that need the images once more.
        seed: of resampling and of drawn pairs.

    Returns:
        Rows of all pairs, rows of strata, and notes for the reader.
    """
    everybody = np.ones(len(everything.split.items), dtype=np.bool_)
    rows = _image_rows(everything, everybody, seed)
    of_strata = []
    for by, labels in strata(everything.split.frame).items():
        for label in ordered(by, labels):
            of_strata += [{"by": by, "bin": label} | row for row in _image_rows(everything, labels == label, seed)]
    of_sets, notes = _set_rows(everything, given, seed)
    return rows + of_sets, of_strata, notes


def suspicions(everything: Measured) -> list[str]:
    """What makes restorations look wrong: they are the ground truth, or one and the same image for different photographs."""
    found = []
    done, same = int(everything.scored.sum()), int(everything.same.sum())
    if same:
        found.append(f"{same} of {done} restorations are the clean image itself, bit for bit: is this the ground truth?")
    photographs: dict[str, set[str]] = defaultdict(set)
    for item, pixels in zip(everything.split.items, everything.pixels.tolist(), strict=True):
        photographs[pixels].add(item.clean[1])
    alike = sum(bool(p) and len(photographs[p]) >= _ALIKE for p in everything.pixels.tolist())
    if alike:
        found.append(f"{alike} of {done} restorations are byte-identical although they are of different photographs")
    return found


def _image_rows(everything: Measured, inside: npt.NDArray[np.bool_], seed: int) -> list[Row]:
    """Means of the image metrics over some pairs, and gains over the occluded input, signed so that more is better."""
    rows, clusters = [], everything.split.identities
    for metric in everything.plan.metrics:
        if metric.kind == "image":
            sign = 1.0 if metric.higher_is_better else -1.0
            for region in metric.regions:
                after, before = (table[column(metric.name, region)] for table in (everything.values, everything.occluded))
                value, gain = (
                    _interval(values[inside], clusters[inside], everything, seed) for values in (after, sign * (after - before))
                )
                rows.append(_row(metric, region, value, gain))
    return rows


def _interval(values: Array, clusters: Array, everything: Measured, seed: int) -> Interval:
    """The mean of the defined values, clustered by identity."""
    defined = ~np.isnan(values)
    size = int(everything.split.identities.max()) + 1
    sums = np.bincount(clusters[defined], weights=values[defined], minlength=size)
    return ratio_interval(sums, np.bincount(clusters[defined], minlength=size), seed=seed)


def _row(metric: Metric, region: str, value: Interval, gain: Interval | None) -> Row:
    return {
        "name": metric.name,
        "region": region,
        **_fields("value", "ci", value),
        **_fields("gain", "gain_ci", gain),
        "n": value.n,
        "higher_is_better": metric.higher_is_better,
        "signature": metric.signature,
    }


def _fields(value: str, bounds: str, interval: Interval | None) -> Row:
    """An interval as fields of a row; what is not finite is null."""
    numbers = (None, None, None) if interval is None else (interval.value, interval.low, interval.high)
    fine = [None if number is None or not np.isfinite(number) else float(number) for number in numbers]
    return dict(zip((value, f"{bounds}_low", f"{bounds}_high"), fine, strict=True))


def _set_rows(everything: Measured, given: Given, seed: int) -> tuple[list[Row], list[str]]:
    """Metrics that are taken of the set as a whole."""
    declared = {metric.name: metric for metric in everything.plan.metrics if metric.kind == "set"}
    rows: list[Row] = []
    notes: list[str] = []
    groups: tuple[tuple[tuple[str, ...], Callable[[Measured, list[Metric], int], tuple[list[Row], list[str]]]], ...] = (
        (("verification_accuracy", "verification_tar"), _verification),
        (("kid", "fid"), partial(_distributions, features="descriptor")),
        (("kid_inception", "fid_inception"), partial(_distributions, features="inception")),
    )
    for names, function in groups:
        wanted = [declared[name] for name in names if name in declared]
        if wanted:
            found, said = function(everything, wanted, seed)
            rows += found
            notes += said
    wanted = [declared[name] for name in ("psnr_tiled", "ssim_tiled") if name in declared]
    if wanted:
        after, before = (
            dict(zip(("psnr_tiled", "ssim_tiled"), tiled(_images(everything, g)), strict=True)) for g in (given, OCCLUDED)
        )
        count = int(everything.scored.sum())
        for metric in wanted:
            name = metric.name
            rows.append(
                _row(
                    metric,
                    "full",
                    Interval(after[name], None, None, count),
                    Interval(after[name] - before[name], None, None, count),
                )
            )
    return rows, notes


def _images(everything: Measured, given: Given) -> Iterator[tuple[Array, Array]]:
    for item, scored in zip(everything.split.items, everything.scored, strict=True):
        if scored:
            clean, occluded, mask = (load(everything.split.directory, *image) for image in (item.clean, item.occluded, item.mask))
            yield given.images([item], [clean], [occluded], [mask])[0][0], clean


def _distributions(everything: Measured, wanted: list[Metric], seed: int, *, features: str) -> tuple[list[Row], list[str]]:
    """Distances between the restorations' and the clean photographs' features."""
    scored = np.flatnonzero(everything.scored)
    clusters = everything.split.identities
    clean, of_clean = everything.clean_features[features], clusters[everything.photographs]
    sets = [table[features][scored] for table in (everything.features, everything.occluded_features)]
    rows, notes = [], []
    for metric in wanted:
        if metric.name.startswith("kid"):
            after, before = (
                kid.kernel_sums(rows_.astype(np.float64), clusters[scored], clean.astype(np.float64), of_clean) for rows_ in sets
            )
            value = Interval(after.distance(), *kid.intervals(after, seed=seed), len(scored))
            gain = Interval(before.distance() - after.distance(), *kid.intervals(after, before, seed=seed), len(scored))
        else:
            distances = [frechet.frechet(rows_, clean) for rows_ in sets]
            value = Interval(distances[0], None, None, len(scored))
            gain = Interval(distances[1] - distances[0], None, None, len(scored))
            if warning := frechet.warning(min(len(scored), len(clean))):
                notes.append(f"{metric.name}: {warning}")
        rows.append(_row(metric, "full", value, gain))
    return rows, notes


def _verification(everything: Measured, wanted: list[Metric], seed: int) -> tuple[list[Row], list[str]]:
    """Right answers to: same person? On pairs that are the same for every method."""
    items = everything.split.items
    drawn = identity.verification_pairs(
        [item.pair_id for item in items], [item.identity for item in items], [item.image_id for item in items], seed
    )
    rows, notes = [], []
    few = {metric.name: identity.too_few(drawn, rate=metric.name == "verification_tar") for metric in wanted}
    for metric in [metric for metric in wanted if few[metric.name]]:
        rows.append(_row(metric, "full", Interval(None, None, None, 0), None))
        notes.append(f"{metric.name}: {few[metric.name]}")
    wanted = [metric for metric in wanted if not few[metric.name]]
    if not wanted:
        return rows, notes
    of_pair = everything.clean_rows
    clean = everything.clean_features["descriptor"]
    gallery = clean[of_pair[drawn.gallery]]
    truth = clean[of_pair[drawn.probe]]
    strangers = np.linalg.norm((truth - gallery)[~drawn.same].astype(np.float64), axis=1)
    clusters = everything.split.identities[drawn.probe]
    tested = everything.scored[drawn.probe]
    for metric in wanted:
        columns = []
        for table in (everything.features, everything.occluded_features):
            apart = np.linalg.norm((table["descriptor"][drawn.probe] - gallery).astype(np.float64), axis=1)
            if metric.name == "verification_accuracy":
                outcome, counted = identity.accuracy(apart, drawn.same), tested
            else:
                outcome, counted = identity.accepted(apart, strangers), tested & drawn.same
            columns.append(np.where(counted, outcome, np.nan))
        value, gain = (_interval(values, clusters, everything, seed) for values in (columns[0], columns[0] - columns[1]))
        rows.append(_row(metric, "full", value, gain))
    return rows, notes
