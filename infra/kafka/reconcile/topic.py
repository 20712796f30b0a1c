"""Does the topic have what the log has? All that the relay says it has published, once, in order and to the byte."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from threading import Event as Flag
from typing import Literal

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.kafka.clients import admin_client, consumer
from infra.kafka.failures import Reasons, cause_of, sentence_of
from infra.kafka.names import Names
from infra.kafka.reconcile.comparing import Bounds, Comparison
from infra.kafka.reconcile.errors import CannotReconcile
from infra.kafka.reconcile.findings import Finding, TooManyFindings
from infra.kafka.reconcile.reading import Interrupted, LogPages, PartitionReader, last_told
from infra.kafka.relay.checkpoint import AnotherDesk, RelayHalted, check, last_checkpoint
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import topic_id
from infra.postgres.pool import connect

Progress = Callable[[int, int, int], None]
"""Is told how far the comparison is: position, first and last position of it."""

End = Literal["interrupted", "too_much_found", "broker_lost"]

POLLED_RECORDS = 2_000
PARTITION_FETCH_BYTES = 1024 * 1024


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of it. Positions after `after` up to `compared_to` were compared, `events` of them.

    `published`: how far the relay says it is; the log goes on to `head`. `ended_early`: why not all of it was compared
    that was asked for, `ended_by` in one word. `notes`: what is true of the topic as a whole.
    """

    topic: str
    after: int
    up_to: int
    compared_to: int
    published: int
    head: int
    events: int
    findings: Sequence[Finding]
    ended_early: str | None = None
    ended_by: End | None = None
    notes: Sequence[str] = ()


class _Said(msgspec.Struct, frozen=True):
    """What has to be on the topic: the events after `begun_after` up to `position`; `notes`: what is odd about that."""

    begun_after: int
    position: int
    notes: Sequence[str] = ()


def reconcile_topic(
    dsn: str,
    schema: str,
    settings: KafkaSettings,
    *,
    first: int | None = None,
    last: int | None = None,
    stopping: Flag | None = None,
    progress: Progress = lambda *_: None,
    reasons: Reasons | None = None,
) -> Report:
    """Compare topic and log between two positions, both included; by default all that is published.

    Memory does not grow with either. Raises `CannotReconcile`, `AnotherDesk` and the database's errors; and
    kafka-python's errors and `Interrupted` where they come before anything is compared. `reasons`: what kafka-python
    has said of a broker that is lost later.
    """
    flag = stopping or Flag()

    def going_on() -> None:
        if flag.is_set():
            raise Interrupted

    names = Names(schema)
    with (
        closing(connect(dsn, schema, application_name=f"caselog {schema} reconcile")) as connection,
        closing(admin_client(settings)) as admin,
    ):
        connection.autocommit = True
        said = _said(settings, names, connection, admin, going_on)
        published, notes = said.position, list(said.notes)
        bounds = Bounds(max(said.begun_after, (first or 1) - 1), min(published, last or published), published)
        if bounds.after > bounds.up_to:
            bounds = Bounds(bounds.up_to, bounds.up_to, published)
        nothing_asked = bounds.after == bounds.up_to and (first, last) != (None, None)
        if nothing_asked:
            notes.append(
                f"of these positions nothing is published, which goes from {said.begun_after + 1} to {published}"
            )
        with ExitStack() as stack:
            partitions = {
                number: PartitionReader(
                    stack.enter_context(closing(_reader(settings))),
                    TopicPartition(names.events, number),
                    after=bounds.after,
                    published=published,
                    going_on=going_on,
                ).records()
                for number in range(_partitions(admin, names))
            }
            log = LogPages(connection, len(partitions))
            ended_early: str | None = None
            ended_by: End | None = None
            comparison = Comparison(partitions, bounds, log.event)
            try:
                if not nothing_asked:
                    comparison.run(
                        log.events(bounds.after, bounds.up_to, going_on),
                        lambda position: progress(position, bounds.after, bounds.up_to),
                    )
            except Interrupted:
                if not comparison.events:
                    raise
                ended_early, ended_by = "it was interrupted", "interrupted"
            except TooManyFindings as too_many:
                ended_early, ended_by = str(too_many), "too_much_found"
            except (KafkaError, OSError) as lost:
                if not comparison.events:
                    raise
                ended_early, ended_by = sentence_of(cause_of(lost, reasons)), "broker_lost"
        head = head_position(connection)
    findings = comparison.findings.told()
    strange = {number: span for number, span in comparison.newer.items() if span[1] > head}
    if strange:
        first_strange = max(min(low for low, _ in strange.values()), head + 1)
        last_strange = max(high for _, high in strange.values())
        findings.append(
            Finding(
                kind="unknown",
                first=first_strange,
                last=last_strange,
                count=last_strange - first_strange + 1,
                partitions=tuple(strange),
                note=f"the log ends at {head}",
            )
        )
    return Report(
        topic=names.events,
        after=bounds.after,
        up_to=bounds.up_to,
        compared_to=comparison.compared_to,
        published=published,
        head=head,
        events=comparison.events,
        findings=tuple(findings),
        ended_early=ended_early,
        ended_by=ended_by,
        notes=tuple(notes),
    )


def _said(
    settings: KafkaSettings,
    names: Names,
    connection: Connection,
    admin: KafkaAdminClient,
    going_on: Callable[[], None],
) -> _Said:
    """Return what the relay's checkpoint says; where that is lost, what the records of the topic say themselves."""
    there = set(admin.list_topics())
    if names.events not in there:
        raise CannotReconcile(f"there is no topic {names.events}: no relay of this desk has ever published to it")
    checkpoint = last_checkpoint(settings, names) if names.relay in there else None
    if checkpoint is not None:
        try:
            check(checkpoint, connection, names, topic_id(admin, names.events))
        except AnotherDesk:
            raise
        except RelayHalted as halted:
            return _Said(checkpoint.begun_after, checkpoint.position, (str(halted),))
        return _Said(checkpoint.begun_after, checkpoint.position)
    with closing(_reader(settings)) as reader:
        told = max(
            last_told(reader, TopicPartition(names.events, number), going_on)
            for number in range(_partitions(admin, names))
        )
    if not told:
        raise CannotReconcile(
            f"topic {names.events} has no record of this desk, and topic {names.relay} does not say how far the log is"
            " published"
        )
    note = (
        f"the relay's checkpoint is lost (topic {names.relay}): compared is the log from its first event to {told}, the"
        f" last that the records of topic {names.events} tell of"
    )
    return _Said(0, told, (note,))


def _partitions(admin: KafkaAdminClient, names: Names) -> int:
    return len(admin.describe_topics([names.events])[0]["partitions"])


def _reader(settings: KafkaSettings) -> KafkaConsumer:
    return consumer(settings, max_poll_records=POLLED_RECORDS, max_partition_fetch_bytes=PARTITION_FETCH_BYTES)
