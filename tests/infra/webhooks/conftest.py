"""A desk with webhooks, lanes that are stepped by the test, and receivers that are real."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import msgspec
import pytest

from api.http.cloud_events import cloud_event
from domain.recorded import RecordedEvent
from domain.webhook.decider import Webhook
from infra.postgres.pool import ConnectionPool
from infra.webhooks.addresses import LOOPBACK
from infra.webhooks.lane import Lane, Surroundings
from infra.webhooks.receiver import Receiver
from infra.webhooks.registry import Registry
from infra.webhooks.schedule import Schedule
from infra.webhooks.secrets import WebhookSecrets
from infra.webhooks.standing import parked, standings
from tests.desk import Desk, body_of
from tests.infra.webhooks.receiving import RealReceiver, receiving


def body_of_event(recorded: RecordedEvent) -> bytes:
    return msgspec.json.encode(cloud_event(recorded))


class Delivering:
    """Steps lanes at instants that the test chooses. Each instance is what one process knows."""

    def __init__(self, desk: Desk, pool: ConnectionPool, retry_seconds: tuple[float, ...], timeout: float) -> None:
        self.desk = desk
        self.pool = pool
        self.now = datetime.now(UTC)
        self.registry = Registry()
        self.lanes: dict[str, Lane] = {}
        self.given_up: list[tuple[str, str]] = []
        self.timeout = timeout
        self.surroundings = Surroundings(
            pool=pool,
            schedule=Schedule(retry_seconds, chance=lambda: 0.0),
            body=body_of_event,
            secret=WebhookSecrets(pool).secret,
            give_up=self._give_up,
            now=lambda: self.now,
            desk_now=desk.clock.now,
            stopping=Event(),
        )

    def _give_up(self, webhook: Webhook, cause: str, reason: str) -> None:
        self.given_up.append((cause, reason))
        self.desk.send(
            "give-webhook-up", webhook=webhook.webhook_id, url=webhook.endpoint.url, cause=cause, reason=reason
        )

    def refresh(self) -> None:
        with self.pool.connection() as connection:
            decided = self.registry.refresh(connection, self.now)
        for webhook_id in decided & self.lanes.keys():
            self.lanes[webhook_id].reload()

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)

    def attempts(self, webhook_id: str, most: int = 1_000) -> float | None:
        """Make attempts as long as some are due; return the seconds until the next one is."""
        for _ in range(most):
            self.refresh()
            webhook = self.registry.find(webhook_id)
            if webhook is None:
                return None
            if webhook_id not in self.lanes:
                receiver = Receiver(allowed=LOOPBACK, timeout_seconds=self.timeout)
                self.lanes[webhook_id] = Lane(webhook_id, receiver, self.surroundings)
            wait = self.lanes[webhook_id].step(webhook)
            if wait is None or wait > 0:
                return wait
        return 0.0

    def standing(self, webhook_id: str) -> Any:
        with self.pool.connection() as connection:
            return standings(connection, [webhook_id]).get(webhook_id)

    def parked(self, webhook_id: str) -> list[Any]:
        with self.pool.connection() as connection:
            return parked(connection, webhook_id)

    def close(self) -> None:
        for lane in self.lanes.values():
            lane.close()


class Hooks:
    """A desk, a receiver, and processes that deliver."""

    def __init__(self, desk: Desk, pool: ConnectionPool, receiver: RealReceiver, stack: ExitStack) -> None:
        self.desk = desk
        self.pool = pool
        self.receiver = receiver
        self._stack = stack
        self.deliver = self.process()

    def process(self, retry_seconds: tuple[float, ...] = (5, 300, 1_800), timeout: float = 60.0) -> Delivering:
        made = Delivering(self.desk, self.pool, retry_seconds, timeout)
        self._stack.callback(made.close)
        return made

    def webhook(self, webhook_id: str = "crm", **data: Any) -> str:
        """Make a webhook at the receiver, which knows its secret, and return its id."""
        self.desk.send("create-webhook", webhook_id=webhook_id, **{"url": self.receiver.url, **data})
        self.knows(webhook_id, 1)
        return webhook_id

    def knows(self, webhook_id: str, generation: int) -> str:
        """Let the receiver know a secret."""
        secret = WebhookSecrets(self.pool).secret(webhook_id, generation)
        self.receiver.secrets.append(secret)
        return secret

    def happen(self, count: int = 1, article: str | None = None) -> list[int]:
        """Let events of streams of their own happen, or of one article's; return their positions."""
        positions = []
        for _ in range(count):
            if article is None:
                answer = self.desk.send("publish-article", title="A", body="B", topics=[])
            else:
                known = self.desk.events(f"article-{article}")
                command = "revise-article" if known else "publish-article"
                answer = self.desk.send(command, article_id=article, title="A", body=f"{len(known)}", topics=[])
            positions.append(int(body_of(answer)["position"]))
        return positions


@pytest.fixture
def hooks(database: str, schema: str) -> Iterator[Hooks]:
    with ExitStack() as stack:
        desk = Desk(database, schema)
        stack.callback(desk.application.close)
        pool = ConnectionPool(database, schema, 4, 5)
        stack.callback(pool.close)
        receiver = stack.enter_context(receiving())
        yield Hooks(desk, pool, receiver, stack)
