"""A real topic against a real log: each kind of fault, put there by hand, is named; of what the relay does, none is."""

from collections.abc import Callable
from contextlib import closing
from threading import Event as Flag
from threading import Thread

import msgspec
import pytest

from infra.kafka.clients import admin_client
from infra.kafka.log_rows import event_id_at
from infra.kafka.reconcile import reading
from infra.kafka.reconcile.errors import CannotReconcile
from infra.kafka.reconcile.findings import Finding
from infra.kafka.reconcile.reading import LogPages
from infra.kafka.reconcile.topic import Report, reconcile_topic
from infra.kafka.records import EventRecord, mark_record
from infra.kafka.relay.checkpoint import AnotherDesk, Checkpoint
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, events_topic, relay_topic, topic_id
from infra.postgres.pool import connect
from tests.infra.kafka.relay.conftest import Relayed
from tests.infra.kafka.sending import producer
from tests.waiting import eventually

Topic = dict[int, list[EventRecord]]
Arrange = Callable[[Topic], None]


@pytest.fixture
def relayed(database: str, schema: str, kafka: KafkaSettings) -> Relayed:
    return Relayed(database, schema, kafka)


def send(relayed: Relayed, topic: Topic, *, commit: bool | None = None) -> None:
    """Write records behind what is there; `commit`: in a transaction that is committed, or aborted."""
    with closing(
        producer(relayed.settings, transactional_id=None if commit is None else f"{relayed.schema}.x")
    ) as sender:
        if commit is not None:
            sender.init_transactions()
            sender.begin_transaction()
        for partition, records in topic.items():
            for each in records:
                sender.send(relayed.names.events, each.value, each.key, headers=each.headers, partition=partition)
        sender.flush()
        if commit is not None:
            sender.commit_transaction() if commit else sender.abort_transaction()


def publish(relayed: Relayed, arrange: Arrange = lambda _: None) -> None:
    """Publish the whole log as the relay would, in one batch, but as somebody arranged it."""
    topic: Topic = {number: [] for number in range(relayed.settings.partitions)}
    head = relayed.head()
    with closing(connect(relayed.dsn, relayed.schema)) as connection, closing(admin_client(relayed.settings)) as admin:
        connection.autocommit = True
        for event in LogPages(connection, len(topic)).events(0, head, lambda: None):
            topic[event.partition].append(event.record)
        for records in topic.values():
            records.append(mark_record(head))
        arrange(topic)
        ensure(admin, [events_topic(relayed.names, relayed.settings), relay_topic(relayed.names)], relayed.settings)
        send(relayed, topic)
        checkpoint = Checkpoint(
            position=head,
            begun_after=0,
            desk=event_id_at(connection, 1),
            event_id=event_id_at(connection, head),
            events_topic_id=topic_id(admin, relayed.names.events),
        ).record()
    with closing(producer(relayed.settings)) as sender:
        sender.send(relayed.names.relay, checkpoint.value, checkpoint.key)
        sender.flush()


def reconciled(relayed: Relayed, *, first: int | None = None, last: int | None = None) -> Report:
    return reconcile_topic(relayed.dsn, relayed.schema, relayed.settings, first=first, last=last)


def told(report: Report) -> list[tuple[str, int, int, int]]:
    return [(found.kind, found.first, found.last, found.count) for found in report.findings]


def at(records: list[EventRecord], position: int) -> int:
    return next(place for place, each in enumerate(records) if dict(each.headers)["ce_position"] == b"%d" % position)


def test_of_what_the_relay_publishes_nothing_is_said_aborted_and_open_transactions_included(relayed: Relayed) -> None:
    relayed.grow(300)
    foreign = relayed.foreign_row()
    relayed.grow(1_700)
    with relayed.relaying():
        relayed.await_published()
        relayed.grow(50, tag="TicketPainted.v9")  # of a newer release: it is compared as it stands
        relayed.await_published()
    report = reconciled(relayed)
    head = relayed.head()
    assert (report.findings, report.notes, report.ended_early) == ((), (), None)
    assert (report.events, report.compared_to, report.head) == (head - 1, head, head)
    assert foreign < head
    with closing(producer(relayed.settings, transactional_id=f"{relayed.schema}.open")) as sender:
        send(relayed, {0: [mark_record(3)]}, commit=False)
        sender.init_transactions()
        sender.begin_transaction()
        sender.send(relayed.names.events, b"half", partition=1)
        sender.flush()
        assert reconciled(relayed).findings == (), "what is not committed is not there"


def test_each_kind_of_fault_on_a_topic_is_named_with_its_place(relayed: Relayed) -> None:
    head = relayed.grow(400)
    expected: list[tuple[str, int, int, int]] = []

    def arrange(topic: Topic) -> None:
        numbers = {number: [int(dict(each.headers)["ce_position"]) for each in topic[number][:-1]] for number in topic}
        one, two, three = numbers[0], numbers[1], numbers[2]
        lost = one[10:15]
        del topic[0][10:15]
        expected.append(("missing", lost[0], lost[-1], len(lost)))
        topic[0].insert(at(topic[0], one[40]), topic[0][at(topic[0], one[30])])
        expected.append(("doubled", one[30], one[30], 1))
        place = at(topic[1], two[20])
        topic[1][place], topic[1][place + 1] = topic[1][place + 1], topic[1][place]
        expected.append(("reordered", two[20], two[20], 1))
        place = at(topic[1], two[50])
        topic[1][place] = msgspec.structs.replace(topic[1][place], value=topic[1][place].value + b" ")
        expected.append(("altered", two[50], two[50], 1))
        moved = topic[2].pop(at(topic[2], three[30]))
        topic[1].insert(5, moved)
        expected.append(("misplaced", three[30], three[30], 1))
        topic[2].insert(at(topic[2], three[8]), mark_record(three[8]))  # before what it says has come
        expected.append(("reordered", three[8], three[8], 1))
        expected.append(("wrong_mark", three[8], three[8], 1))
        topic[2].insert(7, EventRecord(b"key", b"a record of somebody else", [("ce_source", b"/other")]))
        expected.append(("foreign", three[6], three[6], 1))  # behind that position

    publish(relayed, arrange)
    report = reconciled(relayed)
    assert sorted(told(report)) == sorted(expected)
    assert report.compared_to == head
    strange = next(each for each in report.findings if each.kind == "foreign")
    assert (strange.partitions, strange.note) == ((2,), "its header ce_source is '/other', not '/caselog'")


def test_what_the_log_has_not_is_unknown_though_the_relay_does_not_tell_of_it(relayed: Relayed) -> None:
    head = relayed.grow(50)
    publish(relayed)
    send(relayed, {0: [mark_record(head + 1)], 1: [mark_record(head + 7)]})
    report = reconciled(relayed)
    assert told(report) == [("unknown", head + 1, head + 7, 7)]
    assert report.findings[0].partitions == (0, 1)


def test_events_that_are_not_published_yet_are_told_and_no_difference(relayed: Relayed) -> None:
    before = relayed.grow(100)
    publish(relayed)
    head = relayed.grow(30)
    report = reconciled(relayed)
    assert report.findings == ()
    assert (report.published, report.head, report.events) == (before, head, before)


def test_publishing_that_began_later_lacks_nothing_before(relayed: Relayed) -> None:
    begun = relayed.grow(100)
    relayed.grow(100)
    with relayed.relaying(begin_after=begun):
        relayed.await_published()
    report = reconciled(relayed)
    assert (report.findings, report.after, report.events) == ((), begun, 100)


@pytest.mark.parametrize("near_enough", [10, 2_000], ids=["found by halving", "read from the first record"])
def test_a_range_is_compared_alone(relayed: Relayed, near_enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "NEAR_ENOUGH", near_enough)
    relayed.grow(1_000)

    def arrange(topic: Topic) -> None:
        for records in topic.values():
            records[:] = [each for each in records if int(dict(each.headers)["ce_position"]) not in range(200, 220)]
            records.insert(3, EventRecord(b"", b"", []))  # also what is not ours is passed by on looking

    publish(relayed, arrange)

    def missing(report: Report) -> list[tuple[str, int, int, int]]:
        return [found for found in told(report) if found[0] != "foreign"]

    assert missing(reconciled(relayed, first=150, last=300)) == [("missing", 200, 219, 20)]
    assert missing(reconciled(relayed, first=210)) == [("missing", 210, 219, 10)]
    report = reconciled(relayed, first=600, last=900)
    assert (missing(report), report.events, report.compared_to) == ([], 301, 900)
    assert reconciled(relayed, first=5_000).events == 0


def test_it_can_be_interrupted_and_goes_on_from_there(relayed: Relayed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOG_PAGE", 500)
    head = relayed.grow(3_000)
    publish(relayed)
    stopping = Flag()
    report = reconcile_topic(
        relayed.dsn,
        relayed.schema,
        relayed.settings,
        stopping=stopping,
        progress=lambda position, *_: stopping.set() if position >= 1_000 else None,
    )
    assert report.ended_early == "it was interrupted"
    assert 1_000 <= report.compared_to < head
    rest = reconciled(relayed, first=report.compared_to + 1)
    assert (rest.findings, report.events + rest.events) == ((), head)


def test_a_topic_that_grows_meanwhile_is_compared_up_to_what_is_published(relayed: Relayed) -> None:
    relayed.grow(500)
    with relayed.relaying():
        relayed.await_published()
        ended = Flag()

        def work() -> None:
            while not ended.is_set():
                relayed.grow(20)

        thread = Thread(target=work)
        thread.start()
        try:
            for _ in range(3):
                assert reconciled(relayed).findings == ()
        finally:
            ended.set()
            thread.join()


def test_where_there_is_nothing_to_compare_it_says_why(relayed: Relayed, postgres_dsn: str) -> None:
    relayed.grow(10)
    with pytest.raises(CannotReconcile, match=f"no topic {relayed.names.events}"):
        reconciled(relayed)
    with closing(admin_client(relayed.settings)) as admin:
        ensure(admin, [events_topic(relayed.names, relayed.settings), relay_topic(relayed.names)], relayed.settings)
    with pytest.raises(CannotReconcile, match="does not say how far"):
        reconciled(relayed)


def test_where_the_checkpoint_is_lost_the_topic_says_up_to_where_it_is_compared(
    relayed: Relayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "NEAR_ENOUGH", 10)
    head = relayed.grow(100)
    lost: list[int] = []

    def arrange(topic: Topic) -> None:
        lost.append(int(dict(topic[1].pop(3).headers)["ce_position"]))
        topic[1] += [EventRecord(b"", b"", [])] * 20  # the look behind them for the last of ours

    publish(relayed, arrange)
    with closing(admin_client(relayed.settings)) as admin:
        admin.delete_topics([relayed.names.relay])
        eventually(lambda: relayed.names.relay not in admin.list_topics())
    later = relayed.grow(7)
    report = reconciled(relayed)
    assert [each for each in told(report) if each[0] != "foreign"] == [("missing", lost[0], lost[0], 1)]
    assert (report.after, report.compared_to, report.published, report.head) == (0, head, head, later)
    [note] = report.notes
    assert f"checkpoint is lost (topic {relayed.names.relay})" in note
    assert f"to {head}," in note
    with closing(connect(relayed.dsn, relayed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM events WHERE position > 80")
        cursor.execute("UPDATE log_head SET position = 80")
    report = reconciled(relayed)
    assert ("unknown", 81, head, head - 80) in told(report), "what the log has not is told without it as well"
    assert {each[0] for each in told(report)} == {"missing", "foreign", "unknown"}


def test_a_topic_of_another_desk_is_named_and_not_compared(relayed: Relayed) -> None:
    relayed.grow(10)
    publish(relayed)
    with closing(connect(relayed.dsn, relayed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("""UPDATE events SET metadata = '{"event_id":"another"}' WHERE position = 1""")
    with pytest.raises(AnotherDesk, match="another desk"):
        reconciled(relayed)


def test_a_log_that_was_restored_from_an_older_backup_is_named_with_what_it_lacks(relayed: Relayed) -> None:
    head = relayed.grow(100)
    publish(relayed)
    with closing(connect(relayed.dsn, relayed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM events WHERE position > 80")
        cursor.execute("UPDATE log_head SET position = 80")
    report = reconciled(relayed)
    assert "older backup" in report.notes[0]
    assert told(report) == [("unknown", 81, head, head - 80)]


def test_a_finding_has_everything_that_is_told_of_it() -> None:
    found = Finding(kind="missing", first=1, last=2, count=2, partitions=(1,))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Finding) == found
