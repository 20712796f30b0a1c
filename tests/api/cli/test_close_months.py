"""The command that closes months on a real desk: what it tells, its exit codes, and what an interrupt leaves."""

import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.subscription.events import PeriodClosed
from infra.postgres.pool import connect
from tests.api.cli.conftest import ROOT, Cli
from tests.desk import PERSON, Desk

CUSTOMERS = 6


@pytest.fixture
def months(database: str, schema: str) -> list[str]:
    """The two months that ended last, since which some customers have had a subscription."""
    first = datetime.now(UTC).date().replace(day=1)
    second = (first - timedelta(days=1)).replace(day=1)
    third = (second - timedelta(days=1)).replace(day=1)
    desk = Desk(database, schema)
    desk.clock.instant = datetime.now(UTC)
    for number in range(CUSTOMERS):
        name = f"customer-{number}"
        desk.send("register-customer", customer_id=name, name=name, contacts=[PERSON], products=["website"])
        desk.send("start-subscription", customer_id=name, plan="standard", starts_on=date(third.year, third.month, 1))
    desk.application.close()
    return [f"{third:%Y-%m}", f"{second:%Y-%m}"]


def closed(database: str, schema: str) -> list[tuple[str, str]]:
    """Each close in the log: whose, and of which month."""
    desk = Desk(database, schema)
    with closing(desk.application):
        found = []
        for number in range(CUSTOMERS):
            stream_id = desk.application.event_log.holder("live_subscription", f"customer-{number}")
            assert stream_id is not None
            events = [each.event for each in desk.events(stream_id)]
            found += [(each.customer_id, each.month) for each in events if isinstance(each, PeriodClosed)]
        return found


def all_of(months: list[str]) -> list[tuple[str, str]]:
    return [(f"customer-{number}", month) for number in range(CUSTOMERS) for month in months]


def test_it_closes_what_has_ended_and_a_second_call_nothing(
    cli: Cli, months: list[str], database: str, schema: str
) -> None:
    through = cli("close-months", "--through", months[0])
    assert (through.returncode, through.stdout) == (0, "6 months closed, of 6 customers; 0 failed.\n")
    assert cli("close-months").stdout == "6 months closed, of 6 customers; 0 failed.\n"
    again = cli("close-months")
    assert (again.returncode, again.stdout) == (0, "0 months closed, of 6 customers; 0 failed.\n")
    assert closed(database, schema) == all_of(months)
    assert "customers" not in again.stderr, "a progress bar where there is no terminal"


def test_interrupted_it_exits_with_130_and_is_finished_by_another_call(
    cli: Cli, months: list[str], database: str, schema: str
) -> None:
    with closing(connect(database, schema)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE events IN SHARE MODE")
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "close-months"],
            cwd=ROOT,
            env=cli.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # It stands before its first append as soon as somebody waits for the lock.
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND NOT granted"
        blocked = 0
        while not blocked and process.poll() is None:
            cursor.execute(f"SELECT pg_sleep(0.02), ({waiting})")
            (_, blocked) = cursor.fetchone() or (None, 0)
        process.send_signal(signal.SIGINT)
        connection.rollback()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "interrupted" in told
    assert "Traceback" not in told
    done = closed(database, schema)
    assert len(done) < len(all_of(months))
    assert cli("close-months").returncode == 0
    assert closed(database, schema) == all_of(months)
