"""One attempt: where the connection goes, what is believed of the other side, and how long any of it may take."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from infra.webhooks.addresses import LOOPBACK
from infra.webhooks.receiver import Attempt, Receiver
from tests.certificates import certificate
from tests.infra.webhooks.receiving import receiving

HEADERS = {"webhook-id": "1", "webhook-timestamp": "0", "webhook-signature": "v1,"}


@pytest.mark.parametrize(("name", "kind"), [("localhost", "delivered"), ("elsewhere.example", "unreachable")])
def test_over_tls_the_certificate_must_be_of_the_host_that_the_address_names(
    tmp_path: Path, name: str, kind: str
) -> None:
    file = certificate(tmp_path, name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    with receiving(server) as other:
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60, tls=ssl.create_default_context(cafile=str(file)))
        attempts = [receiver.post(f"https://localhost:{other.port}/", HEADERS, b"{}") for _ in range(2)]
        receiver.close()
    assert [attempt.kind for attempt in attempts] == [kind] * 2
    assert kind == "delivered" or "certificate" in attempts[0].reason


def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate(tmp_path, "localhost"))
    with receiving(server) as other:
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60)
        assert receiver.post(f"https://localhost:{other.port}/", HEADERS, b"{}").kind == "unreachable"
        assert other.messages == []


def test_nothing_is_sent_where_the_desk_does_not_send(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as other:
        receiver = Receiver(allowed=(), timeout_seconds=60)
        attempt = receiver.post(other.url, HEADERS, b"{}")
        assert attempt.kind == "refused"
        assert other.connections == 0


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise the second time (DNS rebinding) is not asked a second time."""
    with receiving() as other:
        answers = ["127.0.0.1", "10.0.0.1"]

        def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
            assert host == "rebind.example"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60)
        url = f"http://rebind.example:{other.port}/"
        assert receiver.post(url, HEADERS, b"{}").kind == "delivered"
        assert other.messages[0].headers["host"] == f"rebind.example:{other.port}"
        assert receiver.post(url, HEADERS, b"{}").kind == "delivered", "on the same connection"
        receiver.close()
        assert receiver.post(url, HEADERS, b"{}").kind == "refused", "a new one is judged anew"


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60)
    attempt = receiver.post("https://nothing.invalid/", HEADERS, b"{}")
    assert attempt == Attempt("unreachable", "the host's name cannot be resolved")


def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60)
        attempt = receiver.post(f"http://127.0.0.1:{probe.getsockname()[1]}/", HEADERS, b"{}")
    assert (attempt.kind, attempt.reason) == ("unreachable", "Connection refused")


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that speaks as it likes; its function gets each connection after a request came."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    serve(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(30)


def dripping(connection: socket.socket) -> None:
    """Send a byte now and then, for ever: each one would begin a time limit for single reads anew."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    gone = threading.Event()
    while not gone.wait(0.05):
        connection.sendall(b"x")


MANY_BYTES = 256 * 1024 * 1024
"""What is sent within the time allowed to whoever goes on reading."""


def test_an_answer_that_drips_is_no_answer_in_time() -> None:
    with raw_server(dripping) as port:
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=0.5)
        attempt = receiver.post(f"http://127.0.0.1:{port}/", HEADERS, b"{}")
    assert attempt.kind == "timeout"


def test_of_an_endless_body_little_is_read() -> None:
    sent: list[int] = []

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 No\r\n\r\n")
        while sum(sent) < MANY_BYTES:
            sent.append(connection.send(b"x" * 65_536))

    with raw_server(endless) as port:
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=30)
        attempt = receiver.post(f"http://127.0.0.1:{port}/", HEADERS, b"{}")
    assert attempt.reason == "answered 500"
    assert sum(sent) < MANY_BYTES


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"\0" * 70_000])
def test_what_is_no_http_is_a_failure(answer: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(answer)) as port:
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60)
        attempt = receiver.post(f"http://127.0.0.1:{port}/", HEADERS, b"{}")
    assert attempt.kind in {"rejected", "unreachable"}


@pytest.mark.parametrize("kept", [False, True])
def test_an_attempt_can_be_ended_by_another_thread(kept: bool) -> None:
    arrived, leave = threading.Event(), threading.Event()

    def silent(connection: socket.socket) -> None:
        if kept:
            connection.sendall(b"HTTP/1.1 204 Taken\r\n\r\n")
            connection.recv(65_536)
        arrived.set()
        leave.wait(30)

    with raw_server(silent) as port:
        receiver = Receiver(allowed=LOOPBACK, timeout_seconds=60)
        if kept:
            assert receiver.post(f"http://127.0.0.1:{port}/", HEADERS, b"{}").kind == "delivered"
        found: list[Attempt] = []
        thread = threading.Thread(
            target=lambda: found.append(receiver.post(f"http://127.0.0.1:{port}/", HEADERS, b"{}"))
        )
        thread.start()
        assert arrived.wait(30)
        receiver.abort()
        thread.join(20)
        ended = not thread.is_alive()
        leave.set()
        thread.join()
    assert ended, "it is not made again on another connection"
    assert [attempt.kind for attempt in found] != ["delivered"]
