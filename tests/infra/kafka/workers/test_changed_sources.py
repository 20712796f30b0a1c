"""A worker finds out that the topic or the log is another one, while it works, and writes nothing of it."""

from contextlib import ExitStack, closing
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.kafka.clients import admin_client
from infra.kafka.workers import feeding
from infra.postgres.pool import connect
from projections import queue
from tests.infra.kafka.workers.conftest import FedDesk
from tests.waiting import eventually

VIEW = queue.VIEW
EVENTS = 200


@pytest.fixture
def lines(fed: FedDesk, stack: ExitStack) -> list[Any]:
    """What a worker says that has come to the end of the topic."""
    fed.append(EVENTS)
    fed.publish()
    said: list[Any] = stack.enter_context(capture_logs())
    stack.enter_context(fed.working(VIEW))
    fed.await_fed(VIEW)
    return said


def said(lines: list[Any], event: str) -> str:
    found = eventually(lambda: next((line for line in lines if line["event"] == event), None), 20)
    return str(found["reason"])


def test_nothing_of_a_topic_that_was_made_anew_is_taken_for_what_the_former_one_had(
    fed: FedDesk, lines: list[Any]
) -> None:
    with (
        closing(admin_client(fed.settings)) as admin,
        closing(connect(fed.dsn, fed.schema)) as holder,
        holder.cursor() as cursor,
    ):
        cursor.execute("SELECT FROM view_partitions FOR UPDATE")
        head = fed.append(EVENTS)
        fed.publish()
        eventually(lambda: waiting_for_a_lock(fed))
        # The worker reads nothing now. When it goes on, the new topic has other records at the next places.
        admin.delete_topics([fed.names.events, fed.names.relay])
        eventually(lambda: not {fed.names.events, fed.names.relay} & set(admin.list_topics()))
        fed.append(5 * EVENTS)
        fed.publish()
        holder.rollback()
    assert "`caselog rebuild queue`" in said(lines, "view cannot be fed by Kafka")
    assert {place.position for place in fed.places(VIEW)} == {head}
    assert fed.names.events in said(lines, "topic and log are looked at anew")


def waiting_for_a_lock(fed: FedDesk) -> bool:
    with closing(connect(fed.dsn, fed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'",
            (f"caselog {fed.schema} view {VIEW.name}",),
        )
        return cursor.rowcount > 0


def test_a_log_that_was_restored_from_an_older_backup_stops_a_worker(
    fed: FedDesk, lines: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_PROBE_SECONDS", 0.1)
    fed.go_back(EVENTS - 10)
    assert "restored from an older backup" in said(lines, "view cannot be fed by Kafka")


def test_a_view_that_was_restored_is_looked_up_anew(fed: FedDesk, lines: list[Any]) -> None:
    with closing(connect(fed.dsn, fed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE view_partitions SET next_offset = next_offset - 1")
    fed.append(50)
    fed.publish()
    assert "its database was restored" in said(lines, "topic and log are looked at anew")
    fed.await_fed(VIEW)
