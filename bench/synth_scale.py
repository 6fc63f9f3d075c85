"""Does a pair cost as much in a large data set as in a small one? Time and memory of `occbench synth` for 10³, 10⁴ and 10⁵ pairs.

    python bench/synth_scale.py [--pairs N]

Tiny crops (16 px) of made-up photographs (96 px, LFW's layout), four black boxes each, two workers: so what is measured is the
house and not the drawing. Seconds are of processor time, which other work on the machine changes little; what 100 pairs cost
(starting up, contact sheet, figures) is taken off. The reference is the smallest data set, in the same run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import COMMAND
from PIL import Image
from synth_memory import family, peak

PER_PHOTOGRAPH = 4
FEW = 100  # pairs: as many as start both workers and fill the contact sheet
PICTURES = 50  # different ones; the others are links to them


def photographs(root: Path, count: int) -> None:
    """A fake LFW: ten photographs a person, half of the people for testing."""
    images, people = root / "lfw_funneled", [f"Person_{number:06d}" for number in range(-(-count // 10))]
    rng = np.random.default_rng(0)
    pictures = []
    for number in range(PICTURES):
        pictures.append(root / f"{number}.jpg")
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(pictures[-1])
    for number in range(count):
        person = people[number // 10]
        (images / person).mkdir(parents=True, exist_ok=True)
        os.link(pictures[number % PICTURES], images / person / f"{person}_{number % 10 + 1:04d}.jpg")
    half = len(people) // 2
    for name, part in (("peopleDevTrain.txt", people[:half]), ("peopleDevTest.txt", people[half:])):
        (root / name).write_text(f"{len(part)}\n" + "".join(f"{person}\t10\n" for person in part))


def measure(root: Path, photos: int) -> tuple[float, float, float]:
    """Processor seconds, and peak MB of the main process and of the largest other one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as name:
        where = ["--root", str(root), "--out", f"{name}/out", "--limit", str(photos), "--workers", "2"]
        what = ["--occluders", "black-box", "--per-image", str(PER_PHOTOGRAPH), "--landmarks", "canonical", "--size", "16"]
        peaks: dict[int, int] = {}
        with subprocess.Popen([*COMMAND, *where, *what], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                for pid in family(process.pid):
                    peaks[pid] = max(peaks.get(pid, 0), peak(pid))
                time.sleep(0.1)
            assert process.stderr is not None
            complaint = process.stderr.read()
        if process.returncode:
            sys.exit(f"occbench synth ended with code {process.returncode}: {complaint}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    main = peaks.pop(process.pid)
    return (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        main * 1024 / 1e6,
        max(peaks.values(), default=0) * 1024 / 1e6,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000, help="of the largest data set (default: %(default)s)")
    options = parser.parse_args()
    sizes = [options.pairs // 100, options.pairs // 10, options.pairs]
    with tempfile.TemporaryDirectory() as name:
        photographs(Path(name), sizes[-1] // PER_PHOTOGRAPH)
        start, _, _ = measure(Path(name), FEW // PER_PHOTOGRAPH)
        print(f"{FEW} pairs: {start:.1f} s\n")
        print("   pairs   ms a pair   ratio   main process   ratio   largest worker   ratio")
        first: tuple[float, float, float] | None = None
        for pairs in sizes:
            seconds, main_peak, worker_peak = measure(Path(name), pairs // PER_PHOTOGRAPH)
            found = (1e3 * (seconds - start) / (pairs - FEW), main_peak, worker_peak)
            first = first or found
            cost, own, worker = (value / reference for value, reference in zip(found, first, strict=True))
            memory = f"{main_peak:9.0f} MB   {own:5.2f}   {worker_peak:11.0f} MB   {worker:5.2f}"
            print(f"{pairs:8d}   {found[0]:9.3f}   {cost:5.2f}   {memory}", flush=True)


if __name__ == "__main__":
    main()
