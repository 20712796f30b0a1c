"""The loop that docs/services.md gives to services: it keeps what the page says of it, whatever is answered."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.docs.test_code_blocks import blocks_of

DONE = b'{"position": 7}'
PROBLEM = b'{"code": "unknown_ticket", "detail": "there is no ticket"}'


class Desk(HTTPServer):
    """Answers requests as it was told to, one after the other; keeps the idempotency keys that came with them."""

    answers: list[bytes]
    keys: list[str]


def answer(status: int, body: bytes, *, length: int | None = None, retry_after: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    lines += ["Retry-After: 0"] if retry_after else []
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def desk() -> Iterator[Desk]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            server.keys.append(self.headers["Idempotency-Key"])
            self.wfile.write(server.answers.pop(0))

        def log_message(self, *_: Any) -> None:
            pass

    server = Desk(("127.0.0.1", 0), Answers)
    server.answers, server.keys = [], []
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def send(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The page's function, without what the page does with it, and with pauses of no length."""
    [code] = [block.code for block in blocks_of("docs/services.md") if block.code.startswith("import http.client")]
    monkeypatch.setenv("CASELOG_URL", f"http://127.0.0.1:{desk.server_port}")
    monkeypatch.setenv("CASELOG_KEY", "caselog_none")
    names: dict[str, Any] = {}
    exec(code.partition("\nperson = ")[0], names)
    monkeypatch.setattr(names["time"], "sleep", lambda _: None)
    found: Callable[..., Any] = names["send"]
    return found


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(b"", id="no answer"),
        pytest.param(answer(200, b'{"posi', length=300), id="a part of an answer"),
        pytest.param(answer(200, b'{"posi'), id="an answer that is no JSON"),
        pytest.param(answer(502, b"<html>"), id="a proxy's page"),
        pytest.param(answer(503, b"{}", retry_after=True), id="too much at once"),
        pytest.param(answer(429, b"{}", retry_after=True), id="too often"),
    ],
)
def test_what_may_be_repeated_is_repeated_under_the_same_key(
    desk: Desk, send: Callable[..., Any], failure: bytes
) -> None:
    desk.answers = [failure, failure, answer(200, DONE)]
    assert send("add-note", {}, key="n-1") == json.loads(DONE)
    assert desk.keys == ["n-1"] * 3


def test_a_refusal_is_told_and_not_repeated(desk: Desk, send: Callable[..., Any]) -> None:
    desk.answers = [answer(404, PROBLEM)]
    with pytest.raises(RuntimeError, match="there is no ticket"):
        send("add-note", {})
    assert len(desk.keys) == 1
