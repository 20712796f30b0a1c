"""What lies in the embedded server's data folder, and who may use it?

`cluster/` (PostgreSQL's own folder, mode 0700, owned by the account that runs it), `pgpass` (the password, 0600),
`lock` (held by the process that runs the server), `socket-folder` (the path of the folder that holds the socket),
`postgres.log` and, where the account could not reach the installed ones, the programs.
"""

import fcntl
import os
import secrets
import shutil
import signal
import stat
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2

from infra.postgres.account import Account, popen_as

PORT = 5432  # of the socket's file name; nothing listens on a network
SOCKET_FOLDER_PREFIX = "caselog-"
_MAJOR_VERSION = "18"
_ROLE = _DATABASE = "caselog"
CLOSING = Path(__file__).with_name("closing.sql").read_text(encoding="utf-8")
"""Takes from every role but the desk's account what PostgreSQL lets all do: temporary tables, large objects, and
advisory locks, which are what makes one process lead. Also what docs/reporting.md has for a server of one's own."""
_LOG_BYTES_KEPT = 10 * 1024 * 1024

_held_locks: set[int] = set()


def _let_go_in_a_forked_child() -> None:
    while _held_locks:
        os.close(_held_locks.pop())


os.register_at_fork(after_in_child=_let_go_in_a_forked_child)


class EmbeddedServerError(Exception):
    """The embedded server cannot run here; the message says why and what to change."""


class DataFolderInUse(EmbeddedServerError):
    """Another process runs the server of this data folder."""


class DataFolder:
    """The files of one embedded server, and what they tell about its processes."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.cluster = self.path / "cluster"
        self.password_file = self.path / "pgpass"
        self._socket_record = self.path / "socket-folder"
        self._log = self.path / "postgres.log"

    def lock(self) -> int:
        """Make the folder when missing and take it for this process: the descriptor holds it until it is closed.

        A forked child lets go of it at once, or it would keep the folder taken after a kill of its parent.
        A folder with other things in it is refused, so that a slip of the hand cannot turn a home into a database.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            strangers = {entry.name for entry in self.path.iterdir()} - {"lost+found"}
            if strangers and not (self.path / "lock").exists():
                raise EmbeddedServerError(
                    f"{self.path} holds other files ({min(strangers)}): set CASELOG_DATA to a new or empty folder"
                )
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot use the data folder {self.path}: {error.strerror} ({error.filename}); "
                "set CASELOG_DATA to a folder of your own"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode().strip()
            os.close(descriptor)
            raise DataFolderInUse(
                f"{self.path} is in use by another Caselog (process {owner or 'unknown'}): stop that one first, "
                "or set CASELOG_DATA and CASELOG_PORT for a second desk"
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        _held_locks.add(descriptor)
        return descriptor

    @staticmethod
    def unlock(descriptor: int) -> None:
        """Let another process have the folder."""
        _held_locks.discard(descriptor)
        os.close(descriptor)

    def create_cluster(self, account: Account, programs: Path) -> None:
        """Initialise beside the final place, so that an interrupted initialisation is never taken for a cluster."""
        unfinished = self.path / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = secrets.token_urlsafe(32)
        _write_private(self.password_file, f"*:*:*:*:{password}\n")
        once = self.path / "initial-password"
        starting: Future[subprocess.Popen[bytes]] | None = None
        apart = ThreadPoolExecutor(1)  # an interrupt of this thread finds initdb not begun, or known to be
        try:
            unfinished.mkdir(mode=0o700)
            os.chown(unfinished, account.uid, account.gid)
            _write_private(once, password)
            os.chown(once, account.uid, account.gid)
            starting = apart.submit(
                popen_as,
                account,
                [
                    programs / "initdb",
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
                new_session=True,
            )
            process = starting.result()
            output, _ = process.communicate()
        except BaseException:
            if starting is not None and not starting.exception():
                _kill_all(starting.result())
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        finally:
            apart.shutdown()
            once.unlink(missing_ok=True)
        if process.returncode != 0:
            raise EmbeddedServerError(f"initdb failed in {self.path}:\n{output.decode(errors='replace').strip()}")
        unfinished.rename(self.cluster)

    def check_cluster(self) -> None:
        """Refuse a cluster of another major version of PostgreSQL, or one whose password is gone."""
        try:
            version = (self.cluster / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise EmbeddedServerError(f"{self.cluster} is not readable as a PostgreSQL cluster: {error}") from error
        if version != _MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{self.cluster} was written by PostgreSQL {version}, this Caselog carries {_MAJOR_VERSION}: "
                "carry the desk over with pg_dump --no-privileges and psql"
            )
        if not os.access(self.password_file, os.R_OK):
            raise EmbeddedServerError(f"{self.password_file}, the password of this cluster, cannot be read")

    def create_database(self, socket_folder: Path) -> None:
        """Make the database unless it is there (it is not after a first start, nor after an interrupted one).

        What PostgreSQL lets every role do in a database is its account's alone in this one.
        """
        with closing(psycopg2.connect(self.url(socket_folder, "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{_DATABASE}"')
                # the settings of a reader's role hold in the desk's database alone
                cursor.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        with closing(psycopg2.connect(self.url(socket_folder))) as own, own, own.cursor() as cursor:
            cursor.execute("SELECT has_database_privilege('public', current_database(), 'TEMPORARY')")
            if cursor.fetchone() == (True,):
                cursor.execute(CLOSING)

    def url(self, socket_folder: Path, database: str = _DATABASE) -> str:
        """Connection URL for libpq. It names the password's file, not the password, so it may stand anywhere.

        Whoever sits at that path in the server's place learns nothing: both sides must prove that they know it.
        """
        host, passfile = quote(str(socket_folder), safe=""), quote(str(self.password_file), safe="")
        return (
            f"postgresql://{_ROLE}@/{database}?host={host}&port={PORT}&passfile={passfile}&require_auth=scram-sha-256"
        )

    def answers(self, socket_folder: Path) -> bool:
        """Whether the server behind that socket takes our password and is the one of this cluster."""
        try:
            connection = psycopg2.connect(self.url(socket_folder, "postgres"), connect_timeout=5)
            with closing(connection), connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                return cursor.fetchone() == (str(self.cluster),)
        except psycopg2.OperationalError:
            return False

    def socket_folder(self) -> Path | None:
        """The folder that the last server had its socket in, while it exists and is still the cluster's owner's."""
        try:
            folder = Path(os.fsdecode(self._socket_record.read_bytes()))
            found = folder.lstat()
            ours = folder.name.startswith(SOCKET_FOLDER_PREFIX) and found.st_uid == self.cluster.stat().st_uid
        except OSError:
            return None
        return folder if ours and stat.S_ISDIR(found.st_mode) else None

    def record_socket_folder(self, folder: Path) -> None:
        """Remember where the socket is, for whoever comes after a kill."""
        self._socket_record.write_bytes(os.fsencode(folder))

    def remove_socket_folder(self) -> None:
        """Remove the folder on record and the record."""
        folder = self.socket_folder()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        self._socket_record.unlink(missing_ok=True)

    def server_processes(self) -> list[psutil.Process]:
        """Every PostgreSQL process that works on this cluster; the postmaster first, if it lives."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "postgres" and process.cwd() == str(self.cluster):
                    found.append(process)
        postmaster = self._recorded_pid()
        return sorted(found, key=lambda process: process.pid != postmaster)

    def postmaster(self) -> psutil.Process | None:
        """The server's first process. A pid that was reused by another program since is not taken for it."""
        pid = self._recorded_pid()
        return next((process for process in self.server_processes() if process.pid == pid), None)

    def is_ready(self) -> bool:
        """Whether the postmaster says, in the last line of its file, that recovery is over and clients may come."""
        try:
            return (self.cluster / "postmaster.pid").read_text().split("\n")[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def forget_postmaster(self) -> None:
        """Remove `postmaster.pid`, which hinders a start when its pid has been reused. Only while none works here."""
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def open_log(self) -> int:
        """A descriptor that appends to the server's log; one older log is kept."""
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_KEPT:
            self._log.replace(self._log.with_suffix(".log.1"))
        return os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def logged_since(self, offset: int) -> str:
        """The end of what the server has said since the log had `offset` bytes."""
        return self._log.read_bytes()[offset:].decode(errors="replace").strip()[-2000:]

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None


def _kill_all(initdb: subprocess.Popen[bytes]) -> None:
    """Kill initdb and the servers that it runs, which go on for a while without it, and return once none is left.

    All of them hold the other end of its output.
    """
    with suppress(ProcessLookupError):
        os.killpg(initdb.pid, signal.SIGKILL)
    if initdb.stdout is not None and not initdb.stdout.closed:
        initdb.stdout.read()
        initdb.stdout.close()
    initdb.wait()


def _write_private(path: Path, text: str) -> None:
    """Replace a file by a new one that only its owner may read; on disk when this returns."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
