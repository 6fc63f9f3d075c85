"""Which metrics are measured, and why others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from occbench import weights
from occbench.errors import InputError, UsageError
from occbench.metrics import METRICS, Metric, declared
from occbench.metrics.identity import embedding_cosine
from occbench.registry import names


@dataclass(frozen=True)
class Embedder:
    """A face embedder in an ONNX file: its path and the sha256 that it must have."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        metrics: their declarations, in the order of the registry.
        skipped: name and reason of default metrics that cannot be measured here.
        embedder: of `embedding_cosine`, or None.
    """

    metrics: tuple[Metric, ...]
    skipped: tuple[tuple[str, str], ...]
    embedder: Embedder | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the metrics."""
        return tuple(metric.name for metric in self.metrics)


def plan(asked: Sequence[str] | None, seed: int, embedder: Embedder | None = None) -> Plan:
    """Choose metrics: those asked for, or the default ones whose model files are here.

    Args:
        asked: names, or None.
        seed: of drawn pairs; part of the signature where it changes digits.
        embedder: measures identity a second time.

    Raises:
        UsageError: no such metric, or none at all.
        InputError: the model file of a metric that was asked for is nowhere, or the embedder cannot be used.
    """
    chosen, skipped = [], []
    for metric in map(declared, asked if asked is not None else names("metrics", METRICS)):
        if asked is None and not metric.default:
            continue
        if metric.weights is not None:
            try:
                mark = weights.fingerprint(metric.weights)[:8]
                if mark not in metric.signature:  # a file that everybody converts for themselves
                    metric = replace(metric, signature=f"{metric.signature}|weights:{mark}")
            except InputError as error:
                if asked is not None:
                    raise
                skipped.append((metric.name, str(error).split(" Looked for")[0]))
                continue
        if metric.name.startswith("verification"):
            metric = replace(metric, signature=f"{metric.signature}|seed:{seed}")
        if metric not in chosen:
            chosen.append(metric)
    if embedder is not None:
        from occbench.metrics.onnx_embedder import OnnxEmbedder

        chosen.append(embedding_cosine(OnnxEmbedder(embedder.path, embedder.sha256).signature))
    if not chosen:
        raise UsageError("No metric can be measured: name some with --metrics (`occbench list metrics`).")
    return Plan(tuple(chosen), tuple(skipped), embedder)
