"""Who publishes the log to Kafka? Of several processes one leads; after any error it begins from what is committed."""

import threading
from contextlib import closing
from time import monotonic, perf_counter

import structlog

from infra.kafka.clients import admin_client
from infra.kafka.failures import Reasons, cause_of, kind_of, reasons_kept, sentence_of
from infra.kafka.names import Names
from infra.kafka.relay.checkpoint import Checkpoint, RelayHalted
from infra.kafka.relay.pump import PATIENCE_SECONDS, EventTooLarge, Pump
from infra.kafka.relay.standing import Standing
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import TopicMismatch, ensure, events_topic, relay_topic
from infra.leadership import Leadership
from infra.log.tail import channel_of
from infra.metrics.instruments import RELAY_ERRORS, RELAY_SECONDS, RELAYED_EVENTS
from infra.pauses import Pauses
from infra.projection.listening import Listener

ROLE = "relay"

IDLE_SECONDS = 1.0
"""How long to wait for news of the log before looking anyhow, and before asking whether this process still leads."""

GATHER_SECONDS = 0.01
"""How long at most a log that grows without pause is left to grow between two transactions."""

LOOK_TIMEOUT_MS = 5_000
"""How long one that stands by waits for the broker when it looks at the topics."""

GRACE_SECONDS = 1.2
"""How long a transaction under way may take once the process is to stop."""

STOP_SECONDS = 1.8
"""After so long the process ends without waiting for anything more; what is open, the next relay ends."""

HALTED = (RelayHalted, TopicMismatch)
"""What only a person can put right."""

log = structlog.get_logger()


class Relay:
    """Publishes one desk's log until it is stopped; of several relays one leads.

    `begin_after` is where a topic begins that has no checkpoint yet, by default with the first event. What somebody has
    to look at ends `run` if it is found before anything was published (`RelayHalted`, `TopicMismatch`; of one that
    stands by the latter); later the relay stands still, tells of it, and looks again.
    """

    def __init__(self, dsn: str, schema: str, settings: KafkaSettings, *, begin_after: int | None = None) -> None:
        self._dsn = dsn
        self._schema = schema
        self._settings = settings
        self._begin_after = begin_after
        self._leadership = Leadership(dsn, schema, ROLE)
        self._stopping = threading.Event()
        self._stopped_at = float("inf")
        self._news = threading.Event()
        self._ask_at = 0.0
        self._ever = False
        """Whether this process has published, or could have: what it found then was in order."""
        self._progress = False
        self._known: Checkpoint | None = None
        self._told: str | None = None
        self._said_well = False
        self._limit: int | None = None
        self._standing = Standing(dsn, schema)
        self._reasons = Reasons()
        self._looked = False
        """Whether it has seen the topics in order."""
        self._told_standing_by: str | None = None
        self._look_at = 0.0
        self._look_pauses = Pauses(IDLE_SECONDS)

    def request_stop(self) -> None:
        """Let `run` return within two seconds (a signal handler may call this)."""
        self._stopped_at = min(self._stopped_at, monotonic())
        self._stopping.set()
        self._news.set()

    def run(self) -> None:
        """Run until stopped: wait for the lead, lead as long as the lock is held, begin again when it was lost.

        kafka-python has waits that nothing ends, so all of it happens in a thread that is left behind where need be.
        """
        failures: list[BaseException] = []
        ended = threading.Event()

        def work() -> None:
            try:
                with reasons_kept() as self._reasons:
                    self._leadership.run(self._lead, self._stopping, self._stand_by)
            except BaseException as error:  # noqa: BLE001 - it is raised again where `run` was called
                failures.append(error)
            finally:
                ended.set()
                self._stopping.set()

        thread = threading.Thread(target=work, name=ROLE, daemon=True)
        thread.start()
        self._stopping.wait()
        if not ended.wait(STOP_SECONDS):
            log.warning("the broker does not answer; what is under way is left to the next relay")
        if failures:
            raise failures[0]

    def _stand_by(self) -> None:
        """Look once at the topics that are there: what is wrong with them is not found only at a takeover.

        It makes none, and tells nothing of how the relay stands: that is for who leads. Raises `TopicMismatch`.
        """
        if self._looked or monotonic() < self._look_at:
            return
        self._reasons.last = None
        names = Names(self._schema)
        try:
            with closing(admin_client(self._settings, timeout_ms=LOOK_TIMEOUT_MS)) as admin:
                there = set(admin.list_topics())
                topics = (events_topic(names, self._settings), relay_topic(names))
                ensure(admin, [topic for topic in topics if topic.name in there], self._settings)
        except TopicMismatch:
            raise
        except Exception as error:  # noqa: BLE001 - told by its kind, as where it leads
            cause = cause_of(error, self._reasons)
            said, kind = sentence_of(cause), kind_of(cause)
            if said != self._told_standing_by:
                log.warning("the topics have not been looked at; it is tried again", kind=kind, error=said)
            self._told_standing_by = said
            self._look_at = monotonic() + self._look_pauses.next()
        else:
            log.info("the topics are as they have to be", topic=names.events)
            self._looked = True

    def _lead(self) -> None:
        listener = Listener(
            self._dsn,
            self._schema,
            [channel_of(self._schema)],
            refresh=lambda _: self._news.set(),
            notified=lambda _: self._news.set(),
            poll_seconds=IDLE_SECONDS,
            name=ROLE,
        )
        listener.start()
        self._said_well = False
        pauses = Pauses()
        try:
            while not self._stopping.is_set() and self._leadership.held():
                self._progress = False
                try:
                    self._publish()
                except Exception as error:  # noqa: BLE001 - told by its kind; a fault of ours with its trace
                    if isinstance(error, EventTooLarge):
                        self._limit = error.events_before or 1
                        if error.events_before:
                            continue  # what stands before it is published first
                    self._failed(error)
                    if self._progress:
                        pauses.succeeded()
                    self._stopping.wait(pauses.next())
        finally:
            listener.stop()
            self._standing.close()

    def _publish(self) -> None:
        """Publish until this process is to stop or leads no more. Raises whatever keeps it from that."""
        self._reasons.last = None
        with Pump(
            self._dsn, self._schema, self._settings, begin_after=self._begin_after, patience=self._patience
        ) as pump:
            pump.open()
            now = pump.checkpoint
            self._ever, self._looked, self._known = True, True, now
            if self._limit is not None:
                pump.shrink_to(self._limit)
            else:
                self._well(now.position, now.begun_after, at_once=True)
            while not self._stopping.is_set() and self._leads():
                self._news.clear()
                began = perf_counter()
                batch = pump.advance()
                took = perf_counter() - began
                if batch.position > batch.after:
                    RELAY_SECONDS.observe(took)
                    RELAYED_EVENTS.inc(batch.events)
                    self._progress, self._limit = True, None
                self._known = pump.checkpoint
                if self._limit is None:
                    self._well(batch.position, now.begun_after)
                if batch.position == batch.after:
                    self._news.wait(IDLE_SECONDS)
                elif not batch.full:
                    self._stopping.wait(min(took, GATHER_SECONDS))

    def _well(self, position: int, begun_after: int, *, at_once: bool = False) -> None:
        if not self._said_well:
            log.info("publishing to Kafka", topic=Names(self._schema).events, position=position)
        self._told, self._said_well = None, True
        self._standing.publishing(position, begun_after, at_once=at_once)

    def _leads(self) -> bool:
        """Return whether this process leads, as it has been told within the last second."""
        if monotonic() >= self._ask_at:
            self._ask_at = monotonic() + IDLE_SECONDS
            return self._leadership.held()
        return True

    def _patience(self, waited_seconds: float) -> bool:
        return waited_seconds < PATIENCE_SECONDS and monotonic() < self._stopped_at + GRACE_SECONDS

    def _failed(self, error: Exception) -> None:
        """Tell of an error, once; raise it where nobody but a person can help and nothing has been published yet."""
        cause = cause_of(error, self._reasons)
        if self._stopping.is_set():
            return
        kind = cause.kind if isinstance(cause, RelayHalted) else kind_of(cause)
        RELAY_ERRORS.labels(kind).inc()
        halted = isinstance(cause, HALTED)
        sentence = sentence_of(cause)
        if kind == "fenced" and not self._leadership.held():
            log.warning("another relay has taken over")
            return
        if kind == "other":
            log.error("the relay met a fault; it tries again", exc_info=error)
        elif sentence != self._told:
            log.warning("nothing is published" if halted else "the relay tries again", kind=kind, error=sentence)
        self._told, self._said_well = sentence, False
        known = self._known
        self._standing.failed(
            "halted" if halted else "retrying",
            sentence,
            known.position if known else None,
            known.begun_after if known else None,
        )
        if halted and not self._ever and not isinstance(cause, EventTooLarge):
            raise cause
