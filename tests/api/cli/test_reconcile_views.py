"""`caselog reconcile --view` for people and for cron: what it says, and its exit codes."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from api.cli.rebuild import Bar
from infra.postgres.pool import connect
from projections import queue, ticket
from tests.api.cli.conftest import Here
from tests.api.cli.test_reconcile import unused_port
from tests.desk import Desk
from tests.infra.kafka.reconcile.feeding import feed


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Desk]:
    found = Desk(database, schema)
    customer = found.customer()
    for _ in range(3):
        found.ticket(customer)
    yield found
    found.application.close()


@pytest.fixture
def here(database: str, schema: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here("reconcile", {"CASELOG_DATABASE_URL": database, "CASELOG_SCHEMA": schema}, monkeypatch, capsys)


def sql(dsn: str, schema: str, statement: str) -> None:
    with closing(connect(dsn, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def head_of(desk: Desk) -> int:
    return int(desk.application.recorder.max_notification_id() or 0)


def test_a_view_that_is_what_the_log_makes_ends_with_0_and_one_that_is_not_with_1(
    here: Here, desk: Desk, database: str, schema: str
) -> None:
    head = head_of(desk)
    feed(database, database, schema, queue.VIEW, [head, head - 1])
    build = feed(database, database, schema, ticket.VIEW, [head, head]).build
    same = here("--view", "queue", "--view", "ticket")
    assert (same.returncode, same.stderr) == (0, "")
    assert same.stdout.count(": the same.\n") == 2
    sql(database, schema, f"UPDATE ticket_b{build} SET subject = 'Altered' WHERE case_number = 'C-000001'")
    differs = here("--view", "queue", "--view", "ticket")
    assert differs.returncode == 1
    assert "ticket: 1 changed\n" in differs.stdout
    assert ": changed in subject\n" in differs.stdout


def test_one_that_cannot_be_compared_is_named_and_ends_with_2_and_the_others_are_compared(
    here: Here, desk: Desk, database: str, schema: str
) -> None:
    build = feed(database, database, schema, ticket.VIEW, [head_of(desk)]).build
    sql(database, schema, f"DELETE FROM ticket_b{build} WHERE case_number = 'C-000001'")
    ended = here("--view", "queue", "--view", "ticket")
    assert ended.returncode == 2, "the worst of all"
    assert ended.stderr == ("caselog: view queue is not fed by Kafka: `caselog rebuild --check queue` compares it\n")
    assert "ticket: 1 missing in the view\n" in ended.stdout
    unknown = here("--view", "quue")
    assert unknown.returncode == 2
    assert "'quue' is not one of" in unknown.stderr


def test_without_the_database_it_says_so_in_one_line_and_ends_with_3(
    here: Here, desk: Desk, database: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = here("--view", "queue", CASELOG_DATABASE_URL=f"postgresql://127.0.0.1:{unused_port()}/desk")
    assert away.returncode == 3
    assert away.stderr.startswith("caselog: connection to server at "), away.stderr
    feed(database, database, schema, queue.VIEW, [head_of(desk)])

    def lose(*_: object) -> None:
        sql(
            database,
            schema,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE application_name = 'caselog {schema} view queue'",
        )

    monkeypatch.setattr(Bar, "__call__", lose)
    lost = here("--view", "queue")
    assert lost.returncode == 3
    assert lost.stderr.startswith("caselog: "), lost.stderr
    assert "Traceback" not in lost.stderr


def test_interrupted_it_says_so_and_ends_with_130(
    here: Here, desk: Desk, database: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(database, database, schema, queue.VIEW, [head_of(desk)])
    monkeypatch.setattr(Bar, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    ended = here("--view", "queue")
    assert ended.returncode == 130
    assert ended.stderr == "queue: interrupted; nothing was changed.\n"
