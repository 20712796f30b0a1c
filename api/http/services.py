"""What the HTTP interface needs from the rest of Caselog; whoever composes the process hands it in."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.access.tokens import Tokens
from api.http.streaming.limits import Limits
from commands.dispatch import Commands
from commands.ports import Clock
from domain.api_key import ApiKey
from infra.access.rate_limits import Standing
from infra.kafka.names import DEFAULT_NAMES, Names
from infra.kafka.settings import NO_BROKER, KafkaSettings


class Connections(Protocol):
    """Lends connections to the desk's schema."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for one transaction."""


class Views(Protocol):
    """Knows how far the views have come."""

    def wait_for(self, views: Sequence[str], position: int, timeout_seconds: float) -> bool:
        """Wait until readers of all these views see the event at a position; False if they do not within the time."""


class ShownViews(Views, Protocol):
    """Knows how far the views have come that a database shows, and which those are."""

    def shows(self, versions: Mapping[str, int]) -> bool:
        """Whether readers are shown all these views in these versions."""


class ViewsDatabase(msgspec.Struct, frozen=True):
    """Another database than the desk's, which has views that Kafka feeds."""

    connections: Connections
    views: ShownViews


class SettableClock(Clock, Protocol):
    """The clock of a desk under test."""

    def set(self, instant: datetime) -> None:
        """Set the desk's clock forward, and return when everything that fell due on the way has been done.

        Raises `infra.clock.ClockBackwards`, or `infra.awaited_clock.StillBehind`.
        """


class Metrics(Protocol):
    """Figures of the desk and its processes."""

    def text(self) -> bytes:
        """Return all of them in Prometheus' text format."""


class Keys(Protocol):
    """Knows the API keys."""

    def find(self, secret: str) -> ApiKey | None:
        """Return the key of a secret; none where it is no key's, or was revoked."""


class RateLimits(Protocol):
    """Counts the requests of callers."""

    def take(self, caller: str, quota: int, requests: int = 1) -> Standing:
        """Count requests of a caller, all of them or none."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker of the HTTP interface uses. `test_clock` is there only where the desk runs with one.

    `tokens` checks JSON Web Tokens where an issuer is trusted. `requests_per_minute`: of a caller without a limit of
    its own; 0 is none. `views_database` is there where views may live in another one. `most_waiting`: how many requests
    may wait for a view at once. `streams`: how many lists may be streamed at once, and for how long. `kafka`,
    `kafka_names`: what is told of the desk's topics.
    """

    commands: Commands
    connections: Connections
    views: Views
    clock: Clock
    metrics: Metrics
    keys: Keys
    rate_limits: RateLimits
    tokens: Tokens | None = None
    requests_per_minute: int = 0
    views_database: ViewsDatabase | None = None
    test_clock: SettableClock | None = None
    environment: str = "development"
    most_waiting: int = 8
    streams: Limits = Limits(at_once=4)
    access_log: bool = False
    kafka: KafkaSettings = NO_BROKER
    kafka_names: Names = DEFAULT_NAMES
