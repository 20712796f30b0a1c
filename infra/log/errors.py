"""The database's errors in the library's words."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from eventsourcing import persistence

from commands.ports import OutcomeUnknown, TookTooLong
from infra.postgres.pool import TOOK_TOO_LONG, DatabaseUnavailable, PoolClosed, PoolTimeout

_OURS: tuple[tuple[type[Exception], type[persistence.PersistenceError]], ...] = (
    *((kind, TookTooLong) for kind in TOOK_TOO_LONG),
    (OutcomeUnknown, OutcomeUnknown),  # another of the same, for each thread raises one of its own
    (DatabaseUnavailable, persistence.OperationalError),
    (PoolTimeout, persistence.OperationalError),
    (PoolClosed, persistence.InterfaceError),
    (psycopg2.InterfaceError, persistence.InterfaceError),
    (psycopg2.IntegrityError, persistence.IntegrityError),
    (psycopg2.DataError, persistence.DataError),
    (psycopg2.OperationalError, persistence.OperationalError),
    (psycopg2.InternalError, persistence.InternalError),
    (psycopg2.ProgrammingError, persistence.ProgrammingError),
    (psycopg2.NotSupportedError, persistence.NotSupportedError),
    (psycopg2.DatabaseError, persistence.DatabaseError),
    (psycopg2.Error, persistence.PersistenceError),
)


def translated(error: Exception) -> Exception:
    """Return the library's error for one of the database or the pool, any other unchanged."""
    for ours, theirs in _OURS:
        if isinstance(error, ours):
            translation = theirs(str(error).strip())
            translation.__cause__ = error
            return translation
    return error


@contextmanager
def library_errors() -> Iterator[None]:
    """Raise the library's `PersistenceError`s for those of the database and the pool."""
    try:
        yield
    except (psycopg2.Error, DatabaseUnavailable, PoolTimeout, PoolClosed) as error:
        raise translated(error) from error
