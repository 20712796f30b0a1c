"""`caselog backup` and `restore` as an operator uses them: what they tell, exit codes, and what an interrupt leaves."""

import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from infra.backup.archive import Archive
from infra.projection.rebuild import rebuild
from projections import ledger, queue
from tests.api.cli.conftest import ROOT, Cli, CliHere
from tests.desk import Desk
from tests.infra.backup.test_restore import nothing_in, rewrite

CASES = 3
KILLS = 6


@pytest.fixture
def head(database: str, schema: str) -> int:
    """A desk with a few cases and a live queue; returns the log's head."""
    desk = Desk(database, schema)
    with closing(desk.application):
        customer_id = desk.customer()
        for _ in range(CASES):
            desk.ticket(customer_id)
    build = rebuild(database, schema, queue.VIEW).build
    assert build is not None
    return build.position


@pytest.fixture
def file(here: CliHere, head: int, tmp_path: Path) -> Path:
    """The backup of the desk."""
    path = tmp_path / "desk.backup"
    done = here("backup", "--to", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the account which PostgreSQL runs as can pass; pytest's own is closed to it."""
    with tempfile.TemporaryDirectory(prefix="caselog-tests-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def elsewhere(
    database: str, schema_elsewhere: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """The command line on a schema that is not there."""
    return CliHere(database, schema_elsewhere, monkeypatch, capsys)


def test_a_desk_is_put_into_a_file_and_made_anew_with_its_views_compared(
    cli: Cli, elsewhere: Cli, head: int, tmp_path: Path
) -> None:
    path = tmp_path / "desk.backup"
    backup = cli("backup", "--to", str(path))
    assert (backup.returncode, backup.stderr) == (0, "")
    assert backup.stdout.startswith(f"{path}: {head} events and the rest of ")
    verified = cli("restore", "--verify", str(path))
    assert (verified.returncode, verified.stdout.startswith(f"{path} is whole: {head} events")) == (0, True)
    restored = elsewhere("restore", str(path))
    assert restored.returncode == 0, restored.stderr
    whole, done, *views = restored.stdout.splitlines()
    assert whole == verified.stdout.strip()
    assert done == f"The desk is restored, up to position {head}."
    assert f"queue: {CASES} rows compared at position {head}: the same." in views
    assert f"ledger: built anew, up to position {head}." in views
    assert elsewhere("history", "C-000003").stdout == cli("history", "C-000003").stdout
    assert "nothing to drop" in elsewhere("rebuild", "queue", "--drop-old").stdout


def test_a_row_of_a_view_that_the_log_does_not_give_is_told_with_exit_code_1(
    file: Path, elsewhere: Cli, head: int
) -> None:
    rewrite(file, rows=lambda table, lines: lines[1:] if table == "queue_b1" else lines)
    restored = elsewhere("restore", str(file))
    assert restored.returncode == 1
    assert f"queue: 1 of {CASES} rows differ at position {head}\n  queue: 1 only in the new\n" in restored.stdout
    assert "Not what the log says: queue." in restored.stderr
    assert "`caselog rebuild queue` lets them see what the log says" in restored.stderr
    assert elsewhere("rebuild", "queue").returncode == 0
    assert f"queue: {CASES} rows compared at position {head}: the same." in elsewhere("rebuild", "queue").stdout


def test_a_view_that_a_started_desk_builds_itself_is_left_to_it(file: Path, elsewhere: Cli, head: int) -> None:
    schema = elsewhere.environment["CASELOG_SCHEMA"]
    with closing(psycopg2.connect(elsewhere.environment["CASELOG_DATABASE_URL"])) as projector:
        with projector.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"{schema}: build of view {ledger.VIEW.name}",)
            )
        restored = elsewhere("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert "ledger: a projector builds it anew." in restored.stdout
    assert f"queue: {CASES} rows compared at position {head}: the same." in restored.stdout


def test_without_comparing_the_desk_is_there_at_once(file: Path, elsewhere: Cli) -> None:
    restored = elsewhere("restore", "--no-compare", str(file))
    assert restored.returncode == 0
    assert "compared" not in restored.stdout


def test_a_failure_is_one_sentence_and_exit_code_2(here: CliHere, elsewhere: Cli, file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    short, text = tmp_path / "short", tmp_path / "text"
    short.write_bytes(whole[:-200])
    text.write_text("SELECT 1;")
    for run, arguments, told in [
        (here, ("restore", str(file)), "something in the schema"),
        (here, ("backup", "--to", str(file)), "is there already, and a backup replaces none"),
        (elsewhere, ("backup", "--to", str(tmp_path / "other")), "there is no desk in the schema"),
        (elsewhere, ("restore", str(short)), "is not whole"),
        (elsewhere, ("restore", "--verify", str(short)), "is not whole"),
        (elsewhere, ("restore", str(text)), "is no backup"),
    ]:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert file.read_bytes() == whole
    assert nothing_in(elsewhere.environment["CASELOG_DATABASE_URL"], elsewhere.environment["CASELOG_SCHEMA"])


def test_a_damaged_file_is_refused_before_a_data_folder_is_made(file: Path, tmp_path: Path) -> None:
    changed = bytearray(file.read_bytes())
    changed[changed.index(b"tables/events.copy") + 500] ^= 1
    file.write_bytes(changed)
    embedded = Cli("", "caselog")
    refused = embedded("restore", str(file), CASELOG_DATA=str(tmp_path / "data"))
    assert refused.returncode == 2
    assert "table events" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_a_data_folder_is_made_leaves_none_of_it(
    file: Path, number: signal.Signals, open_folder: Path
) -> None:
    data = open_folder / "data"
    embedded = Cli("", "caselog")
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "restore", str(file)],
        cwd=ROOT,
        env={**embedded.environment, "CASELOG_DATA": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (data / "cluster.new" / "PG_VERSION").exists():  # initdb is at work
            assert process.poll() is None
        process.send_signal(number)
        _, told = process.communicate()
    assert (process.returncode, told) == (130, "interrupted: nothing was restored.\n")
    assert not (data / "cluster").exists()
    assert not (data / "cluster.new").exists()
    assert embedded("restore", "--no-compare", str(file), CASELOG_DATA=str(data)).returncode == 0


STOPPED = """
import sys
from infra.backup import archive
from api.cli import main

where, count = sys.argv.pop(1), int(sys.argv.pop(1))
kind, name = {"backup": (archive.Sink, "write"), "restore": (archive.Source, "read")}[where]
before = getattr(kind, name)

def counted(self, *arguments):
    global count
    count -= 1
    if count == 0:
        print("reached", flush=True)
        sys.stdin.readline()
    return before(self, *arguments)

setattr(kind, name, counted)
main()
"""
"""Waits at the n-th row that a backup is given, or the n-th piece that a restore asks for."""


@contextmanager
def stopped_at(cli: Cli, place: str, count: int, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run the command until it has come there, and let the test end it."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, place, str(count), *arguments],
        cwd=ROOT,
        env=cli.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "reached\n" in process.stdout
        yield process


def await_the_end_of_its_session(cli: Cli, kind: str) -> None:
    """Wait until the database has noticed that the process is gone."""
    with closing(psycopg2.connect(cli.environment["CASELOG_DATABASE_URL"])) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            while True:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
                    (f"caselog {cli.environment['CASELOG_SCHEMA']} {kind}",),
                )
                if cursor.fetchone() == (0,):
                    return


def rows_in(file: Path) -> int:
    with Archive(file) as archive:
        return sum(table.rows for table in archive.manifest.tables)


def pieces_in(file: Path) -> int:
    """How often a restore reads to verify the tables, and then again to copy them: the end of each is read too."""
    with Archive(file) as archive:
        return sum(1 + (table.rows > 0) for table in archive.manifest.tables)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_backup_says_so_and_leaves_no_file(
    cli: Cli, head: int, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "desk.backup"
    with stopped_at(cli, "backup", head, "backup", "--to", str(path)) as process:
        process.send_signal(number)
        _, told = process.communicate()
    assert (process.returncode, told) == (130, f"interrupted: {path} was not written.\n")
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from api.cli import main
main()
"""


def test_a_full_disk_is_told_and_leaves_no_file(cli: Cli, head: int, tmp_path: Path) -> None:
    path = tmp_path / "desk.backup"
    full = subprocess.run(
        [sys.executable, "-c", FULL, "backup", "--to", str(path)],
        cwd=ROOT,
        env=cli.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (full.returncode, full.stdout) == (2, ""), full.stderr
    assert full.stderr == f"caselog: {path} cannot be written: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_a_killed_backup_leaves_no_file_of_its_name_and_the_next_one_is_whole(
    cli: Cli, elsewhere: Cli, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "next"
    for count in random.Random(1).sample(range(1, rows_in(file)), KILLS):
        with stopped_at(cli, "backup", count, "backup", "--to", str(path)) as process:
            process.kill()
        assert not path.exists()
    assert path.with_name("next.part").exists()
    assert cli("backup", "--to", str(path)).returncode == 0
    assert not path.with_name("next.part").exists()
    assert elsewhere("restore", str(path)).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_restore_says_what_it_left(elsewhere: Cli, file: Path, number: signal.Signals) -> None:
    once = pieces_in(file)
    for count in (once // 2, once + once // 2):
        with stopped_at(elsewhere, "restore", count, "restore", str(file)) as process:
            process.send_signal(number)
            _, told = process.communicate()
        assert (process.returncode, told) == (130, "interrupted: nothing was restored.\n")
        assert nothing_in(elsewhere.environment["CASELOG_DATABASE_URL"], elsewhere.environment["CASELOG_SCHEMA"])


def test_a_killed_restore_leaves_nothing_and_the_next_one_goes_through(elsewhere: Cli, file: Path) -> None:
    for count in random.Random(2).sample(range(1, 2 * pieces_in(file)), KILLS):
        with stopped_at(elsewhere, "restore", count, "restore", str(file)) as process:
            process.kill()
        await_the_end_of_its_session(elsewhere, "restore")
        assert nothing_in(elsewhere.environment["CASELOG_DATABASE_URL"], elsewhere.environment["CASELOG_SCHEMA"])
    assert elsewhere("restore", str(file)).returncode == 0


def test_an_interrupt_while_it_compares_leaves_the_desk(elsewhere: Cli, file: Path, head: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "restore", str(file)],
        cwd=ROOT,
        env=elsewhere.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while '"comparing"' not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate()
    assert process.returncode == 130
    assert "interrupted: the desk is restored and may be used; `caselog rebuild --all --check`" in told
    assert f"at position {head}" in elsewhere("rebuild", "queue", "--check").stdout
