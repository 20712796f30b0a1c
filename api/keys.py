"""Keys that a process makes for the desk it starts: that of development, and those of tests and benchmarks."""

import os
from pathlib import Path

import structlog

from api import compose
from commands.dispatch import Dispatcher
from commands.handlers.catalogue import HANDLERS
from domain.api_key import Role
from infra.access import key_making
from infra.access.api_keys import KeyRing, all_keys
from infra.config import Config

DEVELOPMENT_KEY = "development-key"
"""The file in the data folder that has the secret of the development key."""

DEVELOPMENT_NAME = "development"
"""Its name, which no other key can be given: by it a start in production finds what it has to revoke."""

log = structlog.get_logger()


def create_key(config: Config, url: str, *, name: str, role: Role) -> str:
    """Make a key at a desk and return its secret. Raises what tells that the database is away."""
    with compose.application(config, url) as application, compose.connection_pool(config, url, size=2) as pool:
        dispatcher = Dispatcher(application, compose.clock(config, pool), HANDLERS)
        return key_making.create_key(dispatcher, name, role).secret


def development_key(config: Config, url: str) -> str:
    """Return the secret of the desk's development key, a manager's; make it where there is none that opens."""
    file = config.data_folder / DEVELOPMENT_KEY
    if file.exists():
        secret = file.read_text().strip()
        with compose.connection_pool(config, url, size=1) as pool:
            if KeyRing(pool).find(secret) is not None:
                return secret
    secret = create_key(config, url, name=DEVELOPMENT_NAME, role="manager")
    _write_privately(file, secret)
    return secret


def revoke_development_keys(config: Config, url: str) -> None:
    """Let no development key open a desk that is in production from now on; the log keeps the reason.

    Whoever has seen a developer's terminal or data folder may know its secret, and it is a manager's.
    """
    with compose.connection_pool(config, url, size=2) as pool:
        with pool.connection() as connection:
            found = [
                key.created.key_id
                for key in all_keys(connection)
                if key.created.name == DEVELOPMENT_NAME and key.revoked_at is None
            ]
        if not found:
            return
        with compose.application(config, url) as application:
            dispatcher = Dispatcher(application, compose.clock(config, pool), HANDLERS)
            for key_id in found:
                key_making.revoke_key(dispatcher, key_id, "a development key, at a start in production")
                log.warning("development key revoked", key_id=key_id)


def _write_privately(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{text}\n")
