"""What a process that follows the log for views begins with: a feed that hears of new events, and an announcer."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.feed import head_position
from infra.log.tail import channel_of
from infra.postgres.pool import connect
from infra.projection.feed import MOST_EVENTS, Feed
from infra.projection.listening import Listener
from infra.projection.positions import Announcer


@contextmanager
def feeding(
    dsn: str, schema: str, *, most_events: int = MOST_EVENTS, poll_seconds: float = 1.0
) -> Iterator[tuple[Feed, Announcer]]:
    """Give a feed of the log's events, told of them as they are committed, and who tells how far views have come.

    Whoever waits for the feed is woken by `Feed.close`, at the latest here.
    """
    feed = Feed(
        lambda: connect(dsn, schema, application_name=f"caselog {schema} reader"),
        most_events=most_events,
    )
    announcer = Announcer(dsn, schema)
    listener = Listener(
        dsn,
        schema,
        [channel_of(schema)],
        refresh=lambda connection: feed.advanced(head_position(connection)),
        notified=lambda payload: feed.advanced(int(payload)),
        poll_seconds=poll_seconds,
        name="log head",
    )
    announcer.start()
    listener.start()
    try:
        yield feed, announcer
    finally:
        feed.close()
        listener.stop()
        announcer.stop()
