"""How do the bytes of a broker's answer get into this process? By large reads into one buffer.

kafka-python reads 4096 bytes at a time and joins them: 3,000 calls for an answer of 12 MB. Each of them lets go of the
interpreter's lock, so while the views' threads are busy, the answer comes in at the pace at which they give it back.
"""

from typing import Any

from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaTCPTransport

READ_BYTES = 1024 * 1024


class LargeReads:
    """Stands in place of a transport's own reading of its socket, which it calls whenever something has come."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = memoryview(bytearray(READ_BYTES))

    def __call__(self) -> tuple[memoryview, Exception | None]:
        """Return what has come, to be copied before the next call; an error where nothing has, and nothing will.

        kafka-python throws away what comes with an error: a broker's last words (`last_answers`).
        """
        buffer = self._buffer
        read = 0
        error: Exception | None = None
        try:
            while read < READ_BYTES:
                got = self._transport._sock.recv_into(buffer[read:])  # noqa: SLF001
                if not got:
                    error = KafkaConnectionError("socket disconnected")
                    break
                read += got
        except (BlockingIOError, InterruptedError):
            pass
        except Exception as broken:  # noqa: BLE001 - as kafka-python does: whatever it is, the connection is over
            error = KafkaConnectionError(broken)
        return buffer[:read], None if read else error


def read_largely(client: Any) -> None:
    """Let the connections that a consumer or producer of kafka-python makes from now on read by `LargeReads`.

    Not those by TLS: what their library holds back, the socket does not tell of.
    """
    manager = client._client._manager  # noqa: SLF001
    build = manager._build_transport  # noqa: SLF001

    async def built(*arguments: Any, **more: Any) -> Any:
        transport = await build(*arguments, **more)
        if type(transport) is KafkaTCPTransport:
            transport._sock_recv = LargeReads(transport)  # noqa: SLF001
        return transport

    manager._build_transport = built  # noqa: SLF001
