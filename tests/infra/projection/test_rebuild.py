"""A view is built anew beside the one that readers see: compared, switched whole, gone on with after any end."""

import random
import subprocess
import sys
import threading
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.ticket.events import NoteAdded, TicketOpened
from infra.postgres.pool import connect
from infra.projection.builds import begin_build, may_build
from infra.projection.comparing import Difference
from infra.projection.rebuild import (
    BuiltElsewhere,
    NewerVersion,
    NothingKept,
    drop_unseen,
    open_build,
    rebuild,
    switch_back,
)
from infra.projection.writer import view_connection
from projections import progress, queue, sla, ticket
from projections.ticket import TicketRow
from projections.view import Table, View
from tests.infra.projection.conftest import WAIT_SECONDS, Append, Wait
from tests.infra.projection.test_projector import ROOT, chunks, projecting
from tests.infra.projection.test_runner import folded, rows_of
from tests.projections.stories import desk_story


def tables_of(connection: Connection, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relname ~ %s AND relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace",
            (f"^{name}_b",),
        )
        return int((cursor.fetchone() or (0,))[0])


def builds(connection: Connection) -> list[tuple[int, bool, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT build, live, state FROM projections ORDER BY build")
        return cursor.fetchall()


def test_a_rebuild_equals_the_live_view_while_the_log_grows_and_the_projector_goes_on_with_it(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(200)
    half = len(story) // 2
    append(story[:half])
    with projecting(database, schema, [queue.VIEW, sla.VIEW]):
        wait(queue.VIEW, half)
        wait(sla.VIEW, half)
        growing = threading.Thread(target=lambda: [append(chunk) for chunk in chunks(story[half:], 3)])
        growing.start()
        while growing.is_alive():
            for view in (queue.VIEW, sla.VIEW):
                rebuilt = rebuild(database, schema, view, most_events=50)
                assert rebuilt.build is not None
                assert rebuilt.comparison is not None
                assert rebuilt.comparison.position >= half
                assert sum(rebuilt.comparison.rows.values()) > 0
                assert rebuilt.comparison.differences == 0
        growing.join()
        wait(queue.VIEW, len(story))
        wait(sla.VIEW, len(story))
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)
    assert rows_of(connection, sla.VIEW) == folded(sla.VIEW, story)


def test_readers_see_one_build_or_the_other_whole_and_never_less_than_before(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(150)
    append(story[:300])
    over = threading.Event()
    seen: list[tuple[int, int]] = []

    def read() -> None:
        with closing(connect(database, schema)) as reader, reader.cursor() as cursor:
            while not over.is_set():
                cursor.execute(
                    "SELECT p.position, (SELECT count(*) FROM queue) FROM projections p WHERE live AND view = 'queue'"
                )
                seen.append(cursor.fetchone() or (0, 0))
                reader.rollback()

    opened = [isinstance(event, TicketOpened) for _, event in story]
    with projecting(database, schema, [queue.VIEW], most_events=20):
        wait(queue.VIEW, 300)
        reading = threading.Thread(target=read)
        reading.start()
        for chunk in chunks(story[300:], 17):
            append(chunk)
            assert rebuild(database, schema, queue.VIEW, most_events=25).build
        wait(queue.VIEW, len(story))
        over.set()
        reading.join()
    assert len(seen) > 10
    assert seen == sorted(seen), "nobody goes back behind what he has seen"
    assert all(cases == sum(opened[:position]) for position, cases in seen)


def test_a_rebuild_keeps_the_build_that_it_replaced_until_the_next_or_until_it_is_dropped(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(10))
    for _ in range(3):
        rebuild(database, schema, queue.VIEW)
    assert builds(connection) == [(2, False, "ready"), (3, True, "live")]
    assert tables_of(connection, "queue") == 2
    dropped, size = drop_unseen(database, schema, queue.VIEW)
    assert (dropped, size > 0) == (1, True)
    assert builds(connection) == [(3, True, "live")]
    assert tables_of(connection, "queue") == 1
    assert drop_unseen(database, schema, queue.VIEW) == (0, 0)


def test_readers_are_switched_back_to_the_kept_build_which_is_brought_up_to_the_log(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(30)
    append(story[:50])
    rebuild(database, schema, queue.VIEW)
    rebuild(database, schema, queue.VIEW)
    append(story[50:])
    back = switch_back(database, schema, queue.VIEW, progress=lambda *_: None, stopping=threading.Event())
    assert back is not None
    assert builds(connection) == [(1, True, "live"), (2, False, "ready")]
    assert back.position == len(story)
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)


def test_there_is_no_way_back_to_nothing_or_to_what_other_code_made(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(3))

    def back(view: View) -> None:
        switch_back(database, schema, view, progress=lambda *_: None, stopping=threading.Event())

    rebuild(database, schema, queue.VIEW)
    with pytest.raises(NothingKept, match="no former build"):
        back(queue.VIEW)
    newer = View("queue", version=queue.VIEW.version + 1, tables=queue.VIEW.tables)
    rebuild(database, schema, newer)
    with pytest.raises(NothingKept, match=f"of version {queue.VIEW.version}"):
        back(newer)


class TestComparing:
    @pytest.fixture
    def live(self, database: str, schema: str, append: Append) -> int:
        append(desk_story(40))
        build = rebuild(database, schema, queue.VIEW).build
        assert build is not None
        return build.build

    def differences(self, database: str, schema: str, view: View = queue.VIEW) -> tuple[list[Difference], Any]:
        told: list[Difference] = []
        rebuilt = rebuild(database, schema, view, differs=told.append)
        assert rebuilt.comparison is not None
        return told, rebuilt.comparison

    def test_every_planted_difference_is_told_and_no_other(
        self, database: str, schema: str, live: int, connection: Connection
    ) -> None:
        table = f"queue_b{live}"
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE ticket_id = 't3'")
            cursor.execute(f"UPDATE {table} SET subject = 'planted', urgency = 'none' WHERE ticket_id = 't5'")
            cursor.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table} WHERE ticket_id = 't7'")
            cursor.execute(f"UPDATE one SET ticket_id = 't-extra'; INSERT INTO {table} SELECT * FROM one")
        told, comparison = self.differences(database, schema)
        assert [(each.table, each.key, each.kind) for each in told] == [
            ("queue", ["t-extra"], "only in the old"),
            ("queue", ["t3"], "only in the new"),
            ("queue", ["t5"], "changed"),
        ]
        assert set(told[2].columns) == {"subject", "urgency"}
        assert told[2].old is not None
        assert told[2].new is not None
        assert (told[2].old["subject"], told[2].new["subject"][:10]) == ("planted", "Question 5")
        assert comparison.differences == 3
        assert comparison.counts == {"queue": {"only in the old": 1, "only in the new": 1, "changed": 1}}

    def test_a_difference_that_a_parked_key_explains_is_marked(
        self, database: str, schema: str, live: int, connection: Connection
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE queue_b{live} SET subject = 'planted' WHERE ticket_id IN ('t4', 't5')")
            cursor.execute(
                "INSERT INTO parked_events (view, build, part, key, position, error)"
                " VALUES ('queue', %s, 'queue', '[\"t4\"]', 9, 'no')",
                (live,),
            )
        told, comparison = self.differences(database, schema)
        assert [(each.key, each.parked) for each in told] == [(["t4"], True), (["t5"], False)]
        assert comparison.parked == 1

    def test_tables_of_another_shape_are_compared_in_what_they_share(
        self, database: str, schema: str, live: int, connection: Connection
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"ALTER TABLE queue_b{live} ADD COLUMN mood text DEFAULT 'good', DROP COLUMN urgency CASCADE"
            )
        told, comparison = self.differences(database, schema)
        assert told == []
        assert comparison.rows == {"queue": 40}
        assert comparison.left_out == [
            "queue.mood: only one of the builds has it, or of another type",
            "queue.urgency: only one of the builds has it, or of another type",
        ]

    @pytest.mark.usefixtures("live")
    def test_a_table_with_another_key_is_left_out(self, database: str, schema: str) -> None:
        table = Table("queue", TicketRow, key=("ticket_id", "version"), keys=lambda event: [(event.ticket_id, 1)])
        table.begin(TicketOpened)(ticket.opened)
        other = View("queue", version=queue.VIEW.version + 1, tables=(table,))
        told, comparison = self.differences(database, schema, other)
        assert told == []
        assert comparison.left_out == ["queue: its key is another one"]

    @pytest.mark.usefixtures("live")
    def test_a_view_that_stands_still_is_compared_where_it_stands(
        self, database: str, schema: str, append: Append, connection: Connection
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT position FROM projections WHERE live")
            stood = (cursor.fetchone() or (0,))[0]
        append([("ticket-t1", note) for _, note in desk_story(40) if isinstance(note, NoteAdded)][:1])
        _, comparison = self.differences(database, schema)
        assert comparison.position == stood
        assert comparison.differences == 0

    @pytest.mark.usefixtures("live")
    def test_a_build_ahead_of_a_view_that_stands_still_is_said_to_be_unchecked(
        self, database: str, schema: str, append: Append, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append([("ticket-t1", note) for _, note in desk_story(40) if isinstance(note, NoteAdded)][:1])
        compared = rebuild(database, schema, queue.VIEW, switch=False)
        assert (compared.is_unchecked, compared.comparison is None) == (False, False)
        monkeypatch.setattr("infra.projection.rebuild._PATIENCE", 1)
        resumed = rebuild(database, schema, queue.VIEW, switch=False)
        assert (resumed.is_unchecked, resumed.comparison is None) == (True, True)


def test_an_interrupted_rebuild_changes_nothing_for_readers_and_is_gone_on_with(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(50)
    append(story)
    rebuild(database, schema, queue.VIEW)
    stopping = threading.Event()

    def stop_half_way(_: str, done: int, __: int) -> None:
        if done > len(story) // 2:
            stopping.set()

    stopped = rebuild(database, schema, queue.VIEW, progress=stop_half_way, stopping=stopping, most_events=10)
    assert stopped.build is None
    assert len(story) // 2 < stopped.position < len(story)
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)
    again = rebuild(database, schema, queue.VIEW, most_events=10)
    assert again.build is not None
    assert again.resumed_at == stopped.position
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)


def test_from_scratch_an_unfinished_build_is_dropped(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(10))
    stopping = threading.Event()
    rebuild(database, schema, queue.VIEW, progress=lambda *_: stopping.set(), stopping=stopping, most_events=10)
    anew = rebuild(database, schema, queue.VIEW, resume=False)
    assert anew.resumed_at is None
    assert [build for build, _, _ in builds(connection)] == [2]


REBUILD = """
import sys
from infra.projection.rebuild import rebuild
from projections import queue, sla
told = []
def progress(phase, done, total):
    print(phase, done, flush=True)
rebuild(sys.argv[1], sys.argv[2], {"queue": queue, "sla": sla}[sys.argv[3]].VIEW, progress=progress, most_events=5)
"""


@pytest.mark.parametrize("view", [queue.VIEW, sla.VIEW], ids=lambda view: view.name)
def test_a_rebuild_killed_again_and_again_applies_every_event_once(
    database: str, schema: str, append: Append, connection: Connection, view: View
) -> None:
    story = desk_story(60)
    append(story)
    rng = random.Random(7)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", REBUILD, database, schema, view.name], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(rng.randint(3, 12)):
                process.stdout.readline()
            process.kill()
    last = rebuild(database, schema, view)
    assert last.build is not None
    assert rows_of(connection, view) == folded(view, story)
    assert tables_of(connection, view.tables[0].name) <= 2


def test_of_two_rebuilds_of_a_view_the_second_is_refused(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(3))
    with connection.cursor() as cursor:
        assert may_build(cursor, queue.VIEW)
    with pytest.raises(BuiltElsewhere, match="view queue is being built by another process"):
        rebuild(database, schema, queue.VIEW)
    with pytest.raises(BuiltElsewhere):
        drop_unseen(database, schema, queue.VIEW)


def test_a_switch_waits_for_a_long_read_without_holding_up_other_readers(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(20))
    before = rebuild(database, schema, queue.VIEW).build
    with closing(connect(database, schema)) as long_reader, long_reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM queue")
        switching = threading.Event()
        built = []

        def told(phase: str, _: int, __: int) -> None:
            if phase == "switching":
                switching.set()

        rebuilding = threading.Thread(
            target=lambda: built.append(rebuild(database, schema, queue.VIEW, progress=told).build)
        )
        rebuilding.start()
        assert switching.wait(WAIT_SECONDS)
        with connection.cursor() as other:
            for _ in range(20):
                other.execute("SET statement_timeout = '1s'; SELECT count(*) FROM queue")
                assert not built
        long_reader.rollback()
        rebuilding.join(WAIT_SECONDS)
    assert before is not None
    assert built[0] is not None
    assert built[0].build > before.build


def test_an_older_version_of_the_code_leaves_a_newer_build_alone(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(3))
    newer = View("queue", version=queue.VIEW.version + 1, tables=queue.VIEW.tables)
    rebuild(database, schema, newer)
    with closing(view_connection(database, schema, queue.VIEW)) as writing, pytest.raises(NewerVersion):
        open_build(writing, queue.VIEW)
    with pytest.raises(NewerVersion):
        rebuild(database, schema, queue.VIEW)


NEWER = """
import sys
from domain.ticket.events import TicketOpened
from infra.projection.projector import Projector
from projections import queue, ticket
from projections.ticket import TicketRow
from projections.view import Table, View
table = Table("queue", TicketRow, key=("ticket_id",))
table.begin(TicketOpened)(ticket.opened)
view = View("queue", version=queue.VIEW.version + 1, tables=(table,))
Projector(sys.argv[1], sys.argv[2], [view], most_events=9).run()
"""


def newer_view() -> View:
    table = Table("queue", TicketRow, key=("ticket_id",))
    table.begin(TicketOpened)(ticket.opened)
    return View("queue", version=queue.VIEW.version + 1, tables=(table,))


def test_a_release_with_a_new_version_of_a_view_builds_it_when_it_starts_even_if_it_is_killed_meanwhile(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(80)
    half = append(story[:-20])
    with projecting(database, schema, [queue.VIEW]):
        wait(queue.VIEW, half)
    old, new = folded(queue.VIEW, story[:-20]), newer_view()
    arguments = [sys.executable, "-c", NEWER, database, schema]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        position = 0
        while position < half // 2:  # in the middle of the build
            [state] = progress.of_views(connection)
            position = state.get("building", {}).get("position", 0)
            assert state["version"] == queue.VIEW.version
            assert rows_of(connection, queue.VIEW) == old
        process.kill()
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wait(new, append(story[-20:]))
        process.kill()
    [state] = progress.of_views(connection)
    assert state["version"] == new.version
    assert rows_of(connection, new) == folded(new, story)
    assert [(live, was) for _, live, was in builds(connection)] == [(False, "ready"), (True, "live")]


def test_a_first_build_that_was_begun_and_left_is_gone_on_with(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    append(desk_story(5))
    with connection.cursor() as cursor:
        begin_build(cursor, queue.VIEW)
    rebuilt = rebuild(database, schema, queue.VIEW)
    assert rebuilt.build is not None
    assert rebuilt.comparison is None
    assert builds(connection) == [(1, True, "live")]
