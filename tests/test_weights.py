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
    for said in (
        str(tmp_path / "mine"),
        str(tmp_path / "cache"),
        "not_shipping",
        str(weights.WEIGHTS["tiny"].sha256),
        "OpenCV Zoo",
        "occbench fetch-weights tiny",
    ):
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


@pytest.mark.parametrize("name", ["lpips-alex", "lpips-vgg", "yunet"])
def test_the_shared_models_are_the_ones_named(shared: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.ENVIRONMENT, str(shared / "models"))
    path = weights.find(name)
    model = weights.WEIGHTS[name]
    assert (path.name, path.stat().st_size, weights.fingerprint(name)) == (model.file, model.size, model.sha256)


def test_the_descriptor_is_installed() -> None:
    assert weights.find("dlib-descriptor").stat().st_size == weights.WEIGHTS["dlib-descriptor"].size


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that everybody converts for themselves."""
    monkeypatch.setitem(weights.WEIGHTS, "own", replace(weights.WEIGHTS["tiny"], file="own.safetensors", sha256=None, size=None))


@pytest.mark.usefixtures("own")
def test_a_converted_model_has_the_fingerprint_of_its_file(tmp_path: Path) -> None:
    put(tmp_path / "cache" / "occbench" / "weights" / "own.safetensors", b"converted here")
    assert weights.fingerprint("own") == hashlib.sha256(b"converted here").hexdigest()
    assert weights.WEIGHTS["own"].mark == ""


@pytest.mark.usefixtures("own")
def test_a_named_file_is_not_taken_for_a_converted_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hash the name is all that tells it from the other models."""
    monkeypatch.setenv(weights.ENVIRONMENT, str(put(tmp_path / "tiny.onnx")))
    with pytest.raises(InputError, match=r"tiny\.onnx \(another file") as error:
        weights.find("own")
    assert "sha256 must be" not in str(error.value)


def test_hashes_are_whole() -> None:
    for name, model in weights.WEIGHTS.items():
        assert (model.sha256 is None) == (model.size is None), name
        assert model.sha256 is None or len(bytes.fromhex(model.sha256)) == 32, name
