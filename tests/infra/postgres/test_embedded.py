"""The embedded server: private, one at a time, found again after every kind of death, gone after `stop`."""

import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from infra.postgres import data_folder
from infra.postgres.account import Account, popen_as, server_account
from infra.postgres.data_folder import DataFolder
from infra.postgres.embedded import EmbeddedServer, EmbeddedServerError
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
STARTER = """
import sys
from pathlib import Path
from infra.postgres.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def ask(url: str, sql: str) -> object:
    """The first value that `sql` answers, in a transaction of its own."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def write_a_number(url: str) -> int:
    """Commit a number that `the_number` reads."""
    number = secrets.randbelow(1_000_000)
    ask(url, f"CREATE TABLE IF NOT EXISTS kept (number int); TRUNCATE kept; INSERT INTO kept VALUES ({number})")
    return number


def the_number(url: str) -> object:
    return ask(url, "SELECT number FROM kept")


def start_and_kill_the_starter(data: Path) -> tuple[str, int]:
    """URL and pid of a server whose starter was ended by kill -9."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    url = starter.stdout.readline().strip()
    starter.kill()
    starter.communicate()
    postmaster = DataFolder(data).postmaster()
    assert postmaster is not None
    return url, postmaster.pid


def test_what_was_committed_is_found_again_by_the_next_start(data: Path) -> None:
    with EmbeddedServer(data) as server:
        number = write_a_number(server.url)
    with EmbeddedServer(data) as server:
        assert the_number(server.url) == number


def test_stop_ends_every_process_and_removes_the_socket_folder(data: Path) -> None:
    server = EmbeddedServer(data)
    socket_folder = Path(parse_dsn(server.start())["host"])
    assert socket_folder.is_dir()
    server.stop()
    assert server.pid is None
    assert DataFolder(data).server_processes() == []
    assert not socket_folder.exists()
    server.stop()  # repeatable


def test_nothing_outside_the_data_folder_changes_but_one_private_folder(
    data: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = open_folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with EmbeddedServer(data) as server:
        (private,) = temporary.iterdir()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert [entry.name for entry in data.parent.iterdir()] == ["data"]
        assert ask(server.url, "SHOW dynamic_shared_memory_type") == "mmap"  # and so nothing in /dev/shm
    assert list(temporary.iterdir()) == []


def test_it_listens_on_no_network(data: Path) -> None:
    with EmbeddedServer(data) as server:
        assert psutil.Process(server.pid).net_connections("inet") == []
        assert ask(server.url, "SHOW listen_addresses") == ""


def test_it_asks_even_the_same_user_for_the_password(data: Path, open_folder: Path) -> None:
    with EmbeddedServer(data) as server:
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            psycopg2.connect(make_dsn(server.url, passfile="/dev/null"))
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(make_dsn(server.url, password="guess"))


@as_root
def test_another_local_user_cannot_even_reach_the_socket(data: Path) -> None:
    stranger = Account("daemon", 1, 1)
    with EmbeddedServer(data) as server:
        psql = popen_as(stranger, [server.programs / "psql", server.url, "-c", "SELECT 1"], subprocess.PIPE)
        output, _ = psql.communicate()
        assert psql.returncode != 0
        assert b"Permission denied" in output


def test_the_password_is_on_no_command_line_and_its_file_is_private(data: Path) -> None:
    with EmbeddedServer(data) as server:
        password = (data / "pgpass").read_text().strip().rsplit(":", 1)[1]
        lines = []
        for process in DataFolder(data).server_processes():
            with suppress(psutil.NoSuchProcess):  # some come and go
                lines += process.cmdline()
        assert len(lines) > 1
        assert not any(password in line for line in lines)
        assert password not in server.url
        assert stat.S_IMODE((data / "pgpass").stat().st_mode) == 0o600
        assert stat.S_IMODE((data / "cluster").stat().st_mode) == 0o700
        assert not (data / "initial-password").exists()


def test_a_terminals_ctrl_c_does_not_reach_it(data: Path) -> None:
    with EmbeddedServer(data) as server:
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_durability_is_at_the_defaults_of_postgresql(postgres_dsn: str, setting: str) -> None:
    assert ask(postgres_dsn, f"SHOW {setting}") == "on"


def test_text_is_ordered_by_code_point_whatever_the_machine(postgres_dsn: str) -> None:
    ordered = "SELECT string_agg(t, '' ORDER BY t) FROM unnest(ARRAY['a', 'B', 'b', 'A', 'é', 'z']) AS t"
    assert ask(postgres_dsn, ordered) == "ABabzé"


def test_a_second_start_on_the_same_data_names_the_process_that_has_it(data: Path) -> None:
    with EmbeddedServer(data) as server:
        with pytest.raises(EmbeddedServerError, match=rf"in use by another Caselog \(process {os.getpid()}\)"):
            EmbeddedServer(data).start()
        assert ask(server.url, "SELECT 1") == 1  # the first one is not disturbed


def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_data(data: Path) -> None:
    forks = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from infra.postgres.data_folder import DataFolder\n"
        "DataFolder(Path(sys.argv[1])).lock()\n"
        "if os.fork() == 0: print('forked', flush=True); sys.stdin.read()\n"  # the child, until the test ends
        "else: os.waitpid(-1, 0)\n"
    )
    command = [sys.executable, "-c", forks, str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"forked\n"
        parent.kill()
        parent.wait()
        folder = DataFolder(data)
        folder.unlock(folder.lock())


def test_another_process_finds_the_running_server_and_none_after_it_stopped(data: Path) -> None:
    assert EmbeddedServer.find(data) is None
    with EmbeddedServer(data) as server:
        assert EmbeddedServer.find(data) == server.url
    assert EmbeddedServer.find(data) is None


def test_a_server_that_outlived_its_starter_is_taken_over_with_its_connections(data: Path) -> None:
    url, pid = start_and_kill_the_starter(data)
    with closing(psycopg2.connect(url)) as connection, EmbeddedServer(data) as server:
        assert (server.url, server.pid) == (url, pid)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()
    assert not psutil.pid_exists(pid)


def test_a_server_whose_socket_folder_was_cleaned_away_is_stopped_and_started_anew(data: Path) -> None:
    url, pid = start_and_kill_the_starter(data)
    number = write_a_number(url)
    shutil.rmtree(parse_dsn(url)["host"])
    with EmbeddedServer(data) as server:
        assert server.pid != pid
        assert not psutil.pid_exists(pid)
        assert the_number(server.url) == number


def test_a_server_that_was_killed_recovers_what_was_committed_at_the_same_url(data: Path) -> None:
    with EmbeddedServer(data) as server:
        url, pid = server.url, server.pid
        assert pid is not None
        number = write_a_number(url)
        os.kill(pid, signal.SIGKILL)
        assert server.start() == url
        assert server.pid not in {None, pid}
        assert the_number(url) == number


def test_a_server_whose_socket_folder_vanished_is_revived_at_the_same_url(data: Path) -> None:
    with EmbeddedServer(data) as server:
        url = server.url
        shutil.rmtree(parse_dsn(url)["host"])
        assert server.start() == url
        assert ask(url, "SELECT 1") == 1


def test_a_socket_whose_owners_number_another_program_has_by_now_does_not_hinder_the_revival(data: Path) -> None:
    with EmbeddedServer(data) as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        innocent = popen_as(server_account(data / "cluster"), ["/bin/sleep", "60"], subprocess.DEVNULL)
        try:
            lock = Path(parse_dsn(server.url)["host"]) / ".s.PGSQL.5432.lock"
            lock.write_text(f"{innocent.pid}\n{data}/cluster\n0\n5432\n")
            server.start()
            assert ask(server.url, "SELECT 1") == 1
        finally:
            innocent.kill()
            innocent.wait()


def test_a_server_with_another_password_is_not_taken_over_and_the_password_file_is_named(data: Path) -> None:
    _, pid = start_and_kill_the_starter(data)
    kept = (data / "pgpass").read_text()
    (data / "pgpass").write_text("*:*:*:*:guess\n")
    try:
        with pytest.raises(EmbeddedServerError, match=r"started, but not with the password in .*pgpass"):
            EmbeddedServer(data).start()
        assert not psutil.pid_exists(pid)
        assert DataFolder(data).server_processes() == []
    finally:
        (data / "pgpass").write_text(kept)


def test_an_interrupt_while_initdb_is_being_started_leaves_nothing_of_it(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = open_folder / "data" / "cluster.new"
    begun: list[subprocess.Popen[bytes]] = []

    def interrupted(account: Account, command: Any, stdout: int, **more: Any) -> subprocess.Popen[bytes]:
        process = popen_as(account, command, stdout, **more)
        if command[0].name == "initdb":
            begun.append(process)
            eventually((unfinished / "PG_VERSION").exists)
            os.kill(os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(data_folder, "popen_as", interrupted)
    with pytest.raises(KeyboardInterrupt):
        EmbeddedServer(open_folder / "data").start()
    (initdb,) = begun
    assert initdb.poll() is not None
    assert not unfinished.exists()


def test_a_kill_of_starter_and_server_leaves_nothing_that_hinders_the_next_start(data: Path) -> None:
    url, pid = start_and_kill_the_starter(data)
    number = write_a_number(url)
    os.kill(pid, signal.SIGKILL)
    with EmbeddedServer(data) as server:
        assert the_number(server.url) == number
        assert server.url != url
    assert not Path(parse_dsn(url)["host"]).exists()


def test_a_pid_file_whose_number_another_program_has_by_now_does_not_hinder_the_start(data: Path) -> None:
    innocent = popen_as(server_account(data / "cluster"), ["/bin/sleep", "60"], subprocess.DEVNULL)
    try:
        (data / "cluster" / "postmaster.pid").write_text(f"{innocent.pid}\n{data}/cluster\n0\n5432\n/tmp\n\n1 1\n")
        with EmbeddedServer(data) as server:
            assert ask(server.url, "SELECT 1") == 1
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_an_interrupted_initialisation_is_begun_again(open_folder: Path) -> None:
    data = open_folder / "fresh"
    (data / "cluster.new" / "base").mkdir(parents=True)
    (data / "lock").touch()
    with EmbeddedServer(data) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_the_path_may_have_200_characters_spaces_quotes_and_letters_of_any_language(open_folder: Path) -> None:
    data = open_folder / 'a new user\'s "desk", größer' / ("x" * 170)
    data.parent.mkdir()
    data.parent.chmod(0o755)
    with EmbeddedServer(data) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_was(open_folder: Path) -> None:
    (open_folder / "letter.txt").write_text("dear")
    with pytest.raises(EmbeddedServerError, match=r"holds other files \(letter.txt\): set CASELOG_DATA"):
        EmbeddedServer(open_folder).start()
    assert [entry.name for entry in open_folder.iterdir()] == ["letter.txt"]


def test_a_data_folder_that_cannot_be_made_is_named(open_folder: Path) -> None:
    (open_folder / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match=r"cannot use the data folder .*file/data.*CASELOG_DATA"):
        EmbeddedServer(open_folder / "file" / "data").start()


def test_a_cluster_of_another_version_is_refused(data: Path) -> None:
    (data / "cluster" / "PG_VERSION").write_text("17\n")
    try:
        with pytest.raises(EmbeddedServerError, match="written by PostgreSQL 17, this Caselog carries 18"):
            EmbeddedServer(data).start()
    finally:
        (data / "cluster" / "PG_VERSION").write_text("18\n")


def test_a_temporary_folder_too_long_for_a_socket_is_named(
    data: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = open_folder / ("t" * 90)
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(EmbeddedServerError, match=r"too long for a Unix socket .*set TMPDIR"):
        EmbeddedServer(data).start()
    assert list(temporary.iterdir()) == []


@as_root
def test_root_runs_it_as_an_unprivileged_user_who_owns_the_cluster_alone(data: Path) -> None:
    with EmbeddedServer(data) as server:
        assert psutil.Process(server.pid).uids().effective == server_account(data / "cluster").uid != 0
        assert (data / "cluster").stat().st_uid != 0
        assert data.stat().st_uid == (data / "pgpass").stat().st_uid == 0


@as_root
def test_root_is_told_which_parent_folder_is_closed_and_it_stays_closed(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match=rf"the folder {closed} is closed to that user: set CASELOG_DATA"):
        EmbeddedServer(closed / "deeper" / "data").start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_a_closed_temporary_folder_is_named(data: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(closed))
    with pytest.raises(EmbeddedServerError, match=rf"{closed}, in the path of the temporary folder, is closed"):
        EmbeddedServer(data).start()
