"""Memory and time of the commands that look at rows alone, for 10⁴, 10⁵ and 10⁶ rows: it should not matter how many there are.

    python bench/rows.py [--rows N]

Planned: `synth --dry-run` over a made-up VGGFace2 tree of empty files with its landmarks. Merged: `merge` of a run whose shards are
all made (four pairs a photograph, rows as long as real ones). Verified: `verify --metadata`. Summarised: `stats`. Each is a process
of its own; the reference is the smallest, in the same run.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from occbench.images import encode_png, pixel_sha256
from occbench.landmarks.head import POINTS
from occbench.manifest import RECORDS, ManifestWriter, Pair, write_rejects
from occbench.manifest.schema import SCHEMA, SPLITS
from occbench.synthesis.plan import Plan
from occbench.synthesis.recipe import resolve

PER_PHOTOGRAPH = 4
PER_PERSON = 360  # photographs, as VGGFace2 has
OCCLUDERS = ("black-box", "cup", "mask", "sunglasses")


def tree(root: Path, photographs: int) -> None:
    """VGGFace2's layout: empty files, and five landmarks for each."""
    (root / "bb_landmark").mkdir(parents=True)
    with (root / "bb_landmark" / "loose_landmark_train.csv").open("w", encoding="utf-8") as table:
        table.write("NAME_ID," + ",".join(f"P{k}{axis}" for k in range(1, 6) for axis in "XY") + "\n")
        for number in range(photographs):
            person, image = f"n{number // PER_PERSON + 1:06d}", f"{number % PER_PERSON + 1:04d}_01"
            folder = root / "train" / person
            if number % PER_PERSON == 0:
                folder.mkdir(parents=True)
            (folder / f"{image}.jpg").touch()
            table.write(f'"{person}/{image}",40.5,60.25,90.5,61.0,66.0,90.125,45.0,120.5,88.75,119.0\n')


def finished_run(out: Path, rows: int) -> None:
    """A run whose shards are all there, and that nobody has merged."""
    rng = np.random.default_rng(0)
    recipe = resolve({"source": "vggface2", "occluders": list(OCCLUDERS), "landmarks": ["supplied"]}, "bench")
    plan = Plan.making(recipe, rows // PER_PHOTOGRAPH, "0" * 64)
    (out / RECORDS).mkdir(parents=True)
    (out / RECORDS / "run.json").write_text(json.dumps({"finished": False, "run": plan.record}))
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((32, 32, 3), (32, 32, 3), (32, 32))]
    paths = ("clean/0000/a.png", "occluded/0000/a.png", "mask/0000/a.png")
    for path, image in zip(paths, images, strict=True):
        (out / path).parent.mkdir(parents=True)
        (out / path).write_bytes(encode_png(image))
    for number in range(plan.shards):
        first = number * plan.each
        count = min(plan.each, plan.photographs - first)
        with ManifestWriter(out / RECORDS / f"{number:06d}.parquet", seed=0, recipe_fingerprint=plan.recipe_fingerprint) as writer:
            writer.extend(batch(rng, range(first, first + count), paths, [pixel_sha256(image) for image in images]))
        write_rejects(out / RECORDS / f"{number:06d}.rejects.csv", [])


def batch(rng: np.random.Generator, photographs: range, paths: tuple[str, ...], hashes: list[str]) -> pa.RecordBatch:
    """Rows of some photographs. All share three images, for only the contact sheet looks at them."""
    records: list[dict[str, object]] = []
    for number in photographs:
        person, image = number // PER_PERSON + 1, number % PER_PERSON + 1
        landmarks = (POINTS[:, :2] * 1.1 + 100 + rng.normal(0, 2, (68, 2))).round(1)
        yaw, pitch, roll = rng.normal(0, 15, 3).round(1).tolist()
        for occluder in OCCLUDERS:
            pair = Pair(
                pair_id=f"vggface2.train.n{person:06d}.{image:04d}_01.{occluder}.0",
                source="vggface2",
                image_id=f"train/n{person:06d}/{image:04d}_01",
                identity=f"n{person:06d}",
                split=SPLITS[person % 10 == 0],
                occluder=occluder,
                variant="plain",
                index=0,
                seed=0,
                parameters={f"p{k}": value for k, value in enumerate(rng.random(12).round(4).tolist())},
                landmarks=landmarks,
                landmark_source="supplied 5 points",
                crop_matrix=tuple(rng.random(6).round(6).tolist()),
                coverage=round(float(rng.beta(2, 4)), 4),
                mask_fraction=0.2,
                yaw=yaw,
                pitch=pitch,
                roll=roll,
                attributes=None,
                source_sha256=rng.bytes(32).hex(),
                clean_sha256=hashes[0],
                occluded_sha256=hashes[1],
                mask_sha256=hashes[2],
                clean_path=paths[0],
                occluded_path=paths[1],
                mask_path=paths[2],
                width=32,
                height=32,
                warnings=("fitted-from-5-points",),
            )
            records.append(pair.to_record())
    return pa.RecordBatch.from_pylist(records, SCHEMA)


def measured(*arguments: str) -> tuple[float, float]:
    """Seconds and peak MB of a command, by a process that has no other child."""
    code = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)\n"
        "print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6, done.stderr]))\n"
    )
    start = time.perf_counter()
    command = [sys.executable, "-c", code, sys.executable, "-m", "occbench", *arguments]
    returned, memory, complaint = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if returned:
        sys.exit(f"occbench {' '.join(arguments)} ended with code {returned}: {complaint}")
    return time.perf_counter() - start, memory


def commands(rows: int) -> Iterator[tuple[str, float, float]]:
    """What was done, seconds, peak MB."""
    with tempfile.TemporaryDirectory() as name:
        root, out = Path(name) / "vgg", Path(name) / "out"
        tree(root, rows // PER_PHOTOGRAPH)
        occluders = ["--occluders", ",".join(OCCLUDERS)]
        yield (
            "planned",
            *measured("synth", "--source", "vggface2", "--root", str(root), *occluders, "--crop", "aligned", "--dry-run"),
        )
        finished_run(out, rows)
        yield "merged", *measured("merge", str(out))
        yield "verified", *measured("verify", str(out), "--metadata")
        yield "summarised", *measured("stats", str(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest data set (default: %(default)s)")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))  # as users have it
    print("      rows   what         seconds   peak memory   ratio")
    first: dict[str, float] = {}
    for rows in (options.rows // 100, options.rows // 10, options.rows):
        for what, seconds, memory in commands(rows):
            ratio = memory / first.setdefault(what, memory)
            print(f"{rows:10d}   {what:<10}   {seconds:7.1f}   {memory:8.0f} MB   {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
