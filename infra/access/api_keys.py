"""Which key is this? Told from the log itself: a claim leads from a secret's digest to the key's stream.

A claim is taken and given back in the transaction of the event, so no view has to have followed.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from time import monotonic
from typing import Protocol

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.handlers.api_keys import CLAIM
from domain.api_key import ApiKey, ApiKeyCreated, ApiKeyRevoked, evolve
from domain.tags import decode, tag_of

PREFIX = "caselog_"
"""What a secret begins with, so that people and scanners know one when they see it."""

REMEMBERED_SECONDS = 2.0
"""How long a process goes on with what it knows of a key: a revocation takes effect within that time."""

MOST_REMEMBERED = 10_000

_STREAMS = "api-key-"
_TAGS = (tag_of(ApiKeyCreated), tag_of(ApiKeyRevoked))


class Connections(Protocol):
    """Lends connections to the desk's schema."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for one transaction."""


def new_secret() -> str:
    """Return a new secret of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret: it has so many bits that a plain SHA-256 cannot be turned back."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find_key(connection: Connection, digest: str) -> ApiKey | None:
    """Return the key that a secret's digest belongs to; none if there never was one, or it was revoked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.type, e.data::text FROM claims c JOIN events e ON e.stream_id = c.stream_id"
            " WHERE c.kind = %s AND c.key = %s ORDER BY e.version",
            (CLAIM, digest),
        )
        rows = cursor.fetchall()
    key = _folded(rows)
    return None if key is None or key.revoked_at is not None else key


def all_keys(connection: Connection) -> list[ApiKey]:
    """Return every key that was ever made, in the order in which they were."""
    with connection.cursor() as cursor:
        cursor.execute(
            # What begins so, as a range: the index of streams serves it whatever the collation of the database.
            "SELECT stream_id, type, data::text FROM events WHERE stream_id >= %s AND stream_id < %s ORDER BY position",
            (_STREAMS, _STREAMS[:-1] + chr(ord("-") + 1)),
        )
        found: dict[str, list[tuple[str, str]]] = {}
        for stream_id, tag, data in cursor:
            found.setdefault(stream_id, []).append((tag, data))
    return [key for rows in found.values() if (key := _folded(rows)) is not None]


def _folded(rows: list[tuple[str, str]]) -> ApiKey | None:
    key: ApiKey | None = None
    for tag, data in rows:
        event = decode(tag, data)
        if isinstance(event, ApiKeyCreated | ApiKeyRevoked):
            key = evolve(key, event)
    return key


class KeyRing:
    """The keys that were shown last, each asked of the log at most once in `REMEMBERED_SECONDS`. Safe for threads.

    A secret that is no key's is not remembered: whoever makes secrets up cannot push others out.
    """

    def __init__(self, connections: Connections, clock: Callable[[], float] = monotonic) -> None:
        self._connections = connections
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._lock = Lock()

    def find(self, secret: str) -> ApiKey | None:
        """Return the key of a secret; none where it is no key's, or was revoked. Raises what the pool does."""
        if not secret.startswith(PREFIX) or len(secret) > len(PREFIX) + 64:
            return None
        now = self._clock()
        known = self._known.get(secret)
        if known is not None and now < known[0]:
            return known[1]
        try:
            with self._connections.connection() as connection:
                key = find_key(connection, digest_of(secret))
        except Exception:
            # While the database is away nothing else can be had of it either: the answer should tell of that.
            if known is not None:
                return known[1]
            raise
        with self._lock:
            if key is None:
                self._known.pop(secret, None)
            else:
                self._known[secret] = (now + REMEMBERED_SECONDS, key)
                self._known.move_to_end(secret)
                while len(self._known) > MOST_REMEMBERED:
                    self._known.popitem(last=False)
        return key
