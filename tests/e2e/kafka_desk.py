"""A desk with a broker of its own, and API, relays, workers and a projector in processes that can be killed."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from api.keys import create_key
from infra.config import Config
from infra.kafka.broker.server import Broker
from infra.kafka.settings import KafkaSettings
from infra.postgres.pool import connect
from projections.view import View
from tests.e2e.desk_process import free_port
from tests.infra.kafka.processes import CaselogProcess, environment, running
from tests.infra.kafka.relay.conftest import Relayed
from tests.infra.kafka.workers.conftest import FedDesk
from tests.waiting import eventually

PARTITIONS = 4


class KafkaDesk:
    """Processes of one desk; `folder` is for the broker's data and for what all of them say."""

    def __init__(self, dsn: str, schema: str, folder: Path) -> None:
        self.broker = Broker(folder / "kafka")
        self.port = free_port()
        self._dsn, self._schema = dsn, schema
        self._folder = folder
        self._stack = ExitStack()
        self._number = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self.broker)
        self.settings = KafkaSettings(bootstrap=(self.broker.bootstrap,), partitions=PARTITIONS)
        self.topic = Relayed(self._dsn, self._schema, self.settings)
        self._stack.callback(self.topic.desk.application.close)
        self.views = FedDesk(self._dsn, self._schema, self.settings, ())
        self.key = create_key(Config.from_environment(self._environment), self._dsn, name="load", role="manager")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def _environment(self) -> dict[str, str]:
        return environment(self._dsn, self._schema, self.settings, CASELOG_PORT=str(self.port))

    def process(self, *command: str) -> CaselogProcess:
        """Start one of the commands; it is killed at the latest with the desk."""
        self._number += 1
        output = self._folder / f"{self._number}-{command[0]}.txt"
        return self._stack.enter_context(running(*command, output=output, environment=self._environment))

    def await_ready(self) -> None:
        """Wait until the API says that it is."""

        def ready() -> bool:
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/health/ready") as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        eventually(ready, 60)

    def has_idle_writer(self) -> bool:
        """Whether a worker has places of its partitions locked, and does nothing."""
        with closing(connect(self._dsn, self._schema)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE state = 'idle in transaction'"
                " AND relation = 'view_partitions'::regclass AND mode = 'RowExclusiveLock'"
            )
            return cursor.rowcount > 0

    def await_all_seen(self, views: Sequence[View]) -> None:
        """Wait until the topic has the whole log, and readers see all of it in views that Kafka feeds."""
        self.topic.await_published(seconds=120)
        for view in views:
            self.views.await_fed(view)

    def check_reconciled(self, views: Sequence[View]) -> None:
        """Hold topic and views against the log, as an operator would."""
        self._check("nothing is wrong", "reconcile")
        self._check("the same", "reconcile", *(f"--view={view.name}" for view in views))

    def _check(self, expected: str, *command: str) -> None:
        with running(*command, output=self._folder / "reconcile", environment=self._environment) as checking:
            assert checking.popen.wait(120) == 0, checking.output
            assert expected in checking.output

    @contextmanager
    def telling_on_failure(self) -> Iterator[None]:
        """Add what all processes have said to an error."""
        try:
            yield
        except BaseException as error:
            for path in sorted(self._folder.glob("*.txt")):
                error.add_note(f"== {path.name}\n{path.read_text()[-3000:]}")
            raise
