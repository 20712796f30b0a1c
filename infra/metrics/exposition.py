"""How the figures of several processes of a machine become one answer: a folder that they share."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from infra.metrics.desk import DeskCollector
from infra.postgres.pool import ConnectionPool

CONTENT_TYPE = CONTENT_TYPE_LATEST

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable. It counts in files in that folder, if it is set when a process starts."""

_PREFIX = "caselog-metrics-"
_OWNER = "owner"
"""A file that the process which made the folder holds locked, until it ends in whatever way."""


class Metrics:
    """What `/metrics` answers. Without a shared folder it tells of this process, and of the desk.

    `elsewhere` lends connections to the database for views, where there is one.
    """

    def __init__(self, pool: ConnectionPool, elsewhere: ConnectionPool | None = None) -> None:
        self._desk = DeskCollector(pool, elsewhere)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(self._desk)
        if folder := os.environ.get(FOLDER):
            _forget_the_dead(Path(folder))
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(REGISTRY) + generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """Leave out what processes had under way that have ended since; what they counted stays."""
    for file in folder.glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


@contextmanager
def counted_together(environment: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """Give the environment of processes that count into one folder: a fresh one, unless one is set already.

    Counters begin at 0 with each start, which is how those who read them know of it.
    """
    if environment.get(FOLDER):
        yield dict(environment)
        return
    _remove_the_ownerless()
    # Under another name until it is locked: nobody takes it for ownerless.
    made = Path(tempfile.mkdtemp(prefix="caselog-new-metrics-"))
    owner = os.open(made / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(owner, fcntl.LOCK_EX)
    folder = made.rename(made.with_name(made.name.replace("caselog-new-metrics-", _PREFIX)))
    try:
        yield {**environment, FOLDER: str(folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


def _remove_the_ownerless() -> None:
    """Remove the folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or one that another start removes
            owner = os.open(folder / _OWNER, os.O_RDWR)
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(owner)
