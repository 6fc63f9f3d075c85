"""`occbench train-baseline`, `score --run` and `export`, as users type them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

TINY = [part for change in ("size=32", "base=2", "batch_size=4", "validation.pairs=2") for part in ("--set", change)]


@pytest.fixture
def trained(occbench: Run, data: Path, tmp_path: Path) -> Result:
    options = [
        "--data",
        data,
        "--out",
        tmp_path / "run",
        "--steps",
        "2",
        "--device",
        "cpu",
        "--cache",
        tmp_path / "cache",
        "--json",
    ]
    return occbench("train-baseline", "context-encoder", *options, *TINY)


def test_a_run_from_beginning_to_end(occbench: Run, trained: Result, data: Path, tmp_path: Path) -> None:
    assert trained.exit_code == 0, trained.output
    document = json.loads(trained.stdout)
    assert (document["baseline"], document["variant"], document["step"]) == ("context-encoder", "intended", 2)
    assert document["best"]["step"] == 2
    result = occbench(
        "score", "--data", data, "--run", tmp_path / "run", "--out", tmp_path / "r", "--metrics", "psnr", "--device", "cpu"
    )
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "r" / "result.json").read_text())["name"] == "context-encoder intended"


def test_going_on(occbench: Run, trained: Result, data: Path, tmp_path: Path) -> None:
    options = ["--data", data, "--out", tmp_path / "run", "--steps", "3", "--device", "cpu", "--cache", tmp_path / "cache"]
    result = occbench("train-baseline", "context-encoder", *options, *TINY, "--resume")
    assert result.exit_code == 0, result.output
    assert "going on after step 2" in result.stderr
    assert "3 steps" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["oagan"], "Did you mean 'oa-gan'"),
        (["oa-gan", "--steps", "1", "--epochs", "1"], "give one of them"),
        (["oa-gan", "--set", "lr=3"], "no setting 'lr'"),
        (["oa-gan", "--variant", "dragon"], "Did you mean 'dragan'"),
        (["context-encoder", "--natural", "nowhere"], "nowhere"),
    ],
    ids=str,
)
def test_wrong_usage(occbench: Run, data: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    result = occbench("train-baseline", *arguments, "--data", data, "--out", tmp_path / "run", "--cache", tmp_path / "cache")
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_gpu_that_is_not_there(occbench: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = occbench("train-baseline", "context-encoder", "--data", data, "--out", tmp_path / "run", "--device", "cuda")
    assert result.exit_code == 2
    assert "--device cpu" in result.stderr


def test_no_data_set(occbench: Run, tmp_path: Path) -> None:
    result = occbench("train-baseline", "context-encoder", "--data", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "manifest.parquet" in result.stderr
    assert not (tmp_path / "run").exists()


def test_exploding_losses(occbench: Run, data: Path, tmp_path: Path) -> None:
    options = ["--data", data, "--out", tmp_path / "run", "--steps", "9", "--device", "cpu", "--cache", tmp_path / "cache"]
    result = occbench("train-baseline", "context-encoder", *options, *TINY, "--set", "explode=1e-9", "--set", "log_every=1")
    assert result.exit_code == 1
    assert "went wrong before step 1" in result.stderr


@pytest.mark.parametrize("given", [[], ["--run", "a", "--method", "telea"]], ids=["nothing", "two"])
def test_scoring_wants_one_thing(occbench: Run, data: Path, tmp_path: Path, given: list[str]) -> None:
    result = occbench("score", "--data", data, "--out", tmp_path / "r", *given)
    assert result.exit_code == 2
    assert "--run" in result.stderr


def test_scoring_a_run_that_is_not_there(occbench: Run, data: Path, tmp_path: Path) -> None:
    result = occbench("score", "--data", data, "--out", tmp_path / "r", "--run", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_listing_counts_parameters(occbench: Run) -> None:
    listed = {row["name"]: row for row in json.loads(occbench("list", "baselines", "--json").stdout)}
    networks = {name: {v["name"]: v["networks"] for v in row["variants"]} for name, row in listed.items()}
    assert networks["oa-gan"]["official"] == {"generator": 13_925_696, "discriminator": 44_778_432}
    assert networks["oa-gan"]["paper"]["generator"] == 10_383_680
    assert networks["context-encoder"]["intended"] == {"generator": 3_607_331, "discriminator": 1_478_033}
    assert networks["context-encoder"]["pathak"] == {"generator": 71_130_531, "discriminator": 2_766_529}


def test_listing_for_people(occbench: Run) -> None:
    said = occbench("list", "baselines").stdout
    assert "dragan-in" in said
    assert "44,786,368" in said


def test_export(occbench: Run, trained: Result, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    result = occbench("export", "--run", tmp_path / "run", "--onnx", tmp_path / "x.onnx", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["difference"] < 1e-3


@pytest.mark.parametrize(
    ("baseline", "arguments", "said"),
    [
        ("two-stage", ["--stage", "mask", "--steps", "3"], "both say when to end"),
        ("two-stage", ["--stage", "nose"], "its stages are mask, face"),
        ("context-encoder", ["--stage", "mask"], "it has no stages"),
    ],
)
def test_wrong_stages(occbench: Run, data: Path, tmp_path: Path, baseline: str, arguments: list[str], said: str) -> None:
    small = ["--set", "size=64", "--set", "base=2", "--set", "batch_size=4", "--device", "cpu", "--cache", tmp_path / "cache"]
    result = occbench("train-baseline", baseline, "--data", data, "--out", tmp_path / "run", *small, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "run").exists()


def test_all_stages_by_name(occbench: Run, data: Path, tmp_path: Path) -> None:
    """`--stage all` is what happens without it."""
    small = [part for change in ("size=64", "base=2", "batch_size=8", "mask_epochs=1", "epochs=2") for part in ("--set", change)]
    options = [
        "--data",
        data,
        "--out",
        tmp_path / "run",
        "--device",
        "cpu",
        "--cache",
        tmp_path / "cache",
        "--stage",
        "all",
        "--json",
    ]
    document = json.loads(occbench("train-baseline", "two-stage", *options, *small, "--stage", "all").stdout)
    assert document["step"] % 2 == 0
    assert document["best"]["psnr_mask"] > 0
