"""Where model files are found, and what is said when they are not."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from occbench import weights
from occbench.errors import InputError

CONTENT = b"a model"


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One small model that nobody ships, and a cache folder of our own."""
    model = replace(
        weights.WEIGHTS["yunet"], file="tiny.onnx", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(), package=None
    )
    monkeypatch.setitem(weights.WEIGHTS, "tiny", model)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(weights.ENVIRONMENT, raising=False)


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_in_the_users_cache(tmp_path: Path) -> None:
    path = put(tmp_path / "cache" / "occbench" / "weights" / "tiny.onnx")
    assert weights.find("tiny") == path


def test_the_named_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "cache" / "occbench" / "weights" / "tiny.onnx")
    path = put(tmp_path / "mine" / "tiny.onnx")
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path / "mine"))
    assert weights.find("tiny") == path


def test_a_file_may_be_named_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "under another name")
    monkeypatch.setenv(weights.ENVIRONMENT, str(path))
    assert weights.find("tiny") == path


def test_in_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(tmp_path / "shipping" / "models" / "tiny.onnx")
    put(tmp_path / "shipping" / "__init__.py", b"raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(weights.WEIGHTS, "tiny", replace(weights.WEIGHTS["tiny"], package=("shipping", "models/tiny.onnx")))
    assert weights.find("tiny") == tmp_path / "shipping" / "models" / "tiny.onnx"


def test_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path / "mine"))
    monkeypatch.setitem(weights.WEIGHTS, "tiny", replace(weights.WEIGHTS["tiny"], package=("not_shipping", "tiny.onnx")))
    with pytest.raises(InputError) as error:
        weights.find("tiny")
    message = str(error.value)
    for said in (str(tmp_path / "mine"), str(tmp_path / "cache"), "not_shipping", weights.WEIGHTS["tiny"].sha256, "OpenCV Zoo"):
        assert said in message


@pytest.mark.parametrize("content", [b"a m0del", b"something longer"], ids=["bytes", "size"])
def test_another_file_of_that_name_is_not_used(tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "cache" / "occbench" / "weights" / "tiny.onnx", content)
    with pytest.raises(InputError, match="another file"):
        weights.find("tiny")


def test_a_replaced_file_is_checked_again(tmp_path: Path) -> None:
    path = put(tmp_path / "cache" / "occbench" / "weights" / "tiny.onnx")
    weights.find("tiny")
    put(path, b"a m0del!"[:-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="another file"):
        weights.find("tiny")


def test_without_verification_the_size_decides(tmp_path: Path) -> None:
    path = put(tmp_path / "cache" / "occbench" / "weights" / "tiny.onnx", b"a m0del")
    assert weights.find("tiny", verify=False) == path


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert weights.user_cache() == Path.home() / ".cache" / "occbench"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        weights.user_cache()


def test_the_model_of_the_68_points_is_installed() -> None:
    assert weights.find("dlib68").stat().st_size == weights.WEIGHTS["dlib68"].size
