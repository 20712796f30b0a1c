"""The log: `PERSISTENCE_MODULE=infra.log` for the `eventsourcing` library, one ordered log in a PostgreSQL schema.

The module names one concrete factory and no more, as the library demands.
"""

from infra.log.factory import LogFactory

__all__ = ["LogFactory"]
