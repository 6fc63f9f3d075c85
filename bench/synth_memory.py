"""Peak memory of the processes of `occbench synth` as the number of photographs grows: it should not.

    python bench/synth_memory.py [--root LFW] [--photos N]

Runs with N/16, N/4 and N photographs, two workers, and reads each process's peak resident set from /proc (Linux only).
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import COMMAND, parser


def family(root: int) -> set[int]:
    """Process ids of `root` and everything below it."""
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            waiting += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue  # ended between two looks
    return found


def peak(pid: int) -> int:
    """Peak resident set in KiB, 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def measure(root: Path, photos: int) -> tuple[float, float]:
    """Peak MB of the main process and of the largest other one."""
    with tempfile.TemporaryDirectory() as name:
        where = ["--root", str(root), "--out", f"{name}/out", "--cache", f"{name}/cache"]
        what = ["--occluders", "mask,sunglasses,cup,black-box", "--workers", "2", "--limit", str(photos)]
        peaks: dict[int, int] = {}
        with subprocess.Popen([*COMMAND, *where, *what], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                for pid in family(process.pid):
                    peaks[pid] = max(peaks.get(pid, 0), peak(pid))
                time.sleep(0.05)
        if process.returncode not in (0, 3):
            sys.exit(f"occbench synth ended with code {process.returncode}")
    main = peaks.pop(process.pid)
    return main * 1024 / 1e6, max(peaks.values(), default=0) * 1024 / 1e6


def main() -> None:
    options = parser(__doc__, photos=1600).parse_args()
    print("photographs   main process   largest worker")
    for photos in (options.photos // 16, options.photos // 4, options.photos):
        main_peak, worker_peak = measure(options.root, photos)
        print(f"{photos:11d}   {main_peak:9.0f} MB   {worker_peak:11.0f} MB")


if __name__ == "__main__":
    main()
