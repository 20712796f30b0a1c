"""Makes the recorders from environment variables, as the `eventsourcing` library wants it."""

from threading import Lock
from typing import Any, TypeVar, cast

from eventsourcing.persistence import (
    AggregateRecorder,
    InfrastructureFactory,
    Mapper,
    ProgrammingError,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType, resolve_topic, strtobool

from infra.log.errors import library_errors
from infra.log.mapper import LogMapper
from infra.log.reader import OriginatorIdType
from infra.log.recorders import (
    LogAggregateRecorder,
    LogApplicationRecorder,
    LogProcessRecorder,
    LogSnapshotRecorder,
    LogTrackingRecorder,
    Store,
)
from infra.postgres.migrations import migrate

T = TypeVar("T", bound=LogTrackingRecorder)


def environment_of(url: str, schema: str) -> dict[str, str]:
    """Return what an application is configured by whose log is that of a desk, in the database of a libpq URL."""
    return {"PERSISTENCE_MODULE": "infra.log", "CASELOG_DATABASE_URL": url, "CASELOG_SCHEMA": schema}


class LogFactory(InfrastructureFactory[LogTrackingRecorder]):
    """The log as `PERSISTENCE_MODULE=infra.log`. One schema is one log: applications that name the same one share it.

    | variable | meaning |
    |---|---|
    | `CASELOG_DATABASE_URL` | libpq URL or connection string of a PostgreSQL server, 15 or later; required |
    | `CASELOG_SCHEMA` | the schema that holds all (`caselog`) |
    | `CASELOG_POOL_SIZE` | connections at most (10); one that listens comes with each subscription |
    | `CASELOG_POOL_WAIT_MS` | how long one waits for a connection (5000) |
    | `CASELOG_STATEMENT_TIMEOUT_MS` | after which a statement is given up (0: never) |
    | `ORIGINATOR_ID_TYPE` | `uuid` or `text`: how ids of other mappers' events are read (`uuid`); ours are text |
    | `CREATE_TABLE` | `n` if the schema is migrated by somebody else |

    As in the library, a variable that begins with the application's name (`DESK_CASELOG_SCHEMA`) goes first. Raises
    `OSError` for a value that it cannot use.
    """

    CASELOG_DATABASE_URL = "CASELOG_DATABASE_URL"
    CASELOG_SCHEMA = "CASELOG_SCHEMA"
    CASELOG_POOL_SIZE = "CASELOG_POOL_SIZE"
    CASELOG_POOL_WAIT_MS = "CASELOG_POOL_WAIT_MS"
    CASELOG_STATEMENT_TIMEOUT_MS = "CASELOG_STATEMENT_TIMEOUT_MS"
    ORIGINATOR_ID_TYPE = "ORIGINATOR_ID_TYPE"
    CREATE_TABLE = "CREATE_TABLE"

    aggregate_recorder_class = LogAggregateRecorder
    application_recorder_class = LogApplicationRecorder
    process_recorder_class = LogProcessRecorder
    tracking_recorder_class = LogTrackingRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        dsn = self.env.get(self.CASELOG_DATABASE_URL)
        if not dsn:
            raise OSError(f"{self.CASELOG_DATABASE_URL} is not set: it names the PostgreSQL server")
        originator_id_type = (self.env.get(self.ORIGINATOR_ID_TYPE) or "uuid").lower()
        if originator_id_type not in {"uuid", "text"}:
            raise OSError(f"{self.ORIGINATOR_ID_TYPE} is {originator_id_type!r}; it must be 'uuid' or 'text'")
        self._migrated = False
        self._migrating = Lock()
        self.store = Store(
            dsn,
            self.env.get(self.CASELOG_SCHEMA) or "caselog",
            pool_size=self._positive(self.CASELOG_POOL_SIZE, 10),
            wait_seconds=self._positive(self.CASELOG_POOL_WAIT_MS, 5000) / 1000,
            originator_id_type=cast("OriginatorIdType", originator_id_type),
            statement_seconds=self._whole(self.CASELOG_STATEMENT_TIMEOUT_MS, 0) / 1000 or None,
        )

    def mapper(
        self, transcoder: Transcoder | None = None, mapper_class: type[Mapper[Any]] | None = None
    ) -> Mapper[Any]:
        """Return the mapper named by `MAPPER_TOPIC`, else `LogMapper`, which maps any domain event."""
        if mapper_class is None and not self.env.get(self.MAPPER_TOPIC):
            mapper_class = LogMapper
        return super().mapper(transcoder, mapper_class)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Return a recorder of `events` or of `snapshots`."""
        match purpose:
            case "events":
                return self.aggregate_recorder_class(self._store())
            case "snapshots":
                return LogSnapshotRecorder(self._store())
            case _:
                raise ProgrammingError(f"there is no place for {purpose!r}, only for 'events' and 'snapshots'")

    def application_recorder(self) -> LogApplicationRecorder:
        """Return a recorder of the log, of the class named by `APPLICATION_RECORDER_TOPIC` if there is one."""
        topic = self.env.get(self.APPLICATION_RECORDER_TOPIC)
        recorder_class = resolve_topic(topic) if topic else self.application_recorder_class
        return cast("type[LogApplicationRecorder]", recorder_class)(self._store())

    def tracking_recorder(self, tracking_recorder_class: type[T] | None = None) -> T:
        """Return a recorder of the class given, else of the one named by `TRACKING_RECORDER_TOPIC`."""
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        recorder_class = tracking_recorder_class or (resolve_topic(topic) if topic else self.tracking_recorder_class)
        return cast("type[T]", recorder_class)(self._store())

    def process_recorder(self) -> LogProcessRecorder:
        """Return a recorder of the class named by `PROCESS_RECORDER_TOPIC`, or of our own."""
        topic = self.env.get(self.PROCESS_RECORDER_TOPIC)
        recorder_class = resolve_topic(topic) if topic else self.process_recorder_class
        return cast("type[LogProcessRecorder]", recorder_class)(self._store())

    def close(self) -> None:
        """Close the connections; who still waits to append gets an `InterfaceError`."""
        self.store.close()

    def __exit__(self, *args: object) -> None:
        self._is_entered = False
        self.close()

    def _store(self) -> Store:
        with self._migrating:
            if not self._migrated and strtobool(self.env.get(self.CREATE_TABLE) or "yes"):
                with library_errors():
                    migrate(self.store.dsn, self.store.schema)
            self._migrated = True
        return self.store

    def _positive(self, variable: str, default: int) -> int:
        return self._whole(variable, default, least=1)

    def _whole(self, variable: str, default: int, *, least: int = 0) -> int:
        text = self.env.get(variable) or str(default)
        if not text.isdecimal() or int(text) < least:
            raise OSError(f"{variable} is {text!r}; it must be a whole number from {least} on")
        return int(text)
