"""How does a broker of one's own run? As one KRaft node in a folder, reachable from this machine alone.

Java gets relative paths only, with the folder as its working directory: a class path cannot have a colon in it, nor
`log.dirs` a comma, and the folder may lie anywhere. The broker ends when its starter does (`infra.kafka.broker.guard`).
"""

import base64
import fcntl
import random
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from kafka.errors import KafkaError

from infra.kafka.broker import guard, jars
from infra.kafka.broker.errors import BrokerError
from infra.kafka.clients import admin_client
from infra.kafka.settings import KafkaSettings

READY_SECONDS = 120.0
_STOP_SECONDS = 40.0  # longer than the guard gives it
_STEP_SECONDS = 0.02
_PORTS = range(20_000, 30_000)
"""Below those that Linux gives outgoing connections: a client that keeps trying a dead broker's port from there would
in the end be connected to itself, and the broker could not have its port again."""
_TRIES = 3
_LOG_BYTES_KEPT = 10 * 1024 * 1024
_STEADY = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    # one node has one copy of everything
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # and few clients
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    # after a kill the new process is let in once the old one's session is over; the default is 9 s
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
}
_PROPERTIES = "server.properties"


class Broker:
    """The broker of one folder, run by at most one process at a time.

    ```
    with Broker(Path(".caselog/kafka")) as broker:
        admin_client(broker.settings)
    ```
    The port is `port`, or a free one at the first start, which stays the folder's for ever. For one thread at a time.
    """

    _accounts: Sequence[str] = ()
    """What else the folder is made ready with; here, nobody is asked for a password."""

    def __init__(self, folder: Path, *, port: int | None = None, heap_mb: int = 384) -> None:
        self._folder = folder.absolute()
        self._wanted_port = port
        self._port: int | None = None
        self._heap_mb = heap_mb
        self._guard: subprocess.Popen[bytes] | None = None
        self._java: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """Where clients reach it: `127.0.0.1:PORT`. Raises `BrokerError` before the first start."""
        if self._port is None:
            raise BrokerError("the broker has not been started")
        return f"127.0.0.1:{self._port}"

    @property
    def settings(self) -> KafkaSettings:
        """The same for our clients."""
        return KafkaSettings(bootstrap=(self.bootstrap,))

    @property
    def pid(self) -> int | None:
        """Process id of the broker while it lives, else None."""
        if self._guard is None or self._guard.poll() is not None:
            return None
        with suppress(psutil.Error):
            for child in psutil.Process(self._guard.pid).children():
                if child.status() != psutil.STATUS_ZOMBIE:
                    return child.pid
        return None

    @property
    def log(self) -> Path:
        """The file of all that the broker says."""
        return self._folder / "kafka.log"

    @property
    def _meta(self) -> Path:
        return self._folder / "data" / "meta.properties"

    def start(self) -> str:
        """Start it, on what is there since the last time, and return where clients reach it once it answers them.

        Called again it revives a broker that died. Raises `BrokerError`, and `BrokerUnavailable` where there are no
        programs to be had.
        """
        if self._guard is not None and self._guard.poll() is None:
            return self.bootstrap
        self._let_go()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._java = jars.java()
            self._link(jars.fetched(self._folder))
            for tries_left in reversed(range(_TRIES)):
                chosen = self._configure()
                begun = self._launch()
                try:
                    self._wait_until_it_answers(begun)
                    break
                except BrokerError:
                    # somebody took the port between our look and the broker's
                    if not (chosen and tries_left and "Address already in use" in self._said_since(begun)):
                        raise
                    (self._folder / "ports").unlink()
        except OSError as error:
            raise BrokerError(f"cannot use the folder {self._folder}: {error.strerror} ({error.filename})") from error
        except BaseException:
            self.stop()
            raise
        return self.bootstrap

    @staticmethod
    def find(folder: Path) -> str | None:
        """Where the broker that runs in `folder` is reached, for a process that did not start it; None if none runs."""
        try:
            port = int((folder / "ports").read_text(encoding="ascii").split()[0])
            lock = (folder / "lock").open("rb")
        except OSError:
            return None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:  # its guard has it
                return f"127.0.0.1:{port}"
        return None

    def stop(self) -> None:
        """End it in order: what was acknowledged is on disk. Repeatable."""
        if self._guard is None:
            return
        self._let_go()
        try:
            self._guard.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._guard = None

    def kill(self) -> None:
        """End it as a crash would, for tests; `start` brings it back."""
        pid = self.pid
        if pid is not None:
            psutil.Process(pid).kill()
        if self._guard is not None:
            self._guard.wait()
            self._let_go()

    def _let_go(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()

    def _link(self, jars_folder: Path) -> None:
        link = self._folder / "jars"
        if link.is_symlink() and link.readlink() == jars_folder:
            return
        link.unlink(missing_ok=True)
        link.symlink_to(jars_folder)

    def _configure(self) -> bool:
        """Write the broker's settings; whether its ports were chosen just now."""
        recorded = self._folder / "ports"
        chosen = not recorded.exists()
        if chosen:
            recorded.write_text(f"{_free_port()} {_free_port()}", encoding="ascii")
        port, controller = (int(part) for part in recorded.read_text(encoding="ascii").split())
        self._port = port = self._wanted_port or port
        settings = _STEADY | {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self._folder / _PROPERTIES).write_text(text, encoding="ascii")
        return chosen

    def _launch(self) -> int:
        """Start the guard with the broker; returns how long the log was before."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_KEPT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            begun = log.tell()
            if not self._meta.exists():
                self._format(log.fileno())
            self._guard = subprocess.Popen(
                [sys.executable, "-P", guard.__file__, "lock", *self._command("kafka.Kafka", _PROPERTIES)],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for those who use the broker first
            )
        return begun

    def _format(self, log: int) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        arguments = ("format", f"--cluster-id={cluster}", "--config", _PROPERTIES, *self._accounts)
        command = self._command("kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        if done.returncode != 0:
            raise BrokerError(f"the folder {self._folder} cannot be made ready for Kafka:\n{self._said_since(0)}")

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [
            str(self._java),
            "-Xms64m",
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",  # half the time to start, and one machine's desk never needs more
            "--sun-misc-unsafe-memory-access=allow",  # or Java warns of what Kafka does
            "--enable-native-access=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-cp",
            ":".join(f"jars/{jar.file_name}" for jar in jars.pinned()),
            program,
            *arguments,
        ]

    def _wait_until_it_answers(self, begun: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            code = self._guard.poll() if self._guard is not None else 0
            if code is not None:
                self._let_go()
                self._guard = None
                if code == guard.IN_USE:
                    raise BrokerError(f"{self._folder} is in use by another Caselog: stop that one first")
                raise BrokerError(f"Kafka did not start (exit code {code}):\n{self._said_since(begun)}")
            if self._answers():
                return
            time.sleep(_STEP_SECONDS)
        raise BrokerError(f"Kafka has not answered for {READY_SECONDS:.0f} s:\n{self._said_since(begun)}")

    def _answers(self) -> bool:
        """Whether it is ours that answers: not the one of a guard that holds the folder, nor another on its port."""
        if self.pid is None:
            return False
        host, port = self.bootstrap.split(":")
        try:
            socket.create_connection((host, int(port)), 1).close()  # far cheaper to ask than by a client
            admin = admin_client(self.settings)
        except (OSError, KafkaError):
            return False
        try:
            cluster = admin.describe_cluster()
            return bool(cluster["brokers"]) and f"cluster.id={cluster['cluster_id']}" in self._meta.read_text().split()
        except KafkaError:
            return False
        finally:
            admin.close()

    def _said_since(self, offset: int) -> str:
        return self.log.read_bytes()[offset:].decode(errors="replace").strip()[-2000:]


def _free_port() -> int:
    for port in random.sample(_PORTS, 200):
        with suppress(OSError), socket.socket() as trial:
            trial.bind(("127.0.0.1", port))
            return port
    raise BrokerError(f"no free port from {_PORTS.start} to {_PORTS.stop} on 127.0.0.1")
