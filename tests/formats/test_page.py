"""The samples of `docs/formats.md` run."""

import re
from pathlib import Path

import pytest

from occbench.formats.webdataset import export_webdataset

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
SAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=lambda sample: re.findall(r"(?:import|from) (datasets|mlcroissant|webdataset)", sample)[0]
)
def test_samples_run(sample: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = next(name for name in ("datasets", "mlcroissant", "webdataset") if name in sample)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    module = pytest.importorskip(library, reason=f"{library} is not installed: pip install 'occbench[test]'")
    if library == "datasets":
        monkeypatch.setattr(module.config, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lfw").symlink_to(made)
    export_webdataset(made, tmp_path / "shards" / "lfw", workers=1)
    exec(sample, {})
