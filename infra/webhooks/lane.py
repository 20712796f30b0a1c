"""What is sent to one webhook next? Events in the order of the log, one at a time; what fails waits at the side.

A delivery that failed is set aside with the later ones of its stream, and tried again by the schedule, while other
streams go on. If messages of different events fail one after the other, the receiver fails and not a message: then it
is left alone for a while, longer each time, and tried with one message at a time. The first that it takes lets all that
waits be due. docs/adr/0087-deliveries.md has the reasons.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event as Flag
from time import monotonic, perf_counter
from typing import Literal

import msgspec
import structlog
from standardwebhooks.webhooks import Webhook as Signer

from domain.recorded import RecordedEvent
from domain.tags import tag_of
from domain.webhook.decider import Webhook
from infra.metrics.instruments import WEBHOOK_ATTEMPTS, WEBHOOK_SECONDS
from infra.postgres.pool import ConnectionPool
from infra.tracing import begin_delivery
from infra.webhooks import cursors
from infra.webhooks.cursors import Cursor, CursorMoved, Failure, Waiting
from infra.webhooks.receiver import Attempt, Receiver
from infra.webhooks.schedule import MOST_RETRY_AFTER_SECONDS, Schedule

MOST_EVENTS = 100
"""Events read at a time."""

RUN_SECONDS = 1.0
"""How long one webhook is sent to before others have their turn."""

STORE_SECONDS = 1.0
"""How often the position is written down while nothing is wanted."""

DISABLE_AFTER = timedelta(days=5)
"""How long a receiver may take nothing before the desk stops trying (Standard Webhooks, "Failures")."""

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"

log = structlog.get_logger()

GiveUp = Callable[[Webhook, Literal["gone", "failing"], str], None]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What all lanes of a process share.

    `body` makes the message of an event, `secret` gives a webhook's secret by generation, `give_up` disables one.
    `now` is the time of day, which receivers compare with theirs; `desk_now` the desk's clock, which overlaps of
    secrets follow.
    """

    pool: ConnectionPool
    schedule: Schedule
    body: Callable[[RecordedEvent], bytes]
    secret: Callable[[str, int], str]
    give_up: GiveUp
    now: Callable[[], datetime]
    desk_now: Callable[[], datetime]
    stopping: Flag


class Lane:
    """The deliveries of one webhook. One thread runs it at a time; `reload` and `abort` may be called by others."""

    def __init__(self, webhook_id: str, receiver: Receiver, surroundings: Surroundings) -> None:
        self.webhook_id = webhook_id
        self._receiver = receiver
        self._around = surroundings
        self._reload = Flag()
        self._reload.set()
        self._events: deque[RecordedEvent] = deque()
        self._filter: object = None
        self._stored = 0
        self._read_to = 0
        self._stored_at = 0.0
        self._waiting_streams: set[str] = set()
        self._failing_since: datetime | None = None
        self._failed: set[int] = set()
        """Positions of the messages that have failed since the last one that did not."""
        self._failures = 0
        self._takes_nothing = False
        self._paused_until: datetime | None = None

    def reload(self) -> None:
        """Forget what is known: something was decided about the deliveries."""
        self._reload.set()

    def abort(self) -> None:
        """End the attempt under way."""
        self._receiver.abort()

    def close(self) -> None:
        """Let go of the receiver's connection."""
        self._receiver.close()

    def run(self, webhook: Callable[[], Webhook | None]) -> float | None:
        """Deliver what is due, for a second at most, and return in how many seconds there is more to do.

        None: only when something happens. `webhook` gives what the webhook is now; none where nothing is to be sent.
        Raises what tells that the database is away.
        """
        until = monotonic() + RUN_SECONDS
        while not self._around.stopping.is_set():
            known = webhook()
            if known is None:
                return None
            try:
                wait = self.step(known)
            except CursorMoved as moved:
                log.info("the deliveries of a webhook were changed by others", webhook=self.webhook_id, why=str(moved))
                self.reload()
                return RUN_SECONDS
            if wait is None or wait > 0:
                return wait
            if monotonic() >= until:
                return 0.0
        return None

    def step(self, webhook: Webhook) -> float | None:
        """Make one attempt, if one is due; return the seconds until there is more to do, none if that is not known.

        Raises `CursorMoved`.
        """
        now = self._around.now()
        self._look(webhook)
        if self._paused_until is not None and now < self._paused_until:
            return (self._paused_until - now).total_seconds()
        waiting = self._next_waiting(now)
        if waiting is not None and waiting.next_attempt_at <= now:
            with self._around.pool.connection() as connection:
                event = cursors.read_event(connection, waiting.position)
                if not _wants(webhook, event):
                    cursors.forget(connection, self.webhook_id, waiting)
                    return 0.0
            return self._attempt(webhook, event, waiting)
        following = self._next_event(webhook)
        if following is not None:
            if following.originator_id in self._waiting_streams:
                self._queue(following, now)
                return 0.0
            return self._attempt(webhook, following, None)
        soon = [] if waiting is None else [(waiting.next_attempt_at - now).total_seconds()]
        if self._stored != self._read_to:
            soon.append(self._store_position())
        return min(soon, default=None)

    def _look(self, webhook: Webhook) -> None:
        """See where the webhook stands, if that may have changed, and read anew where it wants other events."""
        endpoint = webhook.endpoint
        wanted = (endpoint.url, endpoint.types, endpoint.customer_id)
        if not self._reload.is_set() and wanted == self._filter:
            return
        self._reload.clear()
        with self._around.pool.connection() as connection:
            found: Cursor = cursors.load(connection, self.webhook_id)
        if not (self._filter == wanted and self._stored == found.position <= self._read_to):
            self._events.clear()
            self._read_to = found.position
        self._filter, self._stored = wanted, found.position
        self._waiting_streams = set(found.waiting_streams)
        self._failing_since = found.failing_since
        self._paused_until = None
        self._failed.clear()
        self._failures = 0
        self._takes_nothing = found.failing_since is not None  # as far as this process can tell

    def _next_waiting(self, now: datetime) -> Waiting | None:
        if not self._waiting_streams:
            return None
        with self._around.pool.connection() as connection:
            waiting = cursors.next_waiting(connection, self.webhook_id, now)
        if waiting is None:
            self._waiting_streams.clear()
        return waiting

    def _next_event(self, webhook: Webhook) -> RecordedEvent | None:
        if not self._events:
            endpoint = webhook.endpoint
            with self._around.pool.connection() as connection:
                found, self._read_to = cursors.read_events(
                    connection,
                    self._read_to,
                    MOST_EVENTS,
                    types=endpoint.types,
                    customer_id=endpoint.customer_id,
                )
            self._events.extend(found)
        return self._events[0] if self._events else None

    def _attempt(self, webhook: Webhook, event: RecordedEvent, waiting: Waiting | None) -> float:
        message_id = event.metadata.event_id
        body = self._around.body(event)
        sent_at = self._around.now()
        started = perf_counter()
        span = begin_delivery(event)
        headers = self._headers(webhook, event, body, sent_at)
        if span is not None:
            headers["traceparent"] = span.traceparent
        attempt = self._receiver.post(webhook.endpoint.url, headers, body)
        if span is not None:
            span.set("caselog.outcome", attempt.kind)
            if attempt.kind != "delivered":
                span.fail(attempt.kind)
            span.end()
        if attempt.kind != "delivered" and self._around.stopping.is_set():
            return 0.0  # it may have been ended by us: it comes again
        WEBHOOK_ATTEMPTS.labels(attempt.kind).inc()
        WEBHOOK_SECONDS.observe(perf_counter() - started)
        now = self._around.now()
        if attempt.kind == "delivered":
            self._succeeded(event, waiting, now)
            return 0.0
        about = {"webhook": self.webhook_id, "position": event.position, "message": message_id}
        log.info("a delivery failed", outcome=attempt.kind, reason=attempt.reason, **about)
        if attempt.kind == "gone":
            self._around.give_up(webhook, "gone", "the receiver answered 410 Gone")
            return RUN_SECONDS
        self._fail(event, waiting, attempt, now)
        if self._failing_since is not None and now - self._failing_since >= DISABLE_AFTER:
            reason = (
                f"nothing was taken since {self._failing_since:%Y-%m-%d %H:%M}Z; the last attempt: {attempt.reason}"
            )
            self._around.give_up(webhook, "failing", reason)
            return RUN_SECONDS
        return 0.0

    def _headers(self, webhook: Webhook, event: RecordedEvent, body: bytes, sent_at: datetime) -> dict[str, str]:
        """Return the headers of Standard Webhooks: one signature for each secret that counts now, the newest first."""
        message_id = event.metadata.event_id
        signatures = [
            Signer(self._around.secret(self.webhook_id, generation)).sign(message_id, sent_at, body.decode())
            for generation in webhook.generations(self._around.desk_now())
        ]
        headers = {
            "Content-Type": MEDIA_TYPE,
            "User-Agent": "caselog",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        if event.metadata.traceparent is not None:
            headers["traceparent"] = event.metadata.traceparent
        return headers

    def _succeeded(self, event: RecordedEvent, waiting: Waiting | None, now: datetime) -> None:
        with self._around.pool.connection() as connection:
            if waiting is None:
                cursors.delivered(connection, self.webhook_id, self._stored, event.position or 0, now)
            else:
                cursors.delivered_late(connection, self.webhook_id, waiting, now)
            if self._takes_nothing:
                cursors.hurry(connection, self.webhook_id, now)
        self._failing_since = None
        self._failed.clear()
        self._failures = 0
        self._takes_nothing = False
        self._paused_until = None
        if waiting is None:
            self._passed(event)

    def _fail(self, event: RecordedEvent, waiting: Waiting | None, attempt: Attempt, now: datetime) -> None:
        attempts = 1 if waiting is None else waiting.attempts + 1
        pause = self._around.schedule.after(attempts, attempt.retry_after_seconds)
        next_attempt_at = None if pause is None else now + timedelta(seconds=pause)
        failure = Failure(attempts, now, next_attempt_at, attempt.reason)
        with self._around.pool.connection() as connection:
            if waiting is None:
                since = cursors.set_aside(connection, self.webhook_id, self._stored, event, failure, now)
            else:
                since = cursors.failed_again(connection, self.webhook_id, waiting, failure)
        self._failing_since = since
        if pause is None:
            log.warning("a delivery is parked", webhook=self.webhook_id, position=event.position, attempts=attempts)
            with self._around.pool.connection() as connection:
                self._waiting_streams = set(cursors.load(connection, self.webhook_id).waiting_streams)
        else:
            self._waiting_streams.add(event.originator_id)
        self._failed.add(event.position or 0)
        self._failures += 1
        leave_alone = min(attempt.retry_after_seconds, MOST_RETRY_AFTER_SECONDS)
        if len(self._failed) > 1:
            self._takes_nothing = True
            leave_alone = max(leave_alone, self._around.schedule.pause(self._failures))
        self._paused_until = now + timedelta(seconds=leave_alone) if leave_alone else None
        if waiting is None:
            self._passed(event)

    def _queue(self, event: RecordedEvent, now: datetime) -> None:
        """Let an event wait behind an earlier one of its stream."""
        with self._around.pool.connection() as connection:
            cursors.set_aside(connection, self.webhook_id, self._stored, event, None, now)
        self._passed(event)

    def _passed(self, event: RecordedEvent) -> None:
        self._events.popleft()
        self._stored = event.position or 0

    def _store_position(self) -> float:
        """Write down how far was read, now and then; return the seconds until it may be written."""
        due_in = self._stored_at + STORE_SECONDS - monotonic()
        if due_in > 0:
            return due_in
        with self._around.pool.connection() as connection:
            cursors.advance(connection, self.webhook_id, self._stored, self._read_to)
        self._stored, self._stored_at = self._read_to, monotonic()
        return STORE_SECONDS


def _wants(webhook: Webhook, event: RecordedEvent) -> bool:
    """Return whether a webhook wants an event by what it is now: it may have wanted more when that began to wait."""
    endpoint = webhook.endpoint
    if endpoint.types and tag_of(type(event.event)) not in endpoint.types:
        return False
    return endpoint.customer_id in (None, event.metadata.customer_id)
