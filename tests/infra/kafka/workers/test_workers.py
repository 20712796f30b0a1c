"""Views that Kafka feeds: the same rows as from the log, whatever happens to those who write them."""

from contextlib import ExitStack, closing
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from structlog.testing import capture_logs

from infra.kafka.records import LogRow, event_record, mark_record, partition_of
from infra.kafka.settings import KafkaSettings
from infra.kafka.workers.runner import PartitionRunner
from infra.postgres.pool import connect
from infra.projection import brought_back, parking
from infra.projection.builds import build_numbered
from infra.projection.positions import ViewPositions
from infra.projection.projector import Projector
from infra.projection.rebuild import rebuild
from infra.projection.writer import view_connection
from projections import ledger, progress, queue, sla, subscription, ticket
from tests.infra.kafka.sending import producer
from tests.infra.kafka.workers.conftest import SETTING_UP, FedDesk
from tests.infra.projection.test_parking import Faulty
from tests.waiting import eventually

VIEWS = (queue.VIEW, ticket.VIEW, sla.VIEW, ledger.VIEW, subscription.VIEW)


def tables_of(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_a_view_that_kafka_feeds_has_the_rows_that_the_log_makes(fed: FedDesk) -> None:
    fed.append()
    fed.publish()
    with fed.working(*VIEWS):
        for view in VIEWS:
            fed.await_fed(view)
    for view in VIEWS:
        fed.check_like_the_logs(view)


def test_a_worker_has_the_same_partitions_of_all_its_views(fed: FedDesk, stack: ExitStack) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    for number in range(1, 4):
        stack.enter_context(fed.working(queue.VIEW, ticket.VIEW))
        fed.await_members(queue.VIEW, number)
        fed.await_members(ticket.VIEW, number)
    assert fed.members(queue.VIEW) == fed.members(ticket.VIEW)


def test_relay_and_workers_go_by_tls_and_with_a_password_as_well(fed: FedDesk, encrypted_kafka: KafkaSettings) -> None:
    fed.settings = encrypted_kafka
    fed.append()
    fed.publish()
    with fed.working(queue.VIEW, ticket.VIEW):
        fed.await_fed(queue.VIEW)
        fed.await_fed(ticket.VIEW)
    fed.check_like_the_logs(queue.VIEW)
    fed.check_like_the_logs(ticket.VIEW)


def test_who_waits_for_a_view_is_told_when_readers_see_its_first_build(fed: FedDesk, stack: ExitStack) -> None:
    head = fed.append(SETTING_UP)
    fed.publish()
    waiting = ViewPositions(fed.dsn, fed.schema, poll_seconds=600)  # so that nothing is found out by looking
    waiting.start()
    stack.callback(waiting.stop)
    stack.enter_context(fed.working(queue.VIEW))
    assert waiting.wait_for(["queue"], head, 30)


def test_a_quiet_partition_holds_nobody_up_who_waits_for_a_position(
    fed: FedDesk, stack: ExitStack, positions: ViewPositions
) -> None:
    fed.append(SETTING_UP)
    stack.enter_context(fed.relaying())
    stack.enter_context(fed.working(queue.VIEW))
    fed.await_fed(queue.VIEW)
    head = fed.append(1)
    assert positions.wait_for(["queue"], head, 20)
    assert {place.position for place in fed.places(queue.VIEW)} == {head}


def test_the_projector_leaves_the_view_to_kafka_and_a_rebuild_brings_it_back_until_somebody_says_otherwise(
    fed: FedDesk, stack: ExitStack, positions: ViewPositions
) -> None:
    fed.append(SETTING_UP)
    projector = Projector(fed.dsn, fed.schema, [queue.VIEW, ticket.VIEW], poll_seconds=0.1)
    projector.start()
    stack.callback(projector.stop)
    assert positions.wait_for(["queue", "ticket"], SETTING_UP, 30)
    stack.enter_context(fed.relaying())
    with fed.growing(events=3), capture_logs() as lines:
        stack.enter_context(fed.working(queue.VIEW))
        fed.await_fed(queue.VIEW, SETTING_UP)
        eventually(lambda: [line for line in lines if line["event"] == "view left to Kafka"])
        assert positions.wait_for(["queue", "ticket"], fed.head(), 30)
        assert rebuild(fed.dsn, fed.schema, queue.VIEW, from_kafka=True).build is not None
        stack.enter_context(fed.working(queue.VIEW))
        # by the worker that ran, and by one that was started since
        [said] = eventually(lambda: [line["reason"] for line in lines if line["event"] == "view left to the log"][1:])
        assert positions.wait_for(["queue", "ticket"], fed.head(), 30)
    assert "`caselog kafka-project --again queue`" in said
    live = fed.live(queue.VIEW)
    assert live is not None
    assert live.fed_by == "log"
    with closing(connect(fed.dsn, fed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM projections WHERE view = 'queue' AND state = 'building'")
        assert cursor.rowcount == 0, "a worker has begun another build"
        assert brought_back.forget(cursor, "queue")
    fed.await_fed(queue.VIEW)


def test_several_workers_that_start_at_once_make_one_build(fed: FedDesk, stack: ExitStack) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    for _ in range(3):
        stack.enter_context(fed.working(queue.VIEW))
    fed.await_fed(queue.VIEW)
    with closing(connect(fed.dsn, fed.schema)) as connection:
        assert len(tables_of(connection, "SELECT FROM projections WHERE view = 'queue'")) == 1


def test_a_parked_key_waits_for_its_handler_and_is_taken_up_beside_the_workers(fed: FedDesk, stack: ExitStack) -> None:
    failing = next(position for position, _, _, tag, *_ in fed.left if tag == "StaffReplied.v1")
    faulty, whole = Faulty([failing]), Faulty([])
    fed.append(failing + 200)
    stack.enter_context(fed.relaying())
    stack.enter_context(fed.working(faulty.view))
    build = fed.await_fed(faulty.view)
    with closing(view_connection(fed.dsn, fed.schema, faulty.view)) as connection:
        [parked] = parking.parked(connection)
        connection.rollback()
        assert (parked.view, parked.build, parked.position) == ("counts", build.build, failing)
        faulty.failing.clear()
        with connection, connection.cursor() as cursor:
            found = build_numbered(cursor, faulty.view, build.build)
        assert found is not None
        assert PartitionRunner(connection, whole.view, found).retry(parked.part, parking.parse_key(parked.key))
        fed.append(300)
        fed.await_fed(faulty.view)
        assert parking.parked(connection) == []
    fed.check_like_the_logs(whole.view)


def test_events_that_are_published_again_are_taken_once(fed: FedDesk, stack: ExitStack) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    stack.enter_context(fed.working(ledger.VIEW))
    fed.await_fed(ledger.VIEW)
    with producer(fed.settings) as plain:
        for row in tables_of_log(fed):
            record = event_record(LogRow(*row))
            plain.send(
                fed.names.events,
                key=record.key,
                value=record.value,
                headers=record.headers,
                partition=partition_of(record.key, fed.settings.partitions),
            )
    fed.append(100)
    fed.publish()
    fed.await_fed(ledger.VIEW)
    fed.check_like_the_logs(ledger.VIEW)


def tables_of_log(fed: FedDesk) -> list[tuple[Any, ...]]:
    with closing(connect(fed.dsn, fed.schema)) as connection:
        return tables_of(
            connection,
            "SELECT position, stream_id, version, type, data::text, metadata::text, recorded_at FROM events"
            " ORDER BY position",
        )


def test_a_record_that_is_not_the_desks_is_passed_over_counted_and_told(fed: FedDesk, stack: ExitStack) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    with capture_logs() as lines:
        stack.enter_context(fed.working(queue.VIEW))
        fed.await_fed(queue.VIEW)
        forged = mark_record(SETTING_UP + 101), mark_record(10**40), event_record(LogRow(*fed.left[100]))
        with producer(fed.settings) as plain:
            plain.send(fed.names.events, value=b"hello", partition=1)
            for record in forged:
                plain.send(fed.names.events, record.value, record.key, record.headers, partition=1)
        fed.append(100)
        fed.publish()
        fed.await_fed(queue.VIEW)
    told = [line["reason"] for line in lines if line["event"].startswith("record is not this desk's")]
    assert [reason.partition(", and")[0] for reason in told] == [
        "its header ce_source is None, not '/caselog'",
        f"it tells of position {SETTING_UP + 101}",
        f"it tells of position {10**40}",
        f"it tells of position {SETTING_UP + 101}",
    ]
    with closing(connect(fed.dsn, fed.schema)) as connection:
        [stands] = progress.of_views(connection)
    assert (stands["view"], stands["fed_by"], stands["lag_events"]) == ("queue", "kafka", 0)
    assert stands["partitions"] == [
        {
            "partition": place.partition,
            "position": place.position,
            "next_offset": place.next_offset,
            "skipped_records": len(told) if place.partition == 1 else 0,
            "lag_events": 0,
        }
        for place in fed.places(queue.VIEW)
    ]
    assert fed.figures("caselog_view_partition_skipped_records") == {
        ("queue", str(n)): len(told) if n == 1 else 0 for n in range(3)
    }
    assert fed.figures("caselog_view_partition_lag_events") == {("queue", str(n)): 0 for n in range(3)}
    fed.check_like_the_logs(queue.VIEW)


def test_an_event_of_a_newer_release_sets_its_stream_aside(fed: FedDesk, stack: ExitStack) -> None:
    rows = list(fed.left)
    position, stream_id, version, _, *rest = rows[250]
    fed.left[250] = (position, stream_id, version, "FromTheFuture.v9", *rest)
    fed.append(SETTING_UP)
    fed.publish()
    stack.enter_context(fed.working(queue.VIEW))
    fed.await_fed(queue.VIEW)
    with closing(connect(fed.dsn, fed.schema)) as connection:
        [parked] = parking.parked(connection)
    assert (parked.part, parked.name, parked.position) == ("", f"stream:{stream_id}", position)
    fed.check_like_the_logs(queue.VIEW)


def test_marks_alone_move_a_view(fed: FedDesk, stack: ExitStack) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    stack.enter_context(fed.working(queue.VIEW))
    fed.await_fed(queue.VIEW)
    with producer(fed.settings) as plain:
        mark = mark_record(fed.append(100))
        for partition in range(fed.settings.partitions):
            plain.send(fed.names.events, value=mark.value, key=mark.key, headers=mark.headers, partition=partition)
    fed.await_fed(queue.VIEW)
