"""What did a broker say just before it hung up? kafka-python 3.0 throws that away; here it is read first.

A broker answers wrong credentials and closes the connection. Where the end has come before the answer was read, which
is a matter of load, kafka-python tells of a lost connection only, and nobody learns why (docs/adr/0102-relay.md).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

Received = tuple[bytes, Exception | None]


@cache
def keep_last_answers() -> None:
    """Let all clients of this process read what came together with the end of a connection; the end comes next."""
    for transport in (KafkaTCPTransport, KafkaSSLTransport):
        transport._sock_recv = _first_what_came(transport._sock_recv)  # noqa: SLF001 - kafka-python has no other way


def _first_what_came(receive: Callable[[Any], Received]) -> Callable[[Any], Received]:
    def received(transport: Any) -> Received:
        data, end = receive(transport)
        return data, None if data else end

    return received
