"""`caselog rebuild` of a new release beside the old one's projector: readers see every event, before and after."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from infra.feed import head_position
from infra.postgres.pool import connect
from infra.projection.positions import ViewPositions
from infra.projection.rebuild import switch_back
from projections import queue
from projections.view import View
from tests.api.cli.conftest import ROOT, Cli
from tests.desk import Desk

WAIT_SECONDS = 20.0
OLD = View("queue", version=queue.VIEW.version - 1, tables=queue.VIEW.tables)
PROJECTOR = """
import signal, sys
from infra.projection.projector import Projector
from projections import queue
from projections.view import View
view = View("queue", version=queue.VIEW.version + int(sys.argv[3]), tables=queue.VIEW.tables)
projector = Projector(sys.argv[1], sys.argv[2], [view], poll_seconds=0.1)
signal.signal(signal.SIGTERM, lambda *_: projector.request_stop())
projector.run()
"""
FOLLOWING = "queue: the projector that runs is of an older release; this command follows the view"
Process = subprocess.Popen[str]


class Release:
    """A desk that goes on while projectors of two releases come and go."""

    def __init__(self, dsn: str, schema: str, processes: ExitStack) -> None:
        self.desk = Desk(dsn, schema)
        self._dsn = dsn
        self._schema = schema
        self._customer_id = self.desk.customer()
        self._positions = ViewPositions(dsn, schema)
        self._positions.start()
        self._processes = processes
        processes.callback(self.desk.application.close)
        processes.callback(self._positions.stop)

    def projector(self, version: int) -> Process:
        return self._started("-c", PROJECTOR, self._dsn, self._schema, str(version))

    def rebuild(self, cli: Cli, *options: str) -> Process:
        return self._started("-m", "api.cli", "rebuild", "queue", *options, **cli.environment)

    def _started(self, *arguments: str, **environment: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment or None,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._processes.enter_context(process)
        self._processes.callback(process.kill)
        return process

    def sees_a_new_case(self) -> None:
        """Open a case, and wait until readers of the queue see it."""
        self.desk.ticket(self._customer_id)
        with closing(connect(self._dsn, self._schema)) as connection:
            head = head_position(connection)
        assert self._positions.wait_for(["queue"], head, WAIT_SECONDS), "readers do not see the case"

    def version(self) -> int:
        with closing(connect(self._dsn, self._schema)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT version FROM projections WHERE live")
            [(version,)] = cursor.fetchall()
            return int(version)


def said_until(process: Process, told: str) -> str:
    """Read what a process says, up to the line that begins with `told`."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(told):
            return said
    raise AssertionError(f"it ended without it: {said}")


@pytest.fixture
def release(database: str, schema: str) -> Iterator[Release]:
    with ExitStack() as processes:
        yield Release(database, schema, processes)


def test_it_follows_the_view_until_a_projector_of_its_release_does(release: Release, cli: Cli) -> None:
    older = release.projector(-1)
    release.sees_a_new_case()
    rebuilding = release.rebuild(cli)
    said_until(rebuilding, FOLLOWING)
    assert release.version() == queue.VIEW.version
    release.sees_a_new_case()
    assert older.poll() is None
    older.terminate()
    older.wait()
    release.sees_a_new_case()
    release.projector(0)
    said, _ = rebuilding.communicate()
    assert (rebuilding.returncode, said) == (0, "queue: a projector of this release follows it now.\n")
    release.sees_a_new_case()


def test_a_projector_of_its_release_may_stand_by_meanwhile(release: Release, cli: Cli) -> None:
    older = release.projector(-1)
    release.sees_a_new_case()
    release.projector(0)
    rebuilding = release.rebuild(cli)
    said_until(rebuilding, FOLLOWING)
    release.sees_a_new_case()
    older.kill()
    rebuilding.communicate()
    assert rebuilding.returncode == 0
    release.sees_a_new_case()


def test_it_leaves_a_view_that_is_switched_back(release: Release, cli: Cli, database: str, schema: str) -> None:
    release.projector(-1)
    release.sees_a_new_case()
    rebuilding = release.rebuild(cli)
    said_until(rebuilding, FOLLOWING)
    release.sees_a_new_case()
    assert switch_back(database, schema, OLD, progress=lambda *_: None, stopping=threading.Event())
    said, _ = rebuilding.communicate()
    assert (rebuilding.returncode, said) == (0, "queue: readers see another version again.\n")
    release.sees_a_new_case()
    assert release.version() == OLD.version


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_it(release: Release, cli: Cli, number: signal.Signals) -> None:
    release.projector(-1)
    release.sees_a_new_case()
    rebuilding = release.rebuild(cli)
    said_until(rebuilding, FOLLOWING)
    rebuilding.send_signal(number)
    rebuilding.communicate()
    assert rebuilding.returncode == 130


def test_it_ends_at_the_switch_where_it_is_told_to_and_where_no_projector_runs(release: Release, cli: Cli) -> None:
    older = release.projector(-1)
    release.sees_a_new_case()
    done = cli("rebuild", "queue", "--no-follow")
    assert (done.returncode, FOLLOWING in done.stdout) == (0, False)
    assert release.version() == queue.VIEW.version
    older.terminate()
    older.wait()
    done = cli("rebuild", "queue")
    assert (done.returncode, FOLLOWING in done.stdout) == (0, False)
