"""The service as it runs: granian's processes on a real port, spoken to over plain sockets."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from api.http.admission import MOST_DISCARDING
from api.http.server import PortInUse, check_port_is_free
from api.keys import create_key
from commands.wire.examples import EXAMPLES
from infra.config import Config

ROOT = Path(__file__).parents[3]
HOST = "127.0.0.1"
READY_SECONDS = 30


class Server:
    """A running `caselog api`."""

    def __init__(self, dsn: str, schema: str, port: int, **environment: str) -> None:
        self.dsn, self.schema, self.port = dsn, schema, port
        self.authorization = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "api"],
            cwd=ROOT,
            env=os.environ
            | ({} if "CASELOG_DATABASE_URL_FILE" in environment else {"CASELOG_DATABASE_URL": dsn})
            | {"CASELOG_SCHEMA": schema, "CASELOG_PORT": str(port), "CASELOG_THREADS": "4"}
            | environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if self.request("GET", "/health/ready")[0] == 200:
                    break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)
        config = Config.from_environment({"CASELOG_SCHEMA": self.schema})
        self.authorization = f"Bearer {create_key(config, self.dsn, name='test', role='manager')}"

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Send a request and return status, headers and JSON."""
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=20)) as connection:
            content = None if body is None else json.dumps(body)
            sent = {"Content-Type": "application/json", "Authorization": self.authorization, **(headers or {})}
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.load(answer)

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"Authorization": self.authorization}

    def raw(self, request: bytes, *, half_close: bool = False) -> tuple[int, bytes]:
        """Send bytes and return the status of the answer and all of it."""
        with socket.create_connection((HOST, self.port), timeout=20) as connection:
            connection.sendall(request.replace(b"\r\n", f"\r\nAuthorization: {self.authorization}\r\n".encode(), 1))
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        return int(answer.split(b" ", 2)[1]), answer

    def stop(self) -> str:
        """Stop it as a supervisor does, and return what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> str:
        """Wait for its end, and return what it wrote to standard error."""
        _, errors = self.process.communicate(timeout=30)
        return errors


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(postgres_dsn: str) -> Iterator[Server]:
    running = Server(postgres_dsn, "test_server", free_port())
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


def post(command: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"POST /v1/commands/{command} HTTP/1.1",
        "Host: desk",
        "Connection: close",
        "Content-Type: application/json",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


REGISTER = json.dumps(EXAMPLES["register-customer"]).encode()


def test_a_command_is_carried_out_and_repeated_over_real_http(server: Server) -> None:
    data = EXAMPLES["register-customer"] | {"customer_id": "over-http"}
    first = server.request("POST", "/v1/commands/register-customer", data, {"Idempotency-Key": "k"})
    again = server.request("POST", "/v1/commands/register-customer", data, {"Idempotency-Key": "k"})
    assert (first[0], again[0]) == (201, 201)
    assert first[2] == again[2]
    assert again[1]["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (post("register-customer", b"0\r\n\r\n", "Transfer-Encoding: chunked"), 411, b"length_required"),
        (post("register-customer", b""), 411, b"length_required"),
        (post("register-customer", b"", "Content-Length: 0"), 400, b"malformed_json"),
        (post("register-customer", b"", f"Content-Length: {64 * 1024 * 1024}"), 413, b"body_too_large"),
        (
            post(
                "register-customer",
                REGISTER,
                f"Content-Length: {len(REGISTER)}",
                "Idempotency-Key: a",
                "Idempotency-Key: b",
            ),
            400,
            b"invalid_header",
        ),
        (
            post("register-customer", REGISTER, f"Content-Length: {len(REGISTER)}", "Idempotency-Key: \xe9"),
            400,
            b"invalid_header",
        ),
        (b"GET /v1/tickets/%00 HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n", 404, b"unknown_ticket"),
        (b"BREW /v1/queue HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n", 405, b"method_not_allowed"),
    ],
)
def test_bad_http_is_answered_with_a_problem_document(
    server: Server, request_bytes: bytes, status: int, code: bytes
) -> None:
    found, answer = server.raw(request_bytes)
    assert found == status, answer
    assert code in answer
    assert b"application/problem+json" in answer
    assert b"<html" not in answer.lower()


def test_a_cut_body_is_not_taken_for_a_whole_one(server: Server) -> None:
    data = json.dumps(EXAMPLES["register-customer"] | {"customer_id": "cut"}).encode()
    server.raw(post("register-customer", data, f"Content-Length: {len(data) + 10}"), half_close=True)
    assert server.request("GET", "/v1/events?stream=customer-cut")[2]["items"] == []


def test_a_body_that_comes_in_pieces_is_read_whole(server: Server) -> None:
    data = json.dumps(EXAMPLES["register-customer"] | {"customer_id": "pieces"}).encode()
    padded = data[:-1] + b" " * 500_000 + b"}"
    with socket.create_connection((HOST, server.port), timeout=20) as connection:
        head = post(
            "register-customer", b"", f"Content-Length: {len(padded)}", f"Authorization: {server.authorization}"
        )
        connection.sendall(head)
        for start in range(0, len(padded), 100_000):
            connection.sendall(padded[start : start + 100_000])
            server.request("GET", "/health/live")  # something else in between
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")


def test_whoever_sends_far_too_much_still_gets_the_answer(server: Server) -> None:
    """Without reading what was refused, the sender meets a broken pipe long before it has written it all."""
    with closing(http.client.HTTPConnection(HOST, server.port, timeout=20)) as connection:
        for path in ("/v1/commands/register-customer", "/v1/commands", "/v1/commands/none"):
            connection.request("POST", path, b" " * 30_000_000, {"Content-Type": "application/json"} | server.headers)
            answer = connection.getresponse()
            assert json.load(answer)["status"] == answer.status
            assert answer.status in {404, 413}


@pytest.mark.parametrize(
    "silent",
    [
        b"POST /v1/commands/add-note HTTP/1.1\r\nHost: desk\r\nContent-Length: 500\r\n\r\n{",
        b"GET /v1/queue HTTP/1.1\r\nHost: desk\r\nContent-Length: 9\r\n\r\n{",
        b"POST /nothing HTTP/1.1\r\nHost: desk\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
)
def test_strangers_who_never_send_the_body_keep_nobody_else_out(server: Server, silent: bytes) -> None:
    """More of them than the server has threads: it has 4 places of each kind, queues of 32, and 16 threads to spare."""
    with ExitStack() as open_ones:
        strangers = [
            open_ones.enter_context(socket.create_connection((HOST, server.port), timeout=20)) for _ in range(150)
        ]
        for stranger in strangers:
            stranger.sendall(silent)
        answered: set[socket.socket] = set()
        while len(answered) < len(strangers) - MOST_DISCARDING:
            ready, _, _ = select.select([each for each in strangers if each not in answered], [], [], 20)
            assert ready, "all but a few are answered, whatever they have still to send"
            answered.update(ready)
        assert server.request("GET", "/health/ready")[0] == 200
        assert server.request("GET", "/v1/queue")[0] in {200, 503}, "no view is built at this desk"
        data = EXAMPLES["register-customer"] | {"customer_id": f"among-{len(silent)}"}
        assert server.request("POST", "/v1/commands/register-customer", data)[0] == 201


def test_a_second_server_on_the_port_says_so_and_ends(server: Server, postgres_dsn: str) -> None:
    second = Server(postgres_dsn, "test_server", server.port)
    errors = second.wait()
    assert second.process.returncode == 2
    assert f"port {server.port}" in errors
    assert "Traceback" not in errors
    with pytest.raises(PortInUse):
        check_port_is_free(HOST, server.port)


def test_a_killed_worker_is_replaced_and_the_service_goes_on(server: Server) -> None:
    workers = [child for child in psutil.Process(server.process.pid).children() if _is_worker(child)]
    assert workers
    for worker in workers:
        worker.kill()
    server.wait_until_ready()
    assert server.process.poll() is None


def _is_worker(child: psutil.Process) -> bool:
    return "resource_tracker" not in " ".join(child.cmdline())


def test_what_was_accepted_is_answered_before_it_stops(postgres_dsn: str, schema: str) -> None:
    own = Server(postgres_dsn, schema, free_port())
    own.wait_until_ready()
    with closing(http.client.HTTPConnection(HOST, own.port, timeout=20)) as connection:
        connection.request("GET", "/v1/queue?min_position=9000000000&wait_ms=1500", headers=own.headers)
        _let_it_arrive(own)
        own.process.send_signal(signal.SIGTERM)
        answer = connection.getresponse()
        assert answer.status == 503
        assert json.load(answer)["code"] == "view_behind"
    assert "Traceback" not in own.wait()
    assert own.process.returncode == 0


def test_readers_that_wait_leave_threads_to_commands(server: Server) -> None:
    """It has four threads, and two may wait."""
    waiting = [closing(http.client.HTTPConnection(HOST, server.port, timeout=20)) for _ in range(6)]
    with ExitStack() as stack:
        connections = [stack.enter_context(each) for each in waiting]
        for connection in connections:
            connection.request("GET", "/v1/queue?min_position=9000000000&wait_ms=4000", headers=server.headers)
        started = time.monotonic()
        status, _, _ = server.request(
            "POST", "/v1/commands/register-customer", EXAMPLES["register-customer"] | {"customer_id": "not-held-up"}
        )
        assert status == 201
        assert time.monotonic() - started < 4, "it had to wait for those who wait"
        answers = [connection.getresponse() for connection in connections]
        problems = [json.load(answer) for answer in answers]
    assert {answer.status for answer in answers} == {503}
    waited = [each for each in problems if "within 4000 ms" in each["detail"]]
    assert len(waited) == 2
    for other in problems:
        # Two of the six had to queue for a place; on a slow machine longer than requests queue.
        assert other in waited or "too many wait" in other["detail"] or other["code"] == "overloaded"


def _let_it_arrive(server: Server) -> None:
    """Return once a request sent before has reached the application: requests are taken in the order they come."""
    assert server.request("GET", "/health/live")[0] == 200


def test_its_workers_find_the_database_by_a_url_in_a_file(postgres_dsn: str, schema: str, tmp_path: Path) -> None:
    secret = tmp_path / "database_url"
    secret.write_text(f"{postgres_dsn}\n")
    running = Server(postgres_dsn, schema, free_port(), CASELOG_DATABASE_URL_FILE=str(secret))
    try:
        running.wait_until_ready()
    finally:
        running.stop()
