"""An append is all or nothing, its positions have no gaps, and each conflict has a name."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from eventsourcing.persistence import DataError, IntegrityError, StoredEvent, Tracking

from commands.ports import (
    AppendConflict,
    Claim,
    ClaimTaken,
    Guard,
    GuardMoved,
    IdempotencyKeyTaken,
    IdempotencyRecord,
    KeptAnswer,
    VersionConflict,
)
from infra.log.factory import LogFactory
from infra.log.job import APPEND, Job, TrackingConflict, arguments
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent
from tests.infra.log.conftest import EventOf, Query

ANSWER = IdempotencyRecord("caller:open", "key-1", "print", '{"position":\x1f0\x1f}')


def test_events_of_two_streams_get_positions_that_follow_each_other(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    assert log.append([event_of("ticket-1"), event_of("ticket-1", 2), event_of("subscription-1")]) == 1
    assert log.append([event_of("ticket-1", 3)]) == 4
    assert [(n.id, n.originator_id, n.originator_version) for n in log.select_notifications(None, 10)] == [
        (1, "ticket-1", 1),
        (2, "ticket-1", 2),
        (3, "subscription-1", 1),
        (4, "ticket-1", 3),
    ]


def test_the_text_of_an_event_is_kept_to_the_byte_and_can_be_asked_for_by_sql(
    log: LogApplicationRecorder, event_of: EventOf, query: Query
) -> None:
    text = '{ "b" : 1.50, "b":2,  "näme":"\\u00e9\\\\u0000 ?%s \'\\" 🐈" }'.encode()
    log.append([event_of("ticket-1", 1, text)])
    [stored] = log.select_events("ticket-1")
    assert isinstance(stored, LogEvent)
    assert (stored.state, stored.metadata) == (text, b'{"event_id":"e"}')
    assert query("SELECT data ->> 'näme', metadata ->> 'event_id' FROM events") == [("é\\u0000 ?%s '\" 🐈", "e")]


def test_other_mappers_bytes_are_kept_beside_our_events_even_in_one_append(
    factory: LogFactory, log: LogApplicationRecorder, event_of: EventOf
) -> None:
    other = StoredEvent("other-1", 1, "module:Class", b"\x00\xff'\\ no JSON")
    log.append([event_of("ticket-1"), other, event_of("ticket-1", 2)])
    assert log.select_events("other-1") == [other]
    assert [type(event) for event in log.select_streams(["ticket-1", "other-1"])] == [LogEvent, StoredEvent, LogEvent]


def test_recorded_at_is_the_same_in_an_append_and_rises_with_the_position(
    log: LogApplicationRecorder, event_of: EventOf, query: Query
) -> None:
    log.append([event_of("ticket-1"), event_of("ticket-2")])
    log.append([event_of("ticket-1", 2)])
    [first, second, third] = [instant for (instant,) in query("SELECT recorded_at FROM events ORDER BY position")]
    assert first == second < third
    [event] = log.select_events("ticket-2")
    assert isinstance(event, LogEvent)
    assert event.recorded_at == first
    assert event.recorded_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("versions", [[1], [2, 3], [4], [3, 5], [3, 3]], ids=str)
def test_a_version_that_is_taken_or_leaves_a_gap_is_a_conflict_and_nothing_is_appended(
    log: LogApplicationRecorder, event_of: EventOf, versions: list[int]
) -> None:
    log.append([event_of("ticket-1", 1), event_of("ticket-1", 2)])
    with pytest.raises(VersionConflict):
        log.append([event_of("ticket-2"), *(event_of("ticket-1", version) for version in versions)])
    assert log.max_notification_id() == 2
    assert log.append([event_of("ticket-2")]) == 3


def test_a_stream_that_was_read_must_not_have_moved_on(log: LogApplicationRecorder, event_of: EventOf) -> None:
    log.append([event_of("desk"), event_of("plan-basic")])
    log.append([event_of("ticket-1")], guards=[Guard("desk", 1), Guard("plan-new", 0)])
    log.append([event_of("plan-basic", 2)])
    with pytest.raises(GuardMoved, match="plan-basic"):
        log.append([event_of("ticket-2")], guards=[Guard("desk", 1), Guard("plan-basic", 1)])
    with pytest.raises(GuardMoved, match="desk"):
        log.append([event_of("ticket-2")], guards=[Guard("desk", 0)])
    assert log.append([event_of("ticket-2")], guards=[Guard("desk", 1), Guard("plan-basic", 2)]) == 5


def test_reads_are_confirmed_without_waiting_for_those_who_append(
    log: LogApplicationRecorder, event_of: EventOf, database: str, schema: str
) -> None:
    log.append([event_of("desk"), event_of("plan-basic")])
    with closing(psycopg2.connect(database)) as rival, rival.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '5s'")  # who waited for it would find it gone
        cursor.execute(f"SELECT * FROM {schema}.log_head FOR UPDATE")
        assert log.append([], guards=[Guard("desk", 1), Guard("plan-new", 0)]) == 2
        with pytest.raises(GuardMoved, match="plan-basic"):
            log.append([], guards=[Guard("desk", 1), Guard("plan-basic", 0)])
        cursor.execute("SELECT 'still there'")


def test_a_process_of_an_older_release_appends_as_it_did(
    log: LogApplicationRecorder, event_of: EventOf, query: Query
) -> None:
    """During a deploy: a guard names one job, an answer does not say where its first event comes."""
    log.append([event_of("desk")])
    [(head, conflicts)] = query(
        """SELECT head_before, conflicts FROM append_to_log('{1,2}', '{t,t}', '["a","b"]', '{1,1}', '["T.v1","T.v1"]',
        '[{},{}]', '[{},{}]', '[null,null]',
        '[{"job":1,"stream_id":"desk","version":0},{"job":2,"stream_id":"desk","version":1}]', null, null,
        '[{"job":2,"scope":"s","key":"k","fingerprint":"f","answer":"a","keep":true}]', null)"""
    )
    assert (head, conflicts) == (1, [[1, "guard", None, "desk"]])
    assert query("SELECT position, stream_id FROM events ORDER BY position") == [(1, "desk"), (2, "b")]
    assert query("SELECT first_position FROM idempotency") == [(2,)]


def test_a_claim_is_held_by_one_stream_until_that_one_gives_it_back(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    claim, rival = Claim("case", "C-1", "ticket-1"), Claim("case", "C-1", "ticket-2")
    log.append([event_of("ticket-1")], claims=[claim, Claim("case", "C-2", "ticket-1")])
    with pytest.raises(ClaimTaken) as taken:
        log.append([event_of("ticket-2")], claims=[rival])
    assert (taken.value.kind, taken.value.key) == ("case", "C-1")
    assert log.select_events("ticket-2") == []
    log.append([event_of("ticket-1", 2)], claims=[claim])  # one's own again is none
    log.append([event_of("ticket-3")], releases=[Claim("case", "C-1", "ticket-3")])  # nor does a stranger give it back
    assert log.holder("case", "C-1") == "ticket-1"
    log.append([event_of("ticket-1", 3)], releases=[claim])
    assert log.holder("case", "C-1") is None
    log.append([event_of("ticket-2")], claims=[rival])
    assert (log.holder("case", "C-1"), log.holder("case", "C-2")) == ("ticket-2", "ticket-1")


def test_a_claim_can_change_hands_in_one_append(log: LogApplicationRecorder, event_of: EventOf) -> None:
    log.append([event_of("ticket-1")], claims=[Claim("case", "C-1", "ticket-1")])
    log.append(
        [event_of("ticket-1", 2), event_of("ticket-2")],
        releases=[Claim("case", "C-1", "ticket-1")],
        claims=[Claim("case", "C-1", "ticket-2")],
    )
    assert log.holder("case", "C-1") == "ticket-2"


def test_an_answer_is_kept_with_its_events_and_a_second_one_under_its_key_appends_nothing(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    log.append([event_of("ticket-0")])
    assert log.append([event_of("ticket-1"), event_of("ticket-1", 2)], idempotency=ANSWER) == 2
    # The repeat meets a version conflict too; that it is a repeat is what its sender must learn.
    with pytest.raises(IdempotencyKeyTaken):
        log.append([event_of("ticket-1")], idempotency=ANSWER)
    assert log.find_answer("caller:open", "key-1") == KeptAnswer("print", ANSWER.answer, 2)
    assert log.find_answer("caller:close", "key-1") is None
    assert log.max_notification_id() == 3


def test_a_conflict_leaves_the_idempotency_key_and_the_claim_free(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    log.append([event_of("ticket-1")])
    with pytest.raises(VersionConflict):
        log.append([event_of("ticket-1")], idempotency=ANSWER, claims=[Claim("case", "C-1", "ticket-1")])
    assert log.find_answer("caller:open", "key-1") is None
    assert log.holder("case", "C-1") is None


def test_an_answer_without_events_is_kept_at_the_head_of_the_log(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    log.append([event_of("ticket-1"), event_of("ticket-2")])
    assert log.append([], idempotency=ANSWER) == 2
    kept = log.find_answer("caller:open", "key-1")
    assert kept is not None
    assert kept.first_position == 2
    assert log.append([event_of("ticket-3")]) == 3


def test_expired_answers_are_forgotten_in_portions_and_those_to_be_kept_are_not(
    log: LogApplicationRecorder,
) -> None:
    for number in range(5):
        log.append([], idempotency=IdempotencyRecord("http", str(number), "print", "{}"))
    log.append([], idempotency=IdempotencyRecord("import", "0", "print", "{}", keep=True))
    now = datetime.now(UTC)
    assert log.forget_answers(now - timedelta(hours=24)) == 0
    assert [log.forget_answers(now + timedelta(hours=1), limit=3) for _ in range(3)] == [3, 2, 0]
    assert log.find_answer("http", "4") is None
    assert log.find_answer("import", "0") is not None


def test_tracking_goes_with_the_events_or_not_at_all(factory: LogFactory, event_of: EventOf) -> None:
    recorder = factory.process_recorder()
    recorder.insert_events([event_of("ticket-1")], tracking=Tracking("upstream", 5))
    with pytest.raises(TrackingConflict):
        recorder.insert_events([event_of("ticket-2")], tracking=Tracking("upstream", 5))
    with pytest.raises(VersionConflict):
        recorder.insert_events([event_of("ticket-1")], tracking=Tracking("upstream", 6))
    assert (recorder.max_tracking_id("upstream"), recorder.max_notification_id()) == (5, 1)


def test_case_numbers_rise(log: LogApplicationRecorder) -> None:
    assert [log.next_case_number() for _ in range(3)] == [1, 2, 3]


def test_what_postgresql_cannot_hold_is_refused_by_name_and_harms_no_other(
    log: LogApplicationRecorder, event_of: EventOf
) -> None:
    with pytest.raises(DataError, match=r"U\+0000"):
        log.append([event_of("ticket-1", 1, b'{"text":"a\\u0000b"}')])
    with pytest.raises(DataError):
        log.append([event_of("ticket\x00")])
    with pytest.raises(UnicodeEncodeError):
        log.append([event_of("ticket-\ud800")])
    with pytest.raises(UnicodeDecodeError):
        log.append([event_of("ticket-1", 1, b'"\xff"')])
    with pytest.raises(DataError):
        log.append([event_of("ticket-1", 1, b"{no JSON}")])
    with pytest.raises(DataError):
        log.append([event_of("ticket-1", 2**31)])
    assert log.append([event_of("ticket-1")]) == 1


def test_conflicts_are_the_librarys_integrity_errors() -> None:
    assert issubclass(AppendConflict, IntegrityError)
    assert issubclass(TrackingConflict, AppendConflict)


def test_only_a_row_that_is_ours_or_anothers_fits_the_table(query: Query) -> None:
    values = "(1, 's', 1, 't', %s, %s, now())"
    for data, raw in ((None, None), ("{}", b"")):
        with pytest.raises(psycopg2.errors.CheckViolation):
            query(
                f"INSERT INTO events (position, stream_id, version, type, data, raw, recorded_at) VALUES {values}",
                data,
                raw,
            )


def test_a_connection_that_met_an_almost_empty_log_does_not_scan_it_for_ever_after(
    query: Query, event_of: EventOf
) -> None:
    def append(*stream_ids: str) -> int:
        job = Job([event_of(stream_id) for stream_id in stream_ids], guards=[Guard("first-1", 1)])
        query(APPEND, *arguments([job]))
        query("SELECT pg_stat_force_next_flush()")
        [(rows,)] = query("SELECT seq_tup_read FROM pg_stat_all_tables WHERE relid = 'events'::regclass")
        return int(rows)

    append("first")
    query("VACUUM ANALYZE events")  # now the planner knows how small it is
    # PL/pgSQL makes its lasting plan in the first calls.
    before = [append(f"first-{number}") for number in range(10)][-1]
    assert append(*(f"later-{number}" for number in range(500))) == before
    assert append(*(f"last-{number}" for number in range(500))) == before
