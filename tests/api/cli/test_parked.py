"""`caselog parked` on a desk of which a view could not take something."""

import json
from contextlib import closing

import pytest

from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from infra.projection.rebuild import rebuild
from projections import queue
from tests.api.cli.conftest import Cli, CliHere
from tests.desk import Desk
from tests.infra.kafka.reconcile.feeding import feed

STRANGE = "UPDATE events SET type = %s WHERE type = %s AND stream_id = %s"


@pytest.fixture
def ticket_id(database: str, schema: str) -> str:
    """A case with a note that this code cannot decode, so that the queue has parked it."""
    desk = Desk(database, schema)
    with closing(desk.application):
        ticket_id = desk.ticket(desk.customer())
        author = {"role": "staff", "name": "Kim", "email": "kim@desk.example"}
        desk.send("add-note", ticket=ticket_id, author=author, body="a note")
        desk.send("assign-ticket", ticket=ticket_id, agent="kim")
    rename(database, schema, ticket_id, "NoteAdded.v1", "NoteAdded.v9")
    rebuild(database, schema, queue.VIEW)
    return ticket_id


def rename(database: str, schema: str, ticket_id: str, old: str, new: str) -> None:
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(STRANGE, (new, old, f"ticket-{ticket_id}"))


def test_list_tells_what_waits_and_why(cli: Cli, ticket_id: str) -> None:
    told = cli("parked", "list")
    assert told.returncode == 0
    assert f"queue  stream:ticket-{ticket_id}  (all tables, build 1)" in told.stdout
    assert "NoteAdded.v9 at position" in told.stdout
    assert "1 queued behind it" in told.stdout
    assert "UnknownTag('NoteAdded.v9')" in told.stdout
    assert "Traceback" not in told.stdout
    assert "Traceback" in cli("parked", "list", "--traceback").stdout
    [line] = cli("parked", "list", "--json").stdout.splitlines()
    assert (json.loads(line)["view"], json.loads(line)["key"]) == ("queue", f"stream:ticket-{ticket_id}")


def test_retry_says_whether_it_helped(cli: Cli, ticket_id: str, database: str, schema: str) -> None:
    again = cli("parked", "retry")
    assert (again.returncode, again.stdout) == (1, f"queue stream:ticket-{ticket_id}: parked again\n")
    rename(database, schema, ticket_id, "NoteAdded.v9", "NoteAdded.v1")
    mended = cli("parked", "retry", "--view", "queue", "--key", f"stream:ticket-{ticket_id}")
    assert (mended.returncode, mended.stdout) == (0, f"queue stream:ticket-{ticket_id}: taken up\n")
    assert cli("parked", "list").stdout == "Nothing is parked.\n"


def test_drop_asks_first_and_keeps_what_it_dropped_in_sight(cli: Cli, ticket_id: str) -> None:
    key = f"stream:ticket-{ticket_id}"
    asked = cli("parked", "drop", "--view", "queue", "--key", key)
    assert asked.returncode == 130
    assert "will never show 1 of the 2 events" in asked.stdout
    dropped = cli("parked", "drop", "--view", "queue", "--key", key, "--yes")
    assert (dropped.returncode, dropped.stdout) == (0, f"queue {key}: taken up\n")
    assert "NoteAdded.v9" in cli("parked", "list", "--dropped").stdout


def test_an_unknown_view_or_key_is_named(here: CliHere, ticket_id: str) -> None:
    view = here("parked", "list", "--view", "nothing")
    assert view.returncode == 2
    assert "there is no view 'nothing'; there are article, budget," in view.stderr
    key = here("parked", "retry", "--key", "nobody")
    assert (key.returncode, key.stderr) == (2, "caselog: nothing is parked under 'nobody': see `parked list`\n")


def test_what_is_parked_in_the_database_for_views_is_reached_too(
    here: CliHere, ticket_id: str, database: str, schema: str, other_database: str
) -> None:
    migrate(other_database, schema)
    here("parked", "drop", "--view", "queue", "--key", f"stream:ticket-{ticket_id}", "--all-events", "--yes")
    build = feed(other_database, database, schema, queue.VIEW, [100, 100, 100]).build
    there = {"CASELOG_VIEWS_URL": other_database}
    told = here("parked", "list", **there).stdout
    assert f"queue  stream:ticket-{ticket_id}  (all tables, build {build})" in told
    assert "NoteAdded.v9 at position" in told
    rename(database, schema, ticket_id, "NoteAdded.v9", "NoteAdded.v1")
    mended = here("parked", "retry", **there)
    assert (mended.returncode, mended.stdout) == (0, f"queue stream:ticket-{ticket_id}: taken up\n")
    with closing(connect(other_database, schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT assignee FROM queue")
        assert cursor.fetchall() == [("kim",)]
