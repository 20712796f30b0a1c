"""What becomes of an event that a view cannot take: its key is set aside, in order, and all else goes on."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from domain.ticket.events import (
    CustomerReplied,
    NoteAdded,
    StaffReplied,
    TicketAssigned,
    TicketOpened,
    TicketResolved,
    WorkLogged,
)
from infra.projection import parking
from infra.projection.builds import PositionMoved, begin_build, live_build, switch
from infra.projection.feed import read_batch
from infra.projection.parking import Parked
from infra.projection.rebuild import rebuild
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections import progress, queue
from projections.folding import fold
from projections.parking import EVERYWHERE
from projections.reading import select
from projections.view import Journal, Row, Table, Total, View
from tests.infra.projection.conftest import Append, Wait
from tests.infra.projection.test_projector import projecting
from tests.projections.stories import Placed, desk_story, recorded

ROOT = Path(__file__).parents[3]
TOO_GREAT = 2**63


class CountRow(Row, frozen=True):
    """How many events of a case were seen, and the place of the last one."""

    ticket_id: str
    seen: int
    last: int


class WorkRow(Row, frozen=True):
    """Work, by the place of the event."""

    position: int
    agent: str
    seconds: int


class Faulty:
    """A view that cannot take the events at some places, until it is mended."""

    def __init__(self, failing: Iterable[int], *, with_what: str = "handler") -> None:
        self.failing = set(failing)
        counted = Table("counted", CountRow, key=("ticket_id",), keys=self._keys(with_what))

        def first(event: TicketOpened, at: RecordedEvent) -> CountRow:
            return self._take(CountRow(event.ticket_id, 0, 0), at, with_what)

        counted.begin(TicketOpened)(first)
        counted.on(NoteAdded, StaffReplied, CustomerReplied, TicketAssigned, TicketResolved)(
            lambda row, _, at: self._take(row, at, with_what)
        )
        work = Journal(
            "worked", WorkRow, key=("position",), totals=(Total("worked_total", by=("agent",), amount="seconds"),)
        )

        def worked(event: WorkLogged, at: RecordedEvent) -> Iterable[WorkRow]:
            if at.position in self.failing and with_what == "handler":
                raise ValueError("cannot take this work")
            seconds = TOO_GREAT if at.position in self.failing else event.duration_seconds
            return [WorkRow(at.position or 0, event.agent, seconds)]

        work.on(WorkLogged)(worked)
        self.view = View("counts", version=1, tables=(counted,), journals=(work,))

    def _keys(self, with_what: str) -> Any:
        def keys(event: Any) -> Iterable[tuple[str]]:
            if with_what == "keys" and self.failing:
                raise ValueError("cannot tell the key")
            return [(event.ticket_id,)]

        return keys

    def _take(self, row: CountRow, at: RecordedEvent, with_what: str) -> CountRow:
        position = at.position or 0
        assert position > row.last, "events of a key come in their order, each once"
        if position in self.failing and with_what == "handler":
            raise ValueError("cannot take this event")
        seen = TOO_GREAT if position in self.failing and with_what == "data" else row.seen + 1
        return replace(row, seen=seen, last=position)


def run(connection: Connection, runner: BuildRunner, batch_size: int = 1000) -> None:
    while (batch := read_batch(connection, runner.position, batch_size)).position > runner.position:
        runner.apply(batch)


def begin(connection: Connection, view: View) -> BuildRunner:
    """A runner of a build that readers see."""
    with connection, connection.cursor() as cursor:
        build = switch(cursor, view, begin_build(cursor, view))
    return BuildRunner(connection, view, build)


def reopen(connection: Connection, view: View) -> BuildRunner:
    with connection, connection.cursor() as cursor:
        build = live_build(cursor, view)
    assert build is not None
    return BuildRunner(connection, view, build)


@pytest.fixture
def writing(database: str, schema: str) -> Iterator[Connection]:
    with closing(view_connection(database, schema, queue.VIEW)) as opened:
        yield opened


def contents(connection: Connection, view: View) -> dict[str, list[Any]]:
    """All rows of a view, with its totals."""
    parts: list[Table[Any] | Journal[Any]] = [*view.tables, *view.journals]
    found: dict[str, list[Any]] = {
        part.name: sorted(select(connection, part.row, f"FROM {part.name} t"), key=repr) for part in parts
    }
    with connection.cursor() as cursor:
        for journal in view.journals:
            for total in journal.totals:
                cursor.execute(f"SELECT {', '.join(total.by)}, {total.amount} FROM {total.name}")
                found[total.name] = sorted(cursor.fetchall())
    return found


def expected(view: View, records: Iterable[RecordedEvent]) -> dict[str, list[Any]]:
    memory = fold(view, records)
    found: dict[str, list[Any]] = {table.name: sorted(memory.rows(table), key=repr) for table in view.tables}
    for journal in view.journals:
        found[journal.name] = sorted(memory.journals[journal.name], key=repr)
        for total in journal.totals:
            found[total.name] = sorted((*key, amount) for key, amount in memory.totals[total.name].items())
    return found


def places(story: list[Placed], *types: type[Any]) -> list[int]:
    return [number for number, (_, event) in enumerate(story, 1) if isinstance(event, types)]


def waiting(connection: Connection) -> list[tuple[str, int, int]]:
    """Key, place of the event that failed, and how many queue behind it."""
    return [(each.name, each.position, each.queued) for each in parking.parked(connection)]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_only_the_key_of_a_failing_event_is_set_aside_and_its_later_events_queue(
    append: Append, connection: Connection, writing: Connection, batch_size: int
) -> None:
    story = desk_story(30)
    append(story)
    failing = places(story, NoteAdded)[1]
    stream_id = story[failing - 1][0]
    faulty = Faulty([failing])
    run(connection, begin(writing, faulty.view), batch_size)
    queued = [
        place
        for place in places(story, NoteAdded, StaffReplied, CustomerReplied, TicketAssigned, TicketResolved)
        if place > failing and story[place - 1][0] == stream_id
    ]
    assert queued
    assert waiting(connection) == [(stream_id.removeprefix("ticket-"), failing, len(queued))]
    before = [
        record
        for record in recorded(story)
        if record.originator_id != stream_id or (record.position or 0) < failing or isinstance(record.event, WorkLogged)
    ]
    assert contents(connection, faulty.view) == expected(faulty.view, before)
    [state] = progress.of_views(connection)
    assert (state["state"], state["position"], state["parked_keys"]) == ("live", len(story), 1)
    [told] = parking.parked(connection)
    assert (told.error, told.type) == ("ValueError('cannot take this event')", "NoteAdded.v1")
    assert "in _take" in told.traceback


@pytest.mark.parametrize("with_what", ["handler", "data"])
@pytest.mark.parametrize("seed", range(4))
def test_what_was_parked_and_retried_is_what_a_view_that_never_failed_has(
    append: Append, connection: Connection, writing: Connection, with_what: str, seed: int
) -> None:
    rng = random.Random(seed)
    story = desk_story(40, seed)
    append(story)
    failing = rng.sample(range(1, len(story) + 1), 25)
    faulty = Faulty(failing, with_what=with_what)
    runner = begin(writing, faulty.view)
    for _ in range(5):  # its process ends, and another one goes on
        runner = reopen(writing, faulty.view)
        batch = read_batch(connection, runner.position, rng.choice([3, 50, 200]))
        runner.apply(batch)
    run(connection, reopen(writing, faulty.view), 100)
    assert parking.parked(connection)
    while faulty.failing:
        faulty.failing.pop()
        reopen(writing, faulty.view).retry_parked()
    assert parking.parked(connection) == []
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


def test_an_event_whose_keys_cannot_be_told_parks_its_stream_in_that_table(
    append: Append, connection: Connection, writing: Connection
) -> None:
    story = desk_story(5)
    append(story)
    faulty = Faulty([1], with_what="keys")
    run(connection, begin(writing, faulty.view), 10)
    assert {each.name for each in parking.parked(connection)} == {f"stream:{stream_id}" for stream_id, _ in story}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM worked")
        assert cursor.fetchone() == (len(places(story, WorkLogged)),)
    faulty.failing.clear()
    reopen(writing, faulty.view).retry_parked()
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


def test_a_retry_that_fails_again_keeps_the_queue_and_counts_the_attempt(
    append: Append, connection: Connection, writing: Connection
) -> None:
    story = desk_story(20)
    append(story)
    faulty = Faulty([places(story, NoteAdded)[0]])
    run(connection, begin(writing, faulty.view))
    before, kept = waiting(connection), contents(connection, faulty.view)
    runner = reopen(writing, faulty.view)
    runner.retry_parked()
    assert waiting(connection) == before
    assert contents(connection, faulty.view) == kept
    assert [each.attempts for each in parking.parked(connection)] == [2]


def one_parked(connection: Connection) -> Parked:
    [each] = parking.parked(connection)
    return each


def test_a_dropped_event_is_passed_over_and_those_behind_it_are_applied(
    append: Append, connection: Connection, writing: Connection
) -> None:
    story = desk_story(30)
    append(story)
    failing = places(story, NoteAdded)[1]
    faulty = Faulty([failing])
    runner = begin(writing, faulty.view)
    run(connection, runner)
    each = one_parked(connection)
    assert runner.retry(each.part, parking.parse_key(each.key), drop=[failing])
    without = [record for record in recorded(story) if record.position != failing]
    assert contents(connection, faulty.view) == expected(faulty.view, without)
    assert parking.parked(connection) == []
    assert [each.position for each in parking.parked(connection, dropped=True)] == [failing]
    assert progress.of_views(connection)[0]["parked_keys"] == 0


def test_an_event_that_cannot_be_decoded_parks_its_stream_until_code_that_can(
    append: Append, connection: Connection, writing: Connection
) -> None:
    story = desk_story(20)
    append(story)
    strange = places(story, StaffReplied)[0]
    stream_id = story[strange - 1][0]
    with connection.cursor() as cursor:  # as a newer release stores it
        cursor.execute("UPDATE events SET type = 'StaffReplied.v9' WHERE position = %s", (strange,))
    faulty = Faulty([])
    run(connection, begin(writing, faulty.view), 10)
    each = one_parked(connection)
    assert (each.part, each.name, each.position) == (EVERYWHERE, f"stream:{stream_id}", strange)
    assert "StaffReplied.v9" in each.error
    others = [
        record for record in recorded(story) if record.originator_id != stream_id or (record.position or 0) < strange
    ]
    assert contents(connection, faulty.view) == expected(faulty.view, others)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events SET type = 'StaffReplied.v1' WHERE position = %s", (strange,))
    reopen(writing, faulty.view).retry_parked()
    assert parking.parked(connection) == []
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


def test_one_of_several_rows_of_an_event_is_parked_and_the_others_change(
    append: Append, connection: Connection, writing: Connection
) -> None:
    table = Table("counted", CountRow, key=("ticket_id",))
    failing = {"bad"}

    def both(row: CountRow | None, _: TicketOpened, at: RecordedEvent, key: Any) -> CountRow:
        if key[0] in failing:
            raise ValueError(key[0])
        return CountRow(key[0], (row.seen if row else 0) + 1, at.position or 0)

    table.on_each(TicketOpened, keys=lambda _: [("good",), ("bad",)])(both)
    view = View("counts", version=1, tables=(table,))
    append(desk_story(3))
    run(connection, begin(writing, view))
    rows = select(connection, CountRow, "FROM counted t")
    assert [(row.ticket_id, row.seen) for row in rows] == [("good", 3)]
    failing.clear()
    reopen(writing, view).retry_parked()
    rows = select(connection, CountRow, "FROM counted t")
    assert sorted((row.ticket_id, row.seen) for row in rows) == [("bad", 3), ("good", 3)]


def test_a_runner_learns_that_another_process_has_taken_up_a_key(
    database: str, schema: str, append: Append, connection: Connection, writing: Connection
) -> None:
    story = desk_story(20)
    half = len(story) // 2
    append(story[:half])
    faulty = Faulty([places(story[:half], NoteAdded)[0]])
    runner = begin(writing, faulty.view)
    run(connection, runner)
    append(story[half:])
    with closing(view_connection(database, schema, faulty.view)) as other:
        faulty.failing.clear()
        reopen(other, faulty.view).retry_parked()
    with pytest.raises(PositionMoved):
        run(connection, runner)
    run(connection, reopen(writing, faulty.view))
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


def test_keys_are_retried_beside_a_projector_while_the_log_grows(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection, writing: Connection
) -> None:
    story = desk_story(120)
    faulty = Faulty(range(5, len(story), 9))
    with projecting(database, schema, [faulty.view], most_events=20):
        wait(faulty.view, append(story[:13]))
        growing = threading.Thread(target=lambda: [append(story[at : at + 13]) for at in range(13, len(story), 13)])
        growing.start()
        while growing.is_alive() or parking.parked(connection):
            for each in parking.parked(connection):
                faulty.failing.discard(each.position)
                reopen(writing, faulty.view).retry(each.part, parking.parse_key(each.key))
        growing.join()
        wait(faulty.view, len(story))
        faulty.failing.clear()
        reopen(writing, faulty.view).retry_parked()
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


def test_a_projector_tries_parked_keys_again_when_it_starts(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(20)
    faulty = Faulty([places(story, NoteAdded)[0]])
    with projecting(database, schema, [faulty.view]):
        wait(faulty.view, append(story[:-5]))
    assert parking.parked(connection)
    faulty.failing.clear()
    with projecting(database, schema, [faulty.view]):
        wait(faulty.view, append(story[-5:]))
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


RETRY = """
import sys
from infra.projection.builds import live_build
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from tests.infra.projection.test_parking import Faulty
view = Faulty([]).view
connection = view_connection(sys.argv[1], sys.argv[2], view)
with connection, connection.cursor() as cursor:
    build = live_build(cursor, view)
print("ready", flush=True)
BuildRunner(connection, view, build).retry_parked()
"""


def test_a_process_killed_in_a_retry_has_changed_nothing(
    database: str, schema: str, append: Append, connection: Connection, writing: Connection
) -> None:
    story = desk_story(20)
    append(story)
    faulty = Faulty([places(story, NoteAdded)[0]])
    run(connection, begin(writing, faulty.view))
    before, parked = contents(connection, faulty.view), waiting(connection)
    with closing(psycopg2.connect(database)) as blocking, blocking.cursor() as cursor:
        cursor.execute(f'LOCK TABLE "{schema}".counted_b1 IN SHARE MODE')  # the retry waits with half of it done
        with subprocess.Popen(
            [sys.executable, "-c", RETRY, database, schema], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
            while True:
                cursor.execute(blocked, (f'"{schema}".counted_b1',))
                if cursor.fetchone() != (0,):
                    break
            process.kill()
    assert (contents(connection, faulty.view), waiting(connection)) == (before, parked)
    faulty.failing.clear()
    reopen(writing, faulty.view).retry_parked()
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))


def test_a_build_parks_like_the_live_view_and_takes_its_parked_keys_with_it(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(20)
    append(story)
    faulty = Faulty([places(story, NoteAdded)[0]])
    first = rebuild(database, schema, faulty.view).build
    assert first is not None
    assert [each.build for each in parking.parked(connection)] == [first.build]
    faulty.failing.clear()
    second = rebuild(database, schema, faulty.view).build
    assert second is not None
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))
    assert [each.build for each in parking.parked(connection) if each.build == second.build] == []


def test_an_unfinished_build_that_is_gone_on_with_by_mended_code_takes_up_what_was_parked_in_it(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(20)
    append(story)
    faulty = Faulty([places(story, NoteAdded)[0]])
    begun = rebuild(database, schema, faulty.view, switch=False)
    assert begun.parked == 1
    faulty.failing.clear()
    finished = rebuild(database, schema, faulty.view)
    assert finished.resumed_at == begun.position
    assert finished.parked == 0
    assert contents(connection, faulty.view) == expected(faulty.view, recorded(story))
    assert parking.parked(connection) == []
