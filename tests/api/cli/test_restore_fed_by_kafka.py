"""A desk in whose backup is a view that Kafka feeds: it comes back, and is held against the log like any other."""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.kafka.records import partition_of
from infra.postgres.pool import connect
from projections import queue, ticket
from tests.api.cli.conftest import Here
from tests.desk import Desk
from tests.infra.kafka.reconcile.feeding import feed

CASES = 3
PARTITIONS = 2


class Log(NamedTuple):
    """A log of one customer, in one partition of a topic."""

    head: int
    partition: int


@pytest.fixture
def log(database: str, schema: str) -> Log:
    desk = Desk(database, schema)
    with closing(desk.application):
        customer_id = desk.customer()
        for _ in range(CASES):
            desk.ticket(customer_id)
        head = int(desk.application.recorder.max_notification_id() or 0)
    return Log(head, partition_of(customer_id.encode(), PARTITIONS))


def test_it_is_compared_as_far_as_each_of_its_partitions_had_come(
    database: str,
    schema: str,
    log: Log,
    schema_elsewhere: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends = [log.head if number == log.partition else log.head - 1 for number in range(PARTITIONS)]
    feed(database, database, schema, queue.VIEW, ends)
    build = feed(database, database, schema, ticket.VIEW, [log.head] * PARTITIONS).build
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE ticket_b{build} SET subject = 'Altered' WHERE case_number = 'C-000001'")
    here = {"CASELOG_DATABASE_URL": database, "CASELOG_SCHEMA": schema}
    where = here | {"CASELOG_SCHEMA": schema_elsewhere}
    path = str(tmp_path / "desk.backup")
    assert Here("backup", here, monkeypatch, capsys)("--to", path).returncode == 0
    restored = Here("restore", where, monkeypatch, capsys)(path)
    assert restored.returncode == 1
    assert f"queue: {CASES} rows compared at position {log.head - 1}: the same.\n" in restored.stdout
    assert "queue: Kafka has fed it; `caselog rebuild queue` lets the log do so.\n" in restored.stdout
    assert "ticket: 1 changed\n" in restored.stdout
    assert restored.stderr.startswith("Not what the log says: ticket.")
    rebuilt = Here("rebuild", where, monkeypatch, capsys)("ticket")
    assert rebuilt.returncode == 0
    assert "ticket: not compared, for Kafka feeds it: `caselog reconcile --view ticket` does that.\n" in rebuilt.stdout
