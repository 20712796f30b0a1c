"""A desk in whose backup is a view that Kafka feeds: it comes back, and is held against the log like any other."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from secrets import token_hex

import psycopg2
import pytest

from infra.postgres.pool import connect
from projections import queue, ticket
from tests.api.cli.conftest import Here
from tests.desk import Desk
from tests.infra.kafka.reconcile.feeding import feed

CASES = 3


@pytest.fixture
def head(database: str, schema: str) -> int:
    desk = Desk(database, schema)
    with closing(desk.application):
        customer_id = desk.customer()
        for _ in range(CASES):
            desk.ticket(customer_id)
        return int(desk.application.recorder.max_notification_id() or 0)


@pytest.fixture
def where(database: str) -> Iterator[dict[str, str]]:
    """A schema that is not there."""
    schema = f"test_{token_hex(4)}_elsewhere"
    yield {"CASELOG_DATABASE_URL": database, "CASELOG_SCHEMA": schema}
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def test_it_is_compared_as_far_as_each_of_its_partitions_had_come(
    database: str,
    schema: str,
    head: int,
    where: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    feed(database, database, schema, queue.VIEW, [head, head - 1])
    build = feed(database, database, schema, ticket.VIEW, [head, head]).build
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE ticket_b{build} SET subject = 'Altered' WHERE case_number = 'C-000001'")
    here = {"CASELOG_DATABASE_URL": database, "CASELOG_SCHEMA": schema}
    path = str(tmp_path / "desk.backup")
    assert Here("backup", here, monkeypatch, capsys)("--to", path).returncode == 0
    restored = Here("restore", where, monkeypatch, capsys)(path)
    assert restored.returncode == 1
    assert f"queue: {CASES} rows compared at position {head - 1}: the same.\n" in restored.stdout
    assert "queue: Kafka has fed it; `caselog rebuild queue` lets the log do so.\n" in restored.stdout
    assert "ticket: 1 changed\n" in restored.stdout
    assert restored.stderr.startswith("Not what the log says: ticket.")
    rebuilt = Here("rebuild", where, monkeypatch, capsys)("ticket")
    assert rebuilt.returncode == 0
    assert "ticket: not compared, for Kafka feeds it: `caselog reconcile --view ticket` does that.\n" in rebuilt.stdout
