"""A job that the server refuses fails alone, whoever it was sent with; without a connection all fail at once."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Event

import psycopg2
from eventsourcing.persistence import DataError, IntegrityError, OperationalError

from commands.ports import Guard, GuardMoved, VersionConflict
from infra.log.factory import LogFactory
from infra.log.job import Job
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent
from infra.log.writer import LogWriter
from infra.postgres.pool import ConnectionPool
from tests.infra.log.conftest import EventOf


def test_in_a_group_each_job_has_its_own_fate_and_the_good_ones_leave_no_gap(
    factory: LogFactory, log: LogApplicationRecorder, event_of: EventOf, database: str, schema: str
) -> None:
    log.append([event_of("desk"), event_of("taken")])
    jobs: list[tuple[list[LogEvent], list[Guard]]] = [
        ([event_of("good-1")], []),
        ([event_of("bad", 1, b"{no JSON}")], []),
        ([event_of("taken")], []),
        ([event_of("guarded")], [Guard("desk", 0)]),
        ([event_of("good-2"), event_of("good-2", 2)], [Guard("desk", 1)]),
        ([event_of("huge" * 100_000)], []),  # more than an index can hold
        ([event_of("good-3")], []),
    ]
    commits = factory.store.writer._commits
    commits._lanes = 1  # so that all of them go in one group
    with (
        closing(psycopg2.connect(database, options=f"-c search_path={schema}")) as rival,
        ThreadPoolExecutor(len(jobs) + 1) as pool,
    ):
        with rival.cursor() as cursor:
            cursor.execute("SELECT position FROM log_head FOR UPDATE")
        first = pool.submit(log.append, [event_of("first")])
        while not commits._under_way:
            Event().wait(0.001)
        appends: list[Future[int]] = []
        for events, guards in jobs:
            appends.append(pool.submit(log.append, events, guards=guards))
            while len(commits._queue) < len(appends):
                Event().wait(0.001)
        rival.rollback()
        assert first.result(timeout=20) == 3
        good_1, bad, taken, guarded, good_2, huge, good_3 = [
            append.exception(timeout=20) or append.result() for append in appends
        ]
    assert (good_1, good_2, good_3) == (4, 5, 7)
    assert isinstance(bad, DataError)
    assert isinstance(taken, VersionConflict)
    assert isinstance(guarded, GuardMoved)
    assert isinstance(huge, OperationalError)
    assert log.max_notification_id() == 7


def test_a_text_that_is_two_values_does_not_shift_the_texts_of_the_others(
    factory: LogFactory, log: LogApplicationRecorder, event_of: EventOf
) -> None:
    log.append([event_of("taken")])
    jobs = [
        Job([event_of("taken")]),
        Job([event_of("double", 1, b'{"a":1},{"a":2}')]),
        Job([event_of("good", 1, b'{"a":3}')]),
    ]
    taken, double, good = factory.store.writer._send(jobs)
    assert (type(taken), type(double), good) == (VersionConflict, IntegrityError, 2)
    assert [event.state for event in log.select_events("good")] == [b'{"a":3}']


def test_a_group_that_gets_no_connection_waits_for_one_once_and_fails_as_a_whole(
    database: str, schema: str, event_of: EventOf
) -> None:
    pool = ConnectionPool(database, schema, size=1, wait_seconds=0.05)
    writer = LogWriter(pool)
    with pool.connection():
        outcomes = writer._send([Job([event_of(f"ticket-{number}")]) for number in range(200)])
        assert {type(outcome) for outcome in outcomes} == {OperationalError}
        assert len({id(outcome) for outcome in outcomes}) == 200, "each thread raises an error of its own"
        assert "stayed in use" in str(outcomes[0])
    assert writer.append([event_of("ticket-1")]) == 1
    pool.close()
