"""A tail gives every event once and in order, hears of new ones at once, and outlives its connection."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from queue import Queue
from threading import Event, Thread
from time import monotonic

import pytest
from eventsourcing.persistence import Notification

from infra.log.factory import LogFactory
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent
from infra.log.tail import Tail, channel_of
from tests.infra.log.conftest import EventOf, Query

WAIT = 20.0
NEVER = 1000.0
"""A poll interval that makes a test hang unless something else wakes the tail."""


class Follower:
    """A thread that iterates a tail; positions come in `seen`, and None at the end."""

    def __init__(self, tail: Tail[Notification]) -> None:
        self.tail = tail
        self.seen: Queue[int | None] = Queue()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for batch in self.tail:
            for notification in batch:
                self.seen.put(notification.id)
        self.seen.put(None)

    def next(self, count: int = 1) -> list[int | None]:
        return [self.seen.get(timeout=WAIT) for _ in range(count)]

    def join(self) -> None:
        self._thread.join(timeout=WAIT)
        assert not self._thread.is_alive()


@contextmanager
def following(tail: Tail[Notification]) -> Iterator[Follower]:
    follower = Follower(tail)
    try:
        yield follower
    finally:
        tail.stop()
        follower.join()


def listeners(query: Query, schema: str) -> list[int]:
    """Return the backends that have begun to listen to the log of a schema and wait for what comes."""
    return [
        pid
        for (pid,) in query(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'caselog tail' AND query = %s AND state = 'idle'",
            f'LISTEN "{channel_of(schema)}"',
        )
    ]


def wait_for_listener(query: Query, schema: str, other_than: int | None = None) -> int:
    end = monotonic() + WAIT
    while monotonic() < end:
        for pid in listeners(query, schema):
            if pid != other_than:
                return pid
        Event().wait(0.01)
    pytest.fail("nobody listens")


def test_what_is_there_comes_in_batches_and_what_comes_is_heard_at_once(
    log: LogApplicationRecorder, event_of: EventOf, query: Query, schema: str
) -> None:
    log.append([event_of("ticket-1", version) for version in range(1, 6)])
    with following(log.tail(1, poll_seconds=NEVER, batch_size=2)) as follower:
        assert follower.next(4) == [2, 3, 4, 5]
        wait_for_listener(query, schema)
        log.append([event_of("ticket-1", 6)])
        assert follower.next() == [6]


def test_a_lost_notification_costs_one_poll_and_no_event(log: LogApplicationRecorder, event_of: EventOf) -> None:
    tail = log.tail(poll_seconds=0.05)
    tail._channel = "nobody_notifies_this"
    with following(tail) as follower:
        log.append([event_of("ticket-1")])
        assert follower.next() == [1]


def test_an_event_committed_while_the_tail_begins_to_listen_is_not_missed(
    factory: LogFactory, log: LogApplicationRecorder, event_of: EventOf
) -> None:
    class Slow(Tail[Notification]):
        """Something is appended just before LISTEN has taken effect, so without a notification."""

        def _listen(self) -> None:
            log.append([event_of("ticket-1")])
            super()._listen()

    store = factory.store
    slow = Slow(store.reader.select_notifications, store.connect_to_listen, store.schema, poll_seconds=NEVER)
    with following(slow) as follower:
        assert follower.next() == [1]


def test_a_tail_whose_connection_is_cut_listens_again_and_misses_nothing(
    log: LogApplicationRecorder, event_of: EventOf, query: Query, schema: str
) -> None:
    with following(log.tail(poll_seconds=NEVER)) as follower:
        first = wait_for_listener(query, schema)
        query("SELECT pg_terminate_backend(%s)", first)
        wait_for_listener(query, schema, other_than=first)
        log.append([event_of("ticket-1")])
        assert follower.next() == [1]


def test_a_group_of_events_is_notified_once(
    factory: LogFactory, log: LogApplicationRecorder, event_of: EventOf, schema: str
) -> None:
    with closing(factory.store.connect_to_listen()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f'LISTEN "{channel_of(schema)}"')
        log.append([event_of("ticket-1", version) for version in range(1, 4)])
        cursor.execute("SELECT 1")
        assert [notify.payload for notify in connection.notifies] == ["3"]


def test_a_tail_stopped_before_it_is_iterated_gives_nothing(log: LogApplicationRecorder, event_of: EventOf) -> None:
    log.append([event_of("ticket-1")])
    tail = log.tail()
    tail.stop()
    assert list(tail) == []
    tail.stop()
    assert list(tail) == []


def test_a_tail_that_waits_is_stopped_at_once_by_another_thread(
    log: LogApplicationRecorder, query: Query, schema: str
) -> None:
    follower = Follower(log.tail(poll_seconds=NEVER))
    wait_for_listener(query, schema)
    follower.tail.stop()
    assert follower.next() == [None]
    follower.join()


def test_a_subscription_stopped_in_the_middle_of_a_batch_gives_no_more_of_it(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    log.append([event_of("ticket-1", version) for version in range(1, 4)])
    with log.subscribe() as subscription:
        assert next(subscription).id == 1
        subscription.stop()
        assert list(subscription) == []


def test_a_subscription_gives_only_the_types_asked_for(log: LogApplicationRecorder, event_of: EventOf) -> None:
    log.append([event_of("ticket-1")])
    with log.subscribe(topics=["Other.v1"]) as subscription:
        log.append([LogEvent("ticket-1", 2, "Other.v1", b"{}", b"{}")])
        assert next(subscription).id == 2


def test_two_desks_in_one_database_do_not_see_each_other(
    log: LogApplicationRecorder, event_of: EventOf, database: str, schema: str, query: Query
) -> None:
    neighbour = LogFactory({"CASELOG_DATABASE_URL": database, "CASELOG_SCHEMA": f"{schema}_b"})
    try:
        other = neighbour.application_recorder()
        assert other.append([event_of("ticket-1"), event_of("ticket-2")]) == 1
        assert log.append([event_of("ticket-1")]) == 1
        with following(log.tail(poll_seconds=NEVER)) as ours, following(other.tail(poll_seconds=NEVER)) as theirs:
            assert (ours.next(1), theirs.next(2)) == ([1], [1, 2])
            wait_for_listener(query, schema)
            wait_for_listener(query, f"{schema}_b")
            other.append([event_of("ticket-3")])
            log.append([event_of("ticket-1", 2)])
            assert (ours.next(), theirs.next()) == ([2], [3])
            assert ours.seen.empty()
            assert theirs.seen.empty()
        assert (log.max_notification_id(), other.max_notification_id()) == (2, 3)
        assert (log.next_case_number(), other.next_case_number()) == (1, 1)
    finally:
        neighbour.close()
        query(f'DROP SCHEMA "{schema}_b" CASCADE')
