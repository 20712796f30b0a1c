"""What came together with the end of a connection is read before the end is: so a broker tells that it refuses us."""

import socket
from contextlib import closing

import pytest
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaTCPTransport

from infra.kafka.last_answers import keep_last_answers


class Heard:
    """What a connection is told by its transport, in order."""

    _sensors = None

    def __init__(self) -> None:
        self.all: list[bytes | str] = []

    def data_received(self, data: bytes) -> None:
        self.all.append(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.all.append(f"lost: {error}")


@pytest.mark.parametrize("said", [b"refused", b"x" * 10_000])
def test_the_last_words_of_whoever_hangs_up_are_heard(said: bytes) -> None:
    keep_last_answers()
    keep_last_answers()
    here, there = socket.socketpair()
    here.setblocking(False)
    with there:
        there.sendall(said)
    heard = Heard()
    with closing(NetworkSelector()) as loop:
        transport = KafkaTCPTransport(loop, here)
        transport.set_protocol(heard)
        transport.resume_reading()
        for _ in range(10):  # each turn has something to do
            if len(heard.all) < 2:
                loop.poll(timeout_ms=1_000)
    assert heard.all == [said, "lost: KafkaConnectionError: socket disconnected"]
