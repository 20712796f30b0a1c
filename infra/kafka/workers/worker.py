"""The process that keeps views from the events topic: a thread, a consumer and a connection for each of its views.

docs/adr/0104-kafka-fed-views.md says why it has this shape.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from secrets import token_hex
from time import monotonic

import msgspec
import psycopg2
import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.kafka.clients import admin_client, subscribe
from infra.kafka.consuming.sharing import SharedBatches, events_consumer
from infra.kafka.failures import Reasons, cause_of, kind_of, reasons_kept, sentence_of
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import TopicMismatch
from infra.kafka.workers.assignment import Assignment
from infra.kafka.workers.assignor import AlignedAssignor
from infra.kafka.workers.building import BroughtBack, Switching, leave_brought_back, open_build
from infra.kafka.workers.feeding import Feeding
from infra.kafka.workers.runner import PartitionRunner
from infra.kafka.workers.source import NotFed, NothingPublished, SourceChanged, Watch, open_source
from infra.pauses import LONGEST_SECONDS, Pauses
from infra.postgres.pool import DatabaseUnavailable, connect
from infra.projection.builds import Build, PositionMoved
from infra.projection.positions import Announcer
from infra.projection.projector import garbage_seldom_collected
from infra.projection.rebuild import BuiltElsewhere, NewerVersion
from infra.projection.writer import view_connection
from projections.view import View

SESSION_TIMEOUT_MS = 10_000
"""After so long without a heartbeat a worker's partitions are given to others."""

STOP_SECONDS = 10.0
"""How long the end waits for batches under way, and for the broker."""

_HEARTBEAT_MS = 500
"""So soon a worker hears that partitions are dealt out anew, which takes two rounds: meanwhile those that move stand
still, 5 s with kafka-python's quarter of the session."""
_LONGEST_BATCH_MS = 120_000
_LOOK_AGAIN_SECONDS = 2.0

log = structlog.get_logger()


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where workers work: the log's database, the views', which may be another, and the broker."""

    desk: str
    views: str
    schema: str
    settings: KafkaSettings

    @property
    def names(self) -> Names:
        """What topics and groups are called."""
        return Names(self.schema)


class Workers:
    """Brings views forward from the events topic until it is stopped; any number of them share the partitions."""

    def __init__(
        self,
        site: Site,
        views: Sequence[View],
        *,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._site = site
        self._views = tuple(views)
        self._session_timeout_ms = session_timeout_ms
        self._stop_seconds = stop_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.run, name="workers", daemon=True)

    def start(self) -> None:
        """Run in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batches under way, and wait for the thread that `start` made."""
        self._over.set()
        self._thread.join()

    def request_stop(self) -> None:
        """Let `run` return soon (a signal handler may call this)."""
        self._over.set()

    def run(self) -> None:
        """Run until stopped.

        kafka-python has waits that nothing ends: a thread in one of them is left behind, and its partitions to others.
        """
        announcer = Announcer(self._site.views, self._site.schema)
        announcer.start()
        batches = SharedBatches(frozenset().union(*(view.handles for view in self._views)), shared_by=len(self._views))
        name = token_hex(8)
        workers = [
            ViewWorker(self._site, view, name, batches, announcer, self._over, self._session_timeout_ms)
            for view in self._views
        ]
        threads = [threading.Thread(target=each.run, name=f"view {each.view.name}", daemon=True) for each in workers]
        with garbage_seldom_collected(), reasons_kept() as reasons:
            for worker in workers:
                worker.reasons = reasons
            for thread in threads:
                thread.start()
            while not self._over.wait(_LOOK_AGAIN_SECONDS):
                pass
            until = monotonic() + self._stop_seconds
            for thread in threads:
                thread.join(max(0.0, until - monotonic()))
            if any(thread.is_alive() for thread in threads):
                log.warning(
                    "the broker does not answer; what is under way is left to other workers",
                    views=[each.view.name for each, thread in zip(workers, threads, strict=True) if thread.is_alive()],
                )
        announcer.stop()


class ViewWorker:
    """A worker's part of one view, in a thread of its own, through lost connections, rebalances and switches."""

    def __init__(
        self,
        site: Site,
        view: View,
        worker: str,
        batches: SharedBatches,
        announcer: Announcer,
        over: threading.Event,
        session_timeout_ms: int,
    ) -> None:
        self.view = view
        self._site = site
        self._worker = worker
        self._batches = batches
        self._announcer = announcer
        self._over = over
        self._session_timeout_ms = session_timeout_ms
        self._log = log.bind(view=view.name)
        self._pauses = Pauses()
        self._tried_parked = False
        self._told = ""
        self.reasons = Reasons()

    def run(self) -> None:
        """Keep the view until the end, as long as nobody has brought it back to the log."""
        while not self._over.is_set():
            try:
                self._work()
            except PositionMoved as moved:
                self._log.info("the build was changed; it is looked up again", reason=str(moved))
            except SourceChanged as changed:
                self._log.warning("topic and log are looked at anew", reason=str(changed))
                self._over.wait(self._pauses.next())
            except (BuiltElsewhere, NewerVersion, NothingPublished) as other:
                self._tell_once("view waits", str(other))
                self._over.wait(_LOOK_AGAIN_SECONDS)
            except BroughtBack as back:
                self._tell_once("view left to the log", str(back))
                self._over.wait(LONGEST_SECONDS)
            except (NotFed, TopicMismatch) as refused:
                self._tell_once("view cannot be fed by Kafka", str(refused))
                self._over.wait(LONGEST_SECONDS)
            except (KafkaError, OSError, psycopg2.Error, DatabaseUnavailable) as error:
                pause = self._pauses.next()
                cause = cause_of(error, self.reasons)
                self.reasons.last = None
                self._log.warning(
                    "view interrupted", kind=kind_of(cause), error=sentence_of(cause), again_in_seconds=pause
                )
                self._over.wait(pause)
            except Exception:  # noqa: BLE001 - a fault of ours in one view must be seen, and not end it
                self._log.exception("view failed", again_in_seconds=LONGEST_SECONDS)
                self._over.wait(LONGEST_SECONDS)

    def _tell_once(self, event: str, reason: str) -> None:
        if reason != self._told:
            self._log.warning(event, reason=reason)
        self._told = reason

    def _work(self) -> None:
        site = self._site
        with (
            closing(connect(site.desk, site.schema, application_name=f"caselog {site.schema} worker")) as desk,
            closing(self._connect_to_write()) as connection,
            closing(admin_client(site.settings)) as admin,
        ):
            desk.autocommit = True
            with connection, connection.cursor() as cursor:
                leave_brought_back(cursor, self.view)
            source = open_source(admin, site.settings, site.names, desk)
            build = open_build(connection, self.view, source)
            self._told = ""
            runner = PartitionRunner(connection, self.view, build, log=desk)
            if not self._tried_parked:
                runner.retry_parked()
                self._tried_parked = True
            with self._consumer(runner.build) as consumer:
                assignment = Assignment(consumer)
                subscribe(consumer, source.topic, assignment)
                self._log.info(
                    "view is fed by Kafka", build=build.build, live=build.live, group=consumer.config["group_id"]
                )
                switching = Switching(self._connect, head_position(desk))
                watch = Watch(admin, desk, source)
                feeding = Feeding(
                    runner, connection, consumer, assignment, switching, watch, self._announcer, self._over
                )
                feeding.run(self._pauses.succeeded)

    def _connect(self) -> Connection:
        return view_connection(self._site.views, self._site.schema, self.view)

    def _connect_to_write(self) -> Connection:
        """Return a connection whose transactions the server undoes once this process stands still.

        One that stopped in the middle of a batch would hold the places of its partitions, and whoever has been given
        them would wait for as long as it sleeps.
        """
        connection = self._connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = %s", (self._session_timeout_ms,))
        return connection

    @contextmanager
    def _consumer(self, build: Build) -> Iterator[KafkaConsumer]:
        assignor = AlignedAssignor(self._worker)
        consumer = events_consumer(
            self._site.settings,
            self._batches,
            group=self._site.names.view_group(
                self.view.name, build.build, elsewhere=self._site.views != self._site.desk
            ),
            auto_offset_reset="none",
            partition_assignment_strategy=[assignor],
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=min(self._session_timeout_ms // 4, _HEARTBEAT_MS),
            max_poll_interval_ms=_LONGEST_BATCH_MS,
        )
        assignor.owned = consumer.assignment
        try:
            yield consumer
        finally:
            consumer.close(timeout_ms=5_000)
