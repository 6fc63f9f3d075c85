"""`occbench doctor`."""

import json
import os
import platform
import shutil
from importlib import metadata

import click

from occbench import __version__, weights
from occbench.errors import InputError
from occbench.processes import available

_PACKAGES = ("numpy", "opencv-python-headless", "pillow", "pyarrow", "pandas", "scikit-image", "dlib-bin", "torch")
_OPTIONAL = ("mediapipe", "ray", "webdataset", "tensorboard", "onnxruntime")
_CV2 = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _opencv() -> str:
    """All OpenCV wheels unpack into one folder, so they must be of one version."""
    wheels = {name: version for name in _CV2 if (version := _version(name))}
    listing = ", ".join(f"{name} {version}" for name, version in wheels.items()) or "missing"
    return listing if len(set(wheels.values())) < 2 else f"PROBLEM: {listing} share one folder; install one version of all"


def _model(name: str) -> str:
    try:
        return str(weights.find(name))
    except InputError as error:
        return f"missing. {error}"


def _cache() -> str:
    folder = weights.user_cache()
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    return f"{folder}{'' if os.access(parent, os.W_OK) else ' (cannot be written: landmarks will not be kept)'}"


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none that torch can use"


@click.command(short_help="What is installed, found and missing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def doctor(as_json: bool) -> None:
    """Print versions, where models are found (or where they were looked for, and what to do), the cache folder, conflicts between
    OpenCV wheels, the GPU and the browser.

    \b
    Examples:
      occbench doctor
      occbench doctor --json

    \b
    Exit codes: 0 done, whatever was found.
    """
    found = {
        "occbench": {"occbench": __version__, "python": platform.python_version(), "system": platform.platform(terse=True)},
        "packages": {name: _version(name) or "missing" for name in _PACKAGES},
        "optional packages": {name: _version(name) or "not installed" for name in _OPTIONAL},
        "models": {name: _model(name) for name in weights.WEIGHTS},
        "machine": {
            "cores": str(available()),
            "opencv wheels": _opencv(),
            "gpu": _gpu(),
            "browser": next((path for name in _BROWSERS if (path := shutil.which(name))), "none found"),
            "cache": _cache(),
        },
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for title, lines in found.items():
        click.secho(title, bold=True)
        for name, value in lines.items():
            click.echo(f"  {name:24} {value.replace(chr(10), chr(10) + ' ' * 27)}")
