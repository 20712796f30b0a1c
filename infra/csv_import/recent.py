"""Which streams need not be loaded again? Those that the import itself has just written to."""

from commands.unit_of_work import Stream, UnitOfWork
from domain.subscription.state import Subscription
from domain.ticket.state import Ticket

MOST_STREAMS = 5_000


class Recent:
    """Streams as the import's last append to each left them, for decisions that append to them again for certain.

    Such a decision finds out by its append if others wrote in between. One that may come to nothing must load, because
    nothing would tell it. A stream is lent once: whoever tries again after a conflict loads it.
    """

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._streams: dict[str, Stream[Ticket] | Stream[Subscription]] = {}

    def keep(self, stream: Stream[Ticket] | Stream[Subscription]) -> None:
        """Keep a stream that was appended to, in the place of whichever has been kept longest."""
        self._streams.pop(stream.id, None)
        self._streams[stream.id] = stream
        if len(self._streams) > self._most:
            del self._streams[next(iter(self._streams))]

    def forget(self, stream_id: str) -> None:
        """Drop a stream that nothing is to be appended to soon."""
        self._streams.pop(stream_id, None)

    def lend(self, stream_id: str, work: UnitOfWork) -> None:
        """Let a unit of work adopt a stream, if it is kept."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            work.adopt(stream)
