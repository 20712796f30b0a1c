"""The PostgreSQL that a benchmark runs against: the embedded one, fresh, with its defaults for durability."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from infra.postgres.embedded import EmbeddedServer
from infra.postgres.pool import connect

_DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")


class BenchmarkServer:
    """A running server in a folder of its own."""

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self.url = server.url
        self.programs = server.programs
        self.folder = folder
        self._pid = server.pid

    def durability(self) -> str:
        """Return the settings that say what survives a crash, as the server has them."""
        with closing(connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", (list(_DURABILITY),))
            found = dict(cursor.fetchall())
        return ", ".join(f"{name} {found[name]}" for name in _DURABILITY)

    def processes(self) -> list[psutil.Process]:
        """Return the server's processes that run now, the first one (the postmaster) included."""
        postmaster = psutil.Process(self._pid)
        return [postmaster, *postmaster.children()]


@contextmanager
def benchmark_server() -> Iterator[BenchmarkServer]:
    """Give a fresh server, and stop and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="caselog-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server may run as somebody else
        with EmbeddedServer(folder / "data") as server:
            yield BenchmarkServer(server, folder)
