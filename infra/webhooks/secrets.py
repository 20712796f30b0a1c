"""Which secret signs for a webhook? All of them follow from the desk's one key, so that none of them is kept."""

import hmac
import secrets
from base64 import b64encode
from contextlib import AbstractContextManager
from typing import Protocol

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

PREFIX = "whsec_"
KEY_BYTES = 32


class Connections(Protocol):
    """Lends connections to the desk's schema."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for one transaction."""


class WebhookSecrets:
    """Gives secrets of 256 bits by webhook and generation, always the same. Safe to use from many threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._key: bytes | None = None

    def secret(self, webhook_id: str, generation: int) -> str:
        """Return a secret in the form that the libraries of the specification take.

        Raises what tells that the database is away, where the desk's key has not been read yet.
        """
        return PREFIX + b64encode(derive(self._desk_key(), webhook_id, generation)).decode()

    def prepare(self) -> None:
        """Read the desk's key, so that `secret` cannot fail; make it where there is none."""
        self._desk_key()

    def _desk_key(self) -> bytes:
        if self._key is None:
            with self._connections.connection() as connection:
                self._key = _read_or_make_key(connection)
        return self._key


def derive(key: bytes, webhook_id: str, generation: int) -> bytes:
    """Return HKDF-Expand (RFC 5869, 2.3) with SHA-256 for one block: the key is random, needing no extraction."""
    info = f"caselog webhook secret\x00{webhook_id}\x00{generation}".encode()
    return hmac.digest(key, info + b"\x01", "sha256")


def _read_or_make_key(connection: Connection) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM webhook_key")
        row = cursor.fetchone()
        if row is None:
            # Of several that make one at the same time the first wins, for all of them.
            cursor.execute(
                "INSERT INTO webhook_key (key) VALUES (%s) ON CONFLICT DO NOTHING", (secrets.token_bytes(KEY_BYTES),)
            )
            cursor.execute("SELECT key FROM webhook_key")
            row = cursor.fetchone()
    if row is None:
        raise LookupError("the desk's key for webhooks was deleted while it was read")
    return bytes(row[0])
