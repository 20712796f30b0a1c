"""One Kafka broker for the whole test run, started when the first test asks for it, whichever process that test is in.

Under xdist the controlling process owns it, and the workers ask that one through a socket.
"""

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path

import pytest

from infra.kafka.settings import KafkaSettings
from tests.guarded_broker import encrypted_settings, guarded_settings

ROOT = Path(__file__).parents[1]
_UNAVAILABLE = "unavailable: "

# Out of the environment, or each `caselog` that a test starts would refuse them as settings that it does not know.
_given = os.environ.pop("CASELOG_TEST_KAFKA_BOOTSTRAP", "")
_required = os.environ.pop("CASELOG_REQUIRE_KAFKA", "") == "1"


class SharedBroker:
    """A broker in a process that ends with this one, however this one ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answer = _given
        self._lock = threading.Lock()
        self._classes: Path | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._listener: Listener | None = None

    def bootstrap(self) -> str:
        """Start it unless it runs, and return where it is, or why it is not and what follows from that."""
        with self._lock:
            if not self._answer:
                self._process = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("kafka_for_tests.py")), *self._archive_to()],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
                assert self._process.stdout is not None
                self._answer = self._process.stdout.readline().strip() or "the tests' Kafka did not start"
                if _required:
                    self._answer = self._answer.removeprefix(_UNAVAILABLE)
            return self._answer

    def serve(self) -> str:
        """Answer the workers of xdist from now on; returns where they are to ask."""
        if self._listener is None:
            self._folder = tempfile.TemporaryDirectory(prefix="caselog-kafka-")
            self._classes = Path(self._folder.name) / "classes.jsa"
            self._listener = Listener(str(Path(self._folder.name) / "ask"), "AF_UNIX")
            threading.Thread(target=self._answer_workers, args=(self._listener,), daemon=True).start()
        return str(self._listener.address)

    def java_options(self) -> str:
        """What lets every further broker of the workers start in half the time, once this one has; call `serve` first.

        Java reads them from JDK_JAVA_OPTIONS. Until the archive is there, and where it does not fit, it goes without.
        """
        return f"-XX:SharedArchiveFile={self._classes} -Xlog:disable"

    def stop(self) -> None:
        """Wait until the broker has gone and its data is removed."""
        if self._process is not None:
            self._process.communicate()
        if self._listener is not None and self._folder is not None:
            self._listener.close()
            self._folder.cleanup()

    def _archive_to(self) -> list[str]:
        return [] if self._classes is None else [str(self._classes)]

    def _answer_workers(self, listener: Listener) -> None:
        with suppress(OSError):  # the listener has been closed
            while True:
                with listener.accept() as connection, suppress(OSError):  # of a worker that died meanwhile
                    connection.send(self.bootstrap())


_key = pytest.StashKey[SharedBroker]()


def shared_broker(config: pytest.Config) -> SharedBroker:
    """The broker of this process, not yet started."""
    return config.stash.setdefault(_key, SharedBroker())


@pytest.fixture(scope="session")
def kafka_addresses(request: pytest.FixtureRequest) -> list[str]:
    """Where the broker of this test run is reached, where it asks for a password, and where it speaks TLS as well.

    Or where the one is that CASELOG_TEST_KAFKA_BOOTSTRAP named. Tests that need it are skipped where its jars cannot be
    had, unless CASELOG_REQUIRE_KAFKA=1.
    """
    asked = getattr(request.config, "workerinput", {}).get("kafka")
    if isinstance(asked, str):
        with Client(asked, "AF_UNIX") as connection:
            answer = str(connection.recv())
    else:
        answer = shared_broker(request.config).bootstrap()
    if answer.startswith(_UNAVAILABLE):
        pytest.skip(answer.removeprefix(_UNAVAILABLE))
    assert " " not in answer, answer  # or it is a reason
    return answer.split("|")


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_addresses: list[str]) -> str:
    """`127.0.0.1:PORT` of that broker."""
    return kafka_addresses[0]


@pytest.fixture
def guarded_kafka(kafka_addresses: list[str]) -> KafkaSettings:
    """How it is reached by those who have its password; topics are made with 3 partitions."""
    if len(kafka_addresses) == 1:
        pytest.skip("the broker that CASELOG_TEST_KAFKA_BOOTSTRAP names asks for no password")
    return guarded_settings(kafka_addresses[1])


@pytest.fixture
def encrypted_kafka(kafka_addresses: list[str], tmp_path: Path) -> KafkaSettings:
    """The same by TLS, for those who have its certificate."""
    if len(kafka_addresses) == 1:
        pytest.skip("the broker that CASELOG_TEST_KAFKA_BOOTSTRAP names speaks no TLS that tests know of")
    return encrypted_settings(kafka_addresses[2], tmp_path)


@pytest.fixture
def kafka(kafka_bootstrap: str) -> KafkaSettings:
    """How that broker is reached; topics are made with 3 partitions, and told apart by the schema in their names."""
    return KafkaSettings(bootstrap=(kafka_bootstrap,), partitions=3)
