"""The programs of the page on lists do what it says where an answer is refused, put off or cut."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from api.http.queries.catalogue import QUERIES
from tests.docs.test_code_blocks import blocks_of
from tests.e2e.desk_process import ROOT

PAGES, FEED = (block.code for block in blocks_of("docs/lists.md") if block.language == "python")
PROBLEM = b'{"type":"/problems/forbidden","status":403,"code":"forbidden"}'
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Gives the answers it was told, one a request, and keeps what was asked."""

    answers: list[Answer]
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answers.pop(0)(self)

    def log_message(self, *_: Any) -> None:
        pass


def whole(status: int, body: bytes, **headers: str) -> Answer:
    """Return an answer that comes whole."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(status)
        for name, value in headers.items():
            to.send_header(name.replace("_", "-"), value)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)

    return answer


def chunked(body: bytes, *, cut: bool = False) -> Answer:
    """Return an answer in chunks, as the feed comes, that may be cut off without its end."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Transfer-Encoding", "chunked")
        to.end_headers()
        to.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) if body else b"")
        to.wfile.write(b"" if cut else b"0\r\n\r\n")
        to.close_connection = True

    return answer


def dropped(to: BaseHTTPRequestHandler) -> None:
    """End the connection without an answer."""
    to.close_connection = True


def event(position: int) -> bytes:
    """Return a line of the feed that is longer than what is read of it at once."""
    return b'{"position":%d,"type":"TicketOpened.v1","subject":"ticket-x","data":"%s"}\n' % (position, b"x" * 10_000)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.answers, running.asked = [], []
        monkeypatch.setenv("CASELOG_URL", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("CASELOG_KEY", "a key")
        serving = threading.Thread(target=running.serve_forever)
        serving.start()
        yield running
        running.shutdown()
        serving.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the program has slept each time; in truth it does not."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "docs/lists.md", "exec"), names)
    return names


@pytest.mark.parametrize("program", [PAGES, FEED], ids=["pages", "feed"])
@pytest.mark.parametrize("status", [401, 403, 404, 410, 422])
def test_a_refusal_ends_the_program_with_the_problem(
    server: Server, pauses: list[float], program: str, status: int
) -> None:
    server.answers = [whole(status, PROBLEM)]
    with pytest.raises(SystemExit) as ended:
        run(program)
    assert str(ended.value) == PROBLEM.decode()
    assert (len(server.asked), pauses) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_put_off_is_asked_again_when_it_was_told_to(
    server: Server, pauses: list[float], capsys: pytest.CaptureFixture[str], status: int
) -> None:
    later = whole(status, PROBLEM, Retry_After="7")
    page = b'{"items":[{"case_number":"C-1","received_at":"x","worked_seconds":0}],"as_of_position":4}'
    server.answers = [later, later, whole(200, page)]
    run(PAGES)
    assert capsys.readouterr().out == "C-1 x 0\n"
    server.answers = [later, chunked(event(1)), chunked(b"")]
    assert run(FEED)["position"] == 1
    assert pauses == [7, 7, 7]


def test_pages_name_the_position_of_the_first(server: Server) -> None:
    server.answers = [whole(200, b'{"items":[],"next":"abc","as_of_position":4}'), whole(200, b'{"items":[]}')]
    run(PAGES)
    assert "cursor=abc&as_of_position=4" in server.asked[1]


@pytest.mark.parametrize("torn", [b"", b'{"position":3,"ty'], ids=["between two lines", "in a line"])
def test_a_stream_that_is_cut_is_taken_up_after_the_last_event_dealt_with(
    server: Server, pauses: list[float], capsys: pytest.CaptureFixture[str], torn: bytes
) -> None:
    def events_after(to: BaseHTTPRequestHandler, last: int, *, cut: bool) -> None:
        after = int(to.path.rpartition("=")[2])
        body = b"".join(event(position) for position in range(after + 1, last + 1))
        chunked(body + torn if cut else body, cut=cut)(to)

    server.answers = [
        lambda to: events_after(to, 2, cut=True),
        dropped,
        lambda to: events_after(to, 4, cut=False),
        lambda to: events_after(to, 4, cut=False),
    ]
    assert run(FEED)["position"] == 4
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1", "2", "3", "4"]
    assert server.asked[-1] == "/v1/events?after=4"
    assert pauses == [1, 1]


def test_the_page_says_of_every_list_whether_it_has_pages() -> None:
    text = (ROOT / "docs/lists.md").read_text(encoding="utf-8")
    paragraph = text.partition("## Pages that fit together\n")[2].partition("\n\nBetween")[0]
    with_pages, whole_ones = paragraph.split("These always\n")
    told = {
        kind: set(re.findall(r"`(/v1/[^`]*)`", part))
        for kind, part in (("pages", with_pages), ("whole", whole_ones.partition(" `/v1/events`")[0]))
    }
    lists = {query.path: "cursor" in query.parameters.fields for query in QUERIES if query.pages}
    del lists["/v1/events"]
    assert told["pages"] == {path for path, has_pages in lists.items() if has_pages}
    assert told["whole"] == {path for path, has_pages in lists.items() if not has_pages}
