"""The contract on disk: one row a pair. Whoever makes data and whoever uses it share this, and nothing else."""

from occbench.manifest.exports import export_csv, export_jsonl, read_rejects, write_rejects
from occbench.manifest.fingerprint import fingerprint
from occbench.manifest.reader import Facts, batches, count, facts, read, rows_at
from occbench.manifest.schema import Pair, Reject
from occbench.manifest.writer import ManifestWriter

MANIFEST = "manifest.parquet"
RECORDS = ".occbench"  # folder of a data set in which the run that made it keeps its own records

__all__ = [
    "MANIFEST",
    "RECORDS",
    "Facts",
    "ManifestWriter",
    "Pair",
    "Reject",
    "batches",
    "count",
    "export_csv",
    "export_jsonl",
    "facts",
    "fingerprint",
    "read",
    "read_rejects",
    "rows_at",
    "write_rejects",
]
