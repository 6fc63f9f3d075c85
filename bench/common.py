"""What the benchmarks share: their options, the photographs, and `occbench synth` as a command."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("OCCBENCH_SHARED") or Path(__file__).resolve().parents[2] / "shared")
COMMAND = [sys.executable, "-m", "occbench", "synth", "--source", "lfw"]


def parser(purpose: str | None, photos: int) -> argparse.ArgumentParser:
    """`--root` and `--photos`, to which a benchmark adds its own."""
    options = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--root", type=_folder, default=str(SHARED / "data" / "lfw"), help="your copy of LFW (default: %(default)s)"
    )
    options.add_argument("--photos", type=int, default=photos, help="how many photographs (default: %(default)s)")
    return options


def _folder(name: str) -> Path:
    if not Path(name).is_dir():
        raise argparse.ArgumentTypeError(f"no folder {name}: name your copy of LFW")
    return Path(name)


def photographs(root: Path, count: int) -> list[Path]:
    """The first photographs below `root`, in alphabetical order."""
    return sorted(root.rglob("*.jpg"))[:count]


def synth(root: Path, out: Path, *options: str) -> dict[str, Any]:
    """Run `occbench synth --json` on LFW and return its answer. Code 3, some photographs rejected, is normal."""
    done = subprocess.run([*COMMAND, "--root", str(root), "--out", str(out), *options], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
