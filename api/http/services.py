"""What the HTTP interface needs from the rest of Caselog; whoever composes the process hands it in."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.answers import Answer
from commands.dispatch import Request
from commands.ports import Clock


class Commands(Protocol):
    """Carries out commands."""

    def execute(self, request: Request) -> Answer:
        """Return the answer; raises what `commands.dispatch.Dispatcher.execute` does."""


class Connections(Protocol):
    """Lends connections to the desk's schema."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for one transaction."""


class Views(Protocol):
    """Knows how far the views have come."""

    def wait_for(self, views: Sequence[str], position: int, timeout_seconds: float) -> bool:
        """Wait until readers of all these views see the event at a position; False if they do not within the time."""


class SettableClock(Clock, Protocol):
    """The clock of a desk under test."""

    def set(self, instant: datetime) -> None:
        """Set the desk's clock forward, and return when everything that fell due on the way has been done.

        Raises `infra.clock.ClockBackwards`, or `infra.awaited_clock.StillBehind`.
        """


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker of the HTTP interface uses. `test_clock` is there only where the desk runs with one."""

    commands: Commands
    connections: Connections
    views: Views
    clock: Clock
    test_clock: SettableClock | None = None
    environment: str = "development"
