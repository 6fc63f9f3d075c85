"""A real Ray cluster: two nodes on one machine, of which parts are killed."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from occbench.errors import InputError, RunError
from occbench.synthesis import engines, shard
from occbench.synthesis.recipe import CODE_SCHEMA
from occbench.synthesis.selection import Selection

pytest.importorskip("ray", reason="Ray is not installed: pip install 'occbench[ray]'")

Select = Callable[..., Selection]
Tree = Callable[[Path], dict[str, str]]
Shards = Callable[[Path], Iterator[shard.Making]]

SMALL: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80_000_000, "memory": 1_000_000_000}
# A node that does not answer is given up after some 3 s, instead of 15.
IMPATIENT = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}


@pytest.fixture(scope="module", autouse=True)
def temporary() -> Iterator[None]:
    """All that Ray writes; short, for it holds sockets, whose paths have at most 107 characters. No other Ray is seen from here."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_ADDRESS", "local")
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(temporary: None) -> Iterator[Any]:
    """One node."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        cluster.add_node(**SMALL, include_dashboard=False, _system_config=IMPATIENT)
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
def two_nodes(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`RAY_ADDRESS` names the cluster, which gets a second node, by its id."""
    node = cluster.add_node(**SMALL)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield node.node_id
    cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="module")
def joined(cluster: Any) -> Iterator[None]:
    """This process has joined the cluster; used by the last tests."""
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def shards(select: Select) -> Shards:
    """`shards(out)`: 21 photographs in shards of two."""
    selection = select()
    recipe = selection.recipe

    def shards(out: Path) -> Iterator[shard.Making]:
        faces = list(selection.faces())
        (out / ".occbench").mkdir(parents=True)
        for number in range(-(-len(faces) // 2)):
            files = [out / ".occbench" / f"{number:06d}.{end}" for end in ("parquet", "rejects.csv", "files")]
            place = shard.Place(out, files[0], files[1], files[2], selection.root, selection.options, 0, recipe.fingerprint())
            yield shard.Making(place, recipe, 2 * number, tuple(faces[2 * number : 2 * number + 2]), None)

    return shards


@pytest.fixture
def wanted(shards: Shards, tree: Tree, tmp_path: Path) -> dict[str, str]:
    """What one process makes."""
    assert sum(done[0] for done in map(shard.make, shards(tmp_path / "one"))) == 21
    return tree(tmp_path / "one")


def worker_dies(mark: Path) -> Callable[[Any], Any]:
    """Makes shards; but once, in the middle of shard 3, the process that does is killed."""

    def make(task: Any) -> Any:
        import os
        import signal

        from occbench.synthesis import shard

        save = shard.Result.save

        def deadly(result, relative, image):  # type: ignore[no-untyped-def]
            save(result, relative, image)
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        if task.place.rows.stem == "000003":
            shard.Result.save = deadly  # type: ignore[method-assign]
        return shard.make(task)

    return make


def node_dies(mark: Path, second: str) -> Callable[[Any], Any]:
    """Makes shards; but the first process of the second node takes the whole node with it."""

    def make(task: Any) -> Any:
        import os
        import signal
        import time

        import ray

        from occbench.synthesis import shard

        done = shard.make(task)
        if ray.get_runtime_context().get_node_id() == second:
            task.place.rows.unlink()  # it was not finished
            mark.touch()
            os.kill(os.getppid(), signal.SIGKILL)  # the node itself
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(600):  # nothing is finished before that
            if mark.exists():
                break
            time.sleep(0.05)
        return done

    return make


def test_a_process_killed_in_the_middle_of_a_shard(
    two_nodes: str, shards: Shards, wanted: dict[str, str], tree: Tree, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = list(engines.create("ray")(worker_dies(tmp_path / "mark"), shards(tmp_path / "two")))
    assert (tmp_path / "mark").exists()
    assert len(done) == 11
    assert tree(tmp_path / "two") == wanted
    assert capfd.readouterr().out == ""  # where results belong


def test_a_node_lost_in_the_middle_of_a_shard(
    two_nodes: str, shards: Shards, wanted: dict[str, str], tree: Tree, tmp_path: Path
) -> None:
    done = list(engines.create("ray")(node_dies(tmp_path / "mark", two_nodes), shards(tmp_path / "two")))
    assert (tmp_path / "mark").exists()
    assert len(done) == 11
    assert tree(tmp_path / "two") == wanted


def test_a_cluster_that_does_not_answer(shards: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match=r"No Ray cluster can be joined \(RAY_ADDRESS=127\.0\.0\.1:1\): .*refused"):
        list(engines.create("ray")(shard.make, shards(tmp_path / "two")))


def test_without_a_cluster_one_is_made(shards: Shards, wanted: dict[str, str], tree: Tree, tmp_path: Path) -> None:
    import ray

    before = signal.getsignal(signal.SIGTERM)
    assert sum(done[0] for done in engines.create("ray", workers=1)(shard.make, shards(tmp_path / "two"))) == 21
    assert tree(tmp_path / "two") == wanted
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_shard_that_keeps_failing_is_named(joined: None, shards: Shards, tmp_path: Path) -> None:
    def make(task: Any) -> Any:
        import os

        if task.place.rows.stem == "000002":
            os._exit(1)
        task.place.rows.touch()

    with pytest.raises(RunError, match=r"1 shard could.*all others are finished:\n  shard 2 \(.* to .*\): its process died 1 time"):
        list(engines.create("ray", retries=0)(make, shards(tmp_path / "two")))
    assert len(list((tmp_path / "two" / ".occbench").iterdir())) == 10


def test_what_a_shard_raises_ends_the_run(joined: None, shards: Shards, tmp_path: Path) -> None:
    def make(task: Any) -> Any:
        from occbench.errors import InputError

        raise InputError("no such model")

    with pytest.raises(InputError, match="no such model") as failure:
        list(engines.create("ray")(make, shards(tmp_path / "two")))
    assert "in make" in failure.value.__notes__[0]  # where it happened


def test_a_folder_that_is_not_shared(joined: None, shards: Shards, tmp_path: Path) -> None:
    tasks = list(shards(tmp_path / "two"))
    shutil.rmtree(tmp_path / "two")
    with pytest.raises(InputError, match=r"two/\.occbench is not there on .*all machines must share it"):
        list(engines.create("ray")(shard.make, tasks))


def test_another_version_of_occbench(joined: None, shards: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "__version__", "0.0.1")
    with pytest.raises(InputError, match=rf"must be the same.* 0\.0\.1 \(code schema {CODE_SCHEMA}\) and "):
        list(engines.create("ray")(shard.make, shards(tmp_path / "two")))
