"""With which URL does a reporting job connect? The role's, which names the file of its password, not the password."""

import os
import secrets
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import encrypt_password, parse_dsn

from infra.postgres.pool import connect
from infra.reporting.views import reporting_schema

PASSWORD_FILE = "reporting-pgpass"  # noqa: S105 - the name of a file
"""Where an embedded desk keeps it, in the data folder."""
_OF_THE_ACCOUNT = ("user", "password", "passfile", "options", "sslcert", "sslkey", "sslpassword", "application_name")
"""What of the desk's own URL is its account's, and nobody else's."""


class RoleMissing(Exception):
    """The role is not there, and the desk's account may not make it."""


def reporting_url(dsn: str, schema: str, password_file: Path | None = None) -> str:
    """Return the URL that a reporting job connects with, the role's password kept in a file for libpq (`passfile`).

    The file is used if the role can log in with it; else the role gets a new password, which the server is never told
    in clear, and the file is written, for its owner alone. Without a file the URL names none: the password is an
    administrator's affair. Raises psycopg2's `InsufficientPrivilege` where the account may not set one, `RoleMissing`.
    """
    role = reporting_schema(schema)
    url = _url_of(dsn, role, password_file)
    with closing(connect(dsn, application_name=f"caselog {schema} reporting")) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
            if cursor.rowcount != 1:
                raise RoleMissing(role)
        if password_file is None or (password_file.exists() and _opens(url)):
            return url
        password = secrets.token_urlsafe(32)
        verifier = encrypt_password(password, role, connection, "scram-sha-256")
        with connection, connection.cursor() as cursor:
            cursor.execute(f'ALTER ROLE "{role}" PASSWORD %s', (verifier,))
            _write(password_file, f"*:*:*:{role}:{password}\n")
    return url


def _url_of(dsn: str, role: str, password_file: Path | None) -> str:
    given = {name: str(value) for name, value in parse_dsn(dsn).items() if name not in _OF_THE_ACCOUNT}
    database = given.pop("dbname", "")
    if password_file is not None:
        given["passfile"] = str(password_file)
    parameters = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    return f"postgresql://{role}@/{quote(database, safe='')}?{parameters}"


def _opens(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    unfinished.replace(path)
