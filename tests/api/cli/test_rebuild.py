"""`caselog rebuild` as an operator uses it: what it tells, its exit codes, and what an interrupt leaves."""

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from infra.projection.rebuild import rebuild
from projections import queue
from tests.api.cli.conftest import ROOT, Cli
from tests.desk import Desk
from tests.infra.kafka.reconcile.feeding import feed

CASES = 4


@pytest.fixture
def live(database: str, schema: str) -> int:
    """A desk with a few cases and a live queue; returns the log's head."""
    desk = Desk(database, schema)
    with closing(desk.application):
        customer_id = desk.customer()
        for _ in range(CASES):
            desk.ticket(customer_id)
    build = rebuild(database, schema, queue.VIEW).build
    assert build is not None
    return build.position


def damage(database: str, schema: str) -> None:
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE queue_b1 SET subject = 'planted'")


def test_it_compares_switches_and_keeps_the_old_build_until_told_to_drop_it(cli: Cli, live: int) -> None:
    done = cli("rebuild", "queue")
    assert (done.returncode, done.stdout) == (
        0,
        f"queue: 4 rows compared at position {live}: the same.\nqueue: build 2 is live, at position {live}.\n",
    )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [each["phase"] for each in told if each["event"] == "rebuilding"][-1] == "switching"
    back = cli("rebuild", "queue", "--switch-back")
    assert (back.returncode, back.stdout) == (0, f"queue: build 1 is live again, at position {live}.\n")
    dropped = cli("rebuild", "queue", "--drop-old")
    assert dropped.returncode == 0
    assert dropped.stdout.startswith("queue: 1 build dropped, ")
    assert cli("rebuild", "queue", "--drop-old").stdout == "queue: nothing to drop.\n"
    nothing = cli("rebuild", "queue", "--switch-back")
    assert (nothing.returncode, nothing.stderr.splitlines()[-1]) == (
        2,
        "caselog: no former build of view queue is kept",
    )


def test_differences_are_told_and_all_of_them_reported(
    cli: Cli, live: int, database: str, schema: str, tmp_path: Path
) -> None:
    damage(database, schema)
    report = tmp_path / "differences.ndjson"
    checked = cli("rebuild", "queue", "--check", "--report", str(report))
    assert checked.returncode == 1
    assert f"queue: 4 of 4 rows differ at position {live}\n  queue: 4 changed\n" in checked.stdout
    assert f"build 2 is ready at position {live}, not switched" in checked.stdout
    written = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(each["kind"], each["columns"], each["old"]["subject"]) for each in written] == [
        ("changed", ["subject"], "planted")
    ] * CASES
    switched = cli("rebuild", "queue")
    assert switched.returncode == 0
    assert "went on with an unfinished build" in switched.stdout
    assert cli("rebuild", "queue").stdout.startswith("queue: 4 rows compared")


def test_a_check_that_could_compare_nothing_fails_and_says_why(cli: Cli, live: int, database: str, schema: str) -> None:
    desk = Desk(database, schema)
    with closing(desk.application):
        desk.ticket(desk.customer())
    assert cli("rebuild", "queue", "--check").returncode == 0
    again = cli("rebuild", "queue", "--check")
    assert again.returncode == 1
    assert "queue: not compared: the unfinished build was ahead of the one in use" in again.stdout
    assert cli("rebuild", "queue", "--check", "--from-scratch").returncode == 0


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_built(cli: Cli, live: int) -> None:
    refused = cli("rebuild", "queue", "--report", "/nowhere/at/all.ndjson")
    assert refused.returncode == 2
    assert "there is no folder /nowhere/at" in refused.stderr
    assert "Traceback" not in refused.stderr


SLOWLY = """
import sys
from infra.projection import rebuild
rebuild.MOST_EVENTS = 1
rebuild.rebuild.__kwdefaults__["most_events"] = 1
from api.cli import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_where_it_stopped_and_how_to_go_on(cli: Cli, live: int, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY, "rebuild", "queue"],
        cwd=ROOT,
        env=cli.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while '"building"' not in process.stderr.readline():
            pass
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == 130
    assert "queue: interrupted at position" in told
    assert "the same command goes on from there" in told
    assert f"at position {live}" in cli("rebuild", "queue").stdout


def test_wrong_usage_is_explained(cli: Cli) -> None:
    assert "name a view, or --all" in cli("rebuild").stderr
    assert "'nothing' is not one of" in cli("rebuild", "nothing").stderr
    assert "exclude one another" in cli("rebuild", "queue", "--check", "--drop-old").stderr


def test_a_view_comes_back_from_the_database_for_views(
    cli: Cli, database: str, schema: str, other_database: str
) -> None:
    migrate(other_database, schema)
    desk = Desk(database, schema)
    with closing(desk.application):
        desk.ticket(desk.customer())
    feed(other_database, database, schema, queue.VIEW, [100, 100])
    there = {"CASELOG_VIEWS_URL": other_database}
    told = "queue: readers no longer see the one that Kafka feeds in the database for views.\n"
    checked = cli("rebuild", "queue", "--check", **there)
    assert (checked.returncode, told in checked.stdout) == (0, False)
    back = cli("rebuild", "queue", **there)
    assert (back.returncode, told in back.stdout) == (0, True), back.stderr
    with closing(connect(other_database, schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT live, state FROM projections")
        assert cursor.fetchall() == [(False, "ready")]
    for told in (
        "queue: Kafka may feed it again; its workers begin within seconds.\n",
        "queue: it was not brought back to the log, so its workers need no word.\n",
    ):
        again = cli("kafka-project", "--again", "queue", **there)
        assert (again.returncode, again.stdout) == (0, told), again.stderr
    dropped = cli("rebuild", "queue", "--drop-old", **there)
    assert "build" in dropped.stdout
    with closing(connect(other_database, schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('queue'), count(*) FROM projections")
        assert cursor.fetchall() == [(None, 0)]
