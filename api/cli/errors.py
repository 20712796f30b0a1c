"""What a failure of a command line says, and the exit code it has."""

import psycopg2
from eventsourcing.persistence import PersistenceError

from api.case_export import NotAnExport
from api.cli.parked import UnknownParkedKey
from api.cli.schedules import BadFile
from api.http.server import PortInUse
from commands.errors import RequestError
from commands.lookups import NoDesk
from domain.refusal import Refusal
from infra.backup.errors import BackupFailed
from infra.config import ConfigError
from infra.csv_import.errors import ImportFailed
from infra.kafka.broker.errors import BrokerError
from infra.kafka.workers.source import NotFed
from infra.postgres.embedded import EmbeddedServerError
from infra.postgres.migrations import MigrationError
from infra.postgres.pool import DatabaseUnavailable, PoolTimeout
from infra.projection.rebuild import BuiltElsewhere, FedByKafka, NewerVersion, NothingKept
from infra.reporting.export import ExtraMissing, NotWritten
from infra.reporting.snapshot import NoReportingViews, ViewsApart
from infra.supervisor import KeepsDying

USAGE = 2
UNAVAILABLE = 3

_CODES: dict[type[Exception], int] = {
    ConfigError: USAGE,
    BadFile: USAGE,
    NotAnExport: USAGE,
    UnknownParkedKey: USAGE,
    PortInUse: USAGE,
    Refusal: USAGE,
    RequestError: USAGE,
    ImportFailed: USAGE,
    NoDesk: USAGE,
    BackupFailed: USAGE,
    BuiltElsewhere: USAGE,
    NewerVersion: USAGE,
    NothingKept: USAGE,
    FedByKafka: USAGE,
    NotFed: USAGE,
    ExtraMissing: USAGE,
    NotWritten: USAGE,
    NoReportingViews: UNAVAILABLE,
    ViewsApart: UNAVAILABLE,
    EmbeddedServerError: UNAVAILABLE,
    BrokerError: UNAVAILABLE,
    MigrationError: UNAVAILABLE,
    DatabaseUnavailable: UNAVAILABLE,
    PoolTimeout: UNAVAILABLE,
    PersistenceError: UNAVAILABLE,
    psycopg2.OperationalError: UNAVAILABLE,
    psycopg2.InterfaceError: UNAVAILABLE,
    KeepsDying: UNAVAILABLE,
}


def exit_code_of(error: Exception) -> int | None:
    """Return the exit code of a failure that a person can do something about; none for a fault of the program."""
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return None


def sentence_of(error: Exception) -> str:
    """Return what to tell about it: a sentence, or one a variable for a wrong configuration."""
    if isinstance(error, ConfigError):
        return "the configuration is wrong\n" + "\n".join(
            f"  {variable}: {reason}" for variable, reason in error.problems.items()
        )
    return str(error).strip() or type(error).__name__
