"""What a broker sends arrives whole, however large the pieces are that it is read in, and the end of it is noticed."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from kafka.errors import KafkaConnectionError

from infra.kafka.consuming import receiving
from infra.kafka.consuming.receiving import LargeReads


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection, of which neither waits."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def told(read: LargeReads) -> tuple[bytes, Exception | None]:
    content, error = read()
    return bytes(content), error


def test_what_has_come_is_read_at_once_and_no_more_is_waited_for(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    read = LargeReads(SimpleNamespace(_sock=ours))
    assert told(read) == (b"", None)
    theirs.sendall(b"a" * 5_000)
    theirs.sendall(b"b" * 5_000)
    assert told(read) == (b"a" * 5_000 + b"b" * 5_000, None)
    assert told(read) == (b"", None)


def test_what_the_buffer_does_not_hold_is_left_for_the_next_time(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "READ_BYTES", 3)
    ours, theirs = ends
    read = LargeReads(SimpleNamespace(_sock=ours))
    theirs.sendall(b"abcd")
    assert [bytes(read()[0]) for _ in range(2)] == [b"abc", b"d"]


def test_the_end_of_a_connection_is_an_error_after_what_came_before_it(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    read = LargeReads(SimpleNamespace(_sock=ours))
    theirs.sendall(b"last")
    theirs.close()
    assert told(read) == (b"last", None)
    content, error = read()
    assert (bytes(content), type(error)) == (b"", KafkaConnectionError)


def test_a_broken_connection_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = ends
    read = LargeReads(SimpleNamespace(_sock=ours))
    ours.close()
    content, error = read()
    assert (bytes(content), type(error)) == (b"", KafkaConnectionError)
