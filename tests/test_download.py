"""Model files fetched from a server of our own and from folders: whole and right, or not at all."""

import bz2
import hashlib
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from email.message import Message
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from occbench import download, weights
from occbench.download import Download, available, fetch, mirror, plan
from occbench.errors import InputError, RunError, UsageError

CONTENT = bytes(range(256)) * 1000  # several pieces
Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """A server on a free port: `answers["/x"]` is what it sends for `/x`, or does."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Answer] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = web.answers.get(self.path)
                if callable(answer):
                    answer(self)
                elif answer is None:
                    self.send_error(404)
                else:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(answer)

            do_CONNECT = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "*")
    web = Web()
    threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield web
    web.server.shutdown()
    web.server.server_close()


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A model, and a cache folder of our own."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    model = replace(weights.WEIGHTS["yunet"], file="tiny.onnx", size=len(CONTENT), sha256=sha256, address=None)
    monkeypatch.setitem(weights.WEIGHTS, "tiny", model)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(weights.ENVIRONMENT, raising=False)


@pytest.fixture
def published(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, bytes | Answer], Download]:
    """`published("x.onnx", answer)`: the model's own address is there, and the server answers so."""

    def publish(file: str, answer: bytes | Answer) -> Download:
        web.answers[f"/{file}"] = answer
        monkeypatch.setitem(weights.WEIGHTS, "tiny", replace(weights.WEIGHTS["tiny"], address=f"{web.address}/{file}"))
        (planned,) = plan(["tiny"], tmp_path / "out")
        return planned

    return publish


Publish = Callable[[str, bytes | Answer], Download]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_address_of_each_file() -> None:
    for name, model in weights.WEIGHTS.items():
        if model.address is not None and name != "tiny":
            assert model.sha256, name
            assert model.address.startswith("https://"), name
            assert model.address.removesuffix(".bz2").endswith(f"/{model.file}"), name


def test_as_it_is(published: Publish, tmp_path: Path) -> None:
    steps: list[int] = []
    fetch(published("tiny.onnx", CONTENT), steps.append)
    assert files(tmp_path) == {"tiny.onnx": CONTENT}
    assert sum(steps) == len(CONTENT)


def test_packed(published: Publish, tmp_path: Path) -> None:
    steps: list[int] = []
    fetch(published("tiny.onnx.bz2", bz2.compress(CONTENT)), steps.append)
    assert files(tmp_path) == {"tiny.onnx": CONTENT}
    assert max(steps) < len(CONTENT) == sum(steps)  # never all of it at once


def test_from_an_address_under_its_own_name(published: Publish, web: Web, tmp_path: Path) -> None:
    published("tiny.onnx.bz2", b"not asked for")
    web.answers["/lab/tiny.onnx"] = CONTENT
    (planned,) = plan(["tiny"], tmp_path / "out", mirror(f"{web.address}/lab/"))
    fetch(planned)
    assert files(tmp_path) == {"tiny.onnx": CONTENT}


def test_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").write_bytes(CONTENT)
    (planned,) = plan(["tiny"], base=mirror(str(tmp_path)))
    fetch(planned)
    assert weights.find("tiny").read_bytes() == CONTENT


WRONG = {
    "other": (CONTENT[::-1], f"sha256 {hashlib.sha256(CONTENT[::-1]).hexdigest()} instead of"),
    "short": (CONTENT[:-1], "255,999 bytes .* connection broke"),
    "empty": (b"", "0 bytes"),
    "long": (CONTENT + b"0", "longer than 256,000 bytes"),
}
WRONG_PACKED = {
    **{name: (bz2.compress(content), message) for name, (content, message) in WRONG.items()},
    "bomb": (bz2.compress(bytes(50_000_000)), "longer than"),
    "unpacked": (CONTENT, "not packed by bzip2"),
    "broken off": (bz2.compress(CONTENT)[:-20], "connection broke"),
}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [pytest.param("tiny.onnx", *case, id=name) for name, case in WRONG.items()]
    + [pytest.param("tiny.onnx.bz2", *case, id=f"packed {name}") for name, case in WRONG_PACKED.items()],
)
def test_another_file_is_not_kept(published: Publish, tmp_path: Path, file: str, content: bytes, message: str) -> None:
    planned = published(file, content)
    planned.path.parent.mkdir()
    planned.path.write_bytes(b"what was there")
    with pytest.raises(InputError, match=message) as error:
        fetch(planned)
    assert str(error.value).startswith(f"{planned.source} is not tiny.onnx")
    assert files(tmp_path) == {"tiny.onnx": b"what was there"}


@pytest.mark.parametrize("file", ["tiny.onnx", "tiny.onnx.bz2"])
def test_no_more_is_read_than_the_file_is_long(published: Publish, tmp_path: Path, file: str) -> None:
    sent = []

    def long(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            for piece in [bz2.compress(CONTENT), *([bytes(1_000_000)] * 50)]:  # what follows a packed file unpacks to nothing
                handler.wfile.write(piece)
                sent.append(len(piece))

    with pytest.raises(InputError, match="longer than"):
        fetch(published(file, long))
    assert sum(sent) < 40_000_000  # most of it waits in the system's buffers
    assert files(tmp_path) == {}


def moved(to: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


def test_redirects_are_followed(published: Publish, web: Web, tmp_path: Path) -> None:
    web.answers["/elsewhere"] = CONTENT
    fetch(published("tiny.onnx", moved("/elsewhere")))
    assert files(tmp_path) == {"tiny.onnx": CONTENT}


@pytest.mark.parametrize("to", ["file:///etc/hostname", "ftp://127.0.0.1/tiny.onnx", "tiny.onnx"], ids=["file", "ftp", "loop"])
def test_redirects_that_are_not_followed(published: Publish, to: str) -> None:
    with pytest.raises(InputError, match=r"HTTP 302 Found \(a redirect that is not followed\)"):
        fetch(published("tiny.onnx", moved(to)))


@pytest.mark.parametrize("to", ["http://127.0.0.1:99999/", "http://[", "http://127.0.0.1:port/"])
def test_redirects_to_nonsense(published: Publish, to: str) -> None:
    with pytest.raises(InputError, match="Cannot fetch"):
        fetch(published("tiny.onnx", moved(to)))


@pytest.mark.parametrize(("to", "follows"), [("http://b.example/x", False), ("https://b.example/x", True)])
def test_from_https_to_https_alone(to: str, follows: bool) -> None:
    request = urllib.request.Request("https://a.example/x")
    redirected = download._Redirects().redirect_request(request, BytesIO(), 302, "Found", HTTPMessage(Message().policy), to)
    assert (redirected is not None) is follows


def test_no_such_file(published: Publish, web: Web) -> None:
    planned = published("tiny.onnx", b"")
    web.answers.clear()
    with pytest.raises(InputError, match="HTTP 404 Not Found") as error:
        fetch(planned)
    for said in (f"{web.address}/tiny.onnx", str(planned.path), "occbench fetch-weights tiny --from"):
        assert said in str(error.value)


def test_not_in_the_mirror(web: Web) -> None:
    (planned,) = plan(["tiny"], base=web.address)
    with pytest.raises(InputError, match=r"/tiny\.onnx: HTTP 404 Not Found\. --from needs"):
        fetch(planned)


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        (planned,) = plan(["tiny"], tmp_path / "out", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(InputError, match=r"Cannot fetch .*refused"):
            fetch(planned)


@pytest.mark.parametrize("begun", [False, True])
def test_silence(published: Publish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begun: bool) -> None:
    over = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        if begun:
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(CONTENT[: 1 << 17])
        over.wait()

    monkeypatch.setattr(download, "_SILENCE", 0.1)
    try:
        with pytest.raises(InputError, match="timed out"):
            fetch(published("tiny.onnx", silent))
    finally:
        over.set()
    assert files(tmp_path) == {}


def test_not_http(published: Publish) -> None:
    """What is said holds nothing that a server says."""

    def paint(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x1b[31mred\n")

    with pytest.raises(InputError, match="BadStatusLine") as error:
        fetch(published("tiny.onnx", paint))
    assert "\x1b" not in str(error.value)


def test_a_proxy_that_refuses(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 407 \x1b[31mred\r\n\r\n")

    web.answers["a.example:443"] = refuse
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("https_proxy", web.address)
    (planned,) = plan(["tiny"], base="https://a.example")
    with pytest.raises(InputError, match=r"407 \?\[31mred"):
        fetch(planned)


def test_interrupted(published: Publish, tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(published("tiny.onnx", CONTENT), stop)
    assert files(tmp_path) == {}


def test_a_folder_that_cannot_be_made(published: Publish, tmp_path: Path) -> None:
    planned = published("tiny.onnx", CONTENT)
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(RunError, match=r"Cannot write .*tiny\.onnx"):
        fetch(planned)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "nowhere",
            "file:///",
            "ftp://a.example",
            "https://",
            "http:///x",
            "http://[",
            "http://a.example:x",
            "http://a.example:99999",
        ),
        *(
            "http://me:secret@a.example",
            "http://:secret@a.example",
            "http://a.example/?x",
            "http://a.example/#x",
            "x" * 5000,
            "~nobody-has-this-name",
            "\0",
        ),
    ],
)
def test_not_a_mirror(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--from takes") as error:
        mirror(text)
    assert "secret" not in str(error.value)


def test_what_is_there_is_not_fetched(published: Publish, tmp_path: Path) -> None:
    fetch(published("tiny.onnx", CONTENT))
    assert plan(["tiny"], tmp_path / "out") == [Download("tiny", None, tmp_path / "out" / "tiny.onnx")]


def test_what_is_found_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.onnx").write_bytes(CONTENT)
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path))
    assert plan(["tiny"]) == [Download("tiny", None, tmp_path / "tiny.onnx")]


def test_a_named_folder_shall_hold_it_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fills a folder for others wants the files in it, wherever else they are."""
    (tmp_path / "tiny.onnx").write_bytes(CONTENT)
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path))
    (planned,) = plan(["tiny"], tmp_path / "out", tmp_path)
    assert planned == Download("tiny", tmp_path / "tiny.onnx", tmp_path / "out" / "tiny.onnx")


def test_each_once(published: Publish) -> None:
    published("tiny.onnx", CONTENT)
    assert [planned.name for planned in plan(["tiny", "yunet", "tiny"])] == ["tiny", "yunet"]


def test_a_file_of_unknown_hash_is_refused_everywhere(tmp_path: Path) -> None:
    (tmp_path / "resnet34.safetensors").write_bytes(b"")
    for base in (None, tmp_path, "https://a.example"):
        with pytest.raises(InputError, match=r"no hash is known.*torchvision's ResNet-34, converted once"):
            plan(["resnet34"], base=base)
        assert "resnet34" not in available(base)


def test_a_file_that_nobody_publishes(web: Web) -> None:
    with pytest.raises(InputError, match=r"lpips_alexnet\.safetensors .* not published in this form.*--from"):
        plan(["lpips-alex"])
    assert "lpips-alex" not in available()
    assert "lpips-alex" in available(web.address)


def test_a_folder_without_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tiny\.onnx \(tiny\) in "):
        plan(["tiny"], base=tmp_path)
    assert available(tmp_path) == []


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match=r"choose from dlib68, yunet, .* Did you mean 'yunet'"):
        plan(["yunnet"])


@pytest.mark.real
def test_a_real_file(shared: Path) -> None:
    (planned,) = plan(["yunet"], base=shared / "models")
    fetch(planned)
    assert weights.find("yunet") == planned.path
