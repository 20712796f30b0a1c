"""Who sends events to webhooks? Of several processes one leads; it runs a lane for each webhook, in a few threads."""

import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import Literal

import structlog

from commands.dispatch import Commands, own_request
from commands.errors import RequestError
from commands.ports import Clock
from domain.recorded import RecordedEvent
from domain.refusal import Refusal
from domain.webhook.decider import Webhook
from infra.leadership import Leadership
from infra.log.tail import channel_of
from infra.postgres.pool import DATABASE_AWAY, ConnectionPool
from infra.projection.listening import Listener
from infra.webhooks.addresses import Network
from infra.webhooks.lane import Lane, Surroundings
from infra.webhooks.receiver import Receiver
from infra.webhooks.registry import Registry
from infra.webhooks.schedule import Schedule
from infra.webhooks.secrets import WebhookSecrets

ROLE = "webhooks"
CALLER = "webhooks"

THREADS = 32
"""How many webhooks are sent to at the same time. One that answers slowly takes one of them for an attempt."""

IDLE_SECONDS = 1.0
"""How long to wait for news of the log before asking again whether this process still leads."""

GATHER_SECONDS = 0.02
"""How far apart looks at a log are that grows without pause."""

FAULT_SECONDS = 60.0
"""How long a webhook is left whose deliveries met a fault of ours."""

GRACE_SECONDS = 5.0
"""How long attempts under way may take when the process is to stop; then they are ended, and made again by the next."""

log = structlog.get_logger()


class Courier:
    """Sends the events of one desk's log to its webhooks until it is stopped; of several couriers one leads.

    `body` makes the message of an event. `now` is the time of day that is put on messages and that retries go by.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        *,
        pool: ConnectionPool,
        commands: Commands,
        clock: Clock,
        body: Callable[[RecordedEvent], bytes],
        schedule: Schedule,
        allowed: Sequence[Network],
        timeout_seconds: float,
        threads: int = THREADS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._pool = pool
        self._commands = commands
        self._allowed = tuple(allowed)
        self._timeout_seconds = timeout_seconds
        self._tls = ssl.create_default_context()  # one for all: it holds every authority there is
        self._threads = threads
        self._leadership = Leadership(dsn, schema, ROLE)
        self._stopping = threading.Event()
        self._lanes_stop = threading.Event()
        self._news = threading.Event()
        self._registry = Registry()
        self._lanes: dict[str, Lane] = {}
        self._running: dict[str, Future[float | None]] = {}
        self._due: dict[str, float] = {}
        self._ask_at = 0.0
        self._seen: dict[str, int] = {}
        """The log's head when each lane had its last turn: one that found nothing to do waits for another."""
        self._surroundings = Surroundings(
            pool=pool,
            schedule=schedule,
            body=body,
            secret=WebhookSecrets(pool).secret,
            give_up=self._give_up,
            now=now,
            desk_now=clock.now,
            stopping=self._lanes_stop,
        )

    def request_stop(self) -> None:
        """Let `run` return after the attempts under way (a signal handler may call this)."""
        self._stopping.set()
        self._news.set()

    def run(self) -> None:
        """Run until stopped: wait for the lead, lead as long as the lock is held, begin again when it was lost."""
        self._leadership.run(self._lead, self._stopping)

    def _lead(self) -> None:
        listener = Listener(
            self._dsn,
            self._schema,
            [channel_of(self._schema)],
            refresh=lambda _: self._news.set(),
            notified=lambda _: self._news.set(),
            name=ROLE,
        )
        self._registry = Registry()
        self._lanes_stop.clear()
        self._due.clear()
        self._seen.clear()
        self._ask_at = 0.0
        listener.start()
        with ThreadPoolExecutor(self._threads, "webhook") as threads:
            try:
                while not self._stopping.is_set() and self._leads():
                    self._news.clear()
                    self._round(threads)
                    self._wait()
            finally:
                listener.stop()
                self._stop_lanes()

    def _leads(self) -> bool:
        """Return whether this process leads, as it has been told within the last second."""
        if monotonic() >= self._ask_at:
            self._ask_at = monotonic() + IDLE_SECONDS
            return self._leadership.held()
        return True

    def _wait(self) -> None:
        """Wait for news of the log, for a lane that has ended its turn, or until one is due."""
        if not self._lanes:
            # A desk without webhooks is not asked for news of them fifty times a second.
            self._stopping.wait(IDLE_SECONDS)
            return
        due = [at for webhook_id, at in self._due.items() if webhook_id not in self._running]
        pause = min([IDLE_SECONDS, *(max(0.0, at - monotonic()) for at in due)])
        if not self._stopping.is_set():
            self._news.wait(pause)
            self._stopping.wait(GATHER_SECONDS)

    def _round(self, threads: ThreadPoolExecutor) -> None:
        """See what is new, and give each lane that may have something to do its turn."""
        try:
            with self._pool.connection() as connection:
                decided = self._registry.refresh(connection, self._surroundings.now())
        except DATABASE_AWAY as error:
            log.warning("the database cannot be reached; webhooks are sent to later", error=str(error).strip())
            self._stopping.wait(IDLE_SECONDS)
            return
        for webhook_id in decided & self._lanes.keys():
            self._lanes[webhook_id].reload()
            self._due[webhook_id] = 0.0
        enabled = {webhook.webhook_id for webhook in self._registry.enabled()}
        for webhook_id, future in list(self._running.items()):
            if future.done():
                del self._running[webhook_id]
                self._note(webhook_id, future)
        for webhook_id in self._lanes.keys() - enabled - self._running.keys():
            self._lanes.pop(webhook_id).close()
            self._due.pop(webhook_id, None)
            self._seen.pop(webhook_id, None)
        head, now = self._registry.position, monotonic()
        for webhook_id in sorted(enabled - self._running.keys(), key=lambda each: self._due.get(each, 0.0)):
            if self._seen.get(webhook_id, 0) < head or self._due.get(webhook_id, inf) <= now:
                self._seen[webhook_id] = head
                self._start(threads, webhook_id)

    def _start(self, threads: ThreadPoolExecutor, webhook_id: str) -> None:
        lane = self._lanes.get(webhook_id)
        if lane is None:
            receiver = Receiver(allowed=self._allowed, timeout_seconds=self._timeout_seconds, tls=self._tls)
            lane = self._lanes[webhook_id] = Lane(webhook_id, receiver, self._surroundings)
        future = threads.submit(lane.run, lambda: self._registry.find(webhook_id))
        self._running[webhook_id] = future
        future.add_done_callback(lambda _: self._news.set())

    def _note(self, webhook_id: str, future: "Future[float | None]") -> None:
        """Note when a lane wants its next turn."""
        try:
            wait_seconds = future.result()
        except DATABASE_AWAY as error:
            log.warning("the database cannot be reached", webhook=webhook_id, error=str(error).strip())
            wait_seconds = IDLE_SECONDS
        except Exception:
            # A fault of ours must be seen, and not end what sends to the others.
            log.exception("the deliveries of a webhook met a fault", webhook=webhook_id)
            wait_seconds = FAULT_SECONDS
        if wait_seconds is None:
            self._due.pop(webhook_id, None)
        else:
            self._due[webhook_id] = monotonic() + wait_seconds

    def _stop_lanes(self) -> None:
        self._lanes_stop.set()
        wait(self._running.values(), timeout=GRACE_SECONDS)
        for lane in self._lanes.values():
            lane.abort()
        wait(self._running.values())
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()
        self._running.clear()

    def _give_up(self, webhook: Webhook, cause: Literal["gone", "failing"], reason: str) -> None:
        """Disable a webhook, by a command as any other."""
        data = {
            "webhook": webhook.webhook_id,
            "url": webhook.endpoint.url,
            "cause": cause,
            "reason": reason,
        }
        log.warning("a webhook is given up", webhook=webhook.webhook_id, cause=cause, reason=reason)
        try:
            self._commands.execute(own_request("give-webhook-up", data, CALLER))
        except (Refusal, RequestError) as error:
            log.info("a webhook is not given up", webhook=webhook.webhook_id, code=error.code)
