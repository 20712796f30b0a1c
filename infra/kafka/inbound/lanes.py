"""In which order are the records of a batch worked on? Those of a key one after the other, those of several at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.kafka.consuming.fetched import FetchedRecord
from infra.kafka.inbound.answering import Answering, Postponed
from infra.kafka.inbound.asked import Asked, NoCommand, asked
from infra.kafka.inbound.outgoing import Outgoing, dead_letter, reply
from infra.kafka.names import Names

RecordPlace = tuple[int, int]
"""Partition and offset."""


def work_through(
    records: Sequence[FetchedRecord],
    topic_id: str,
    *,
    answering: Answering,
    names: Names,
    threads: ThreadPoolExecutor,
    is_stopping: Callable[[], bool],
) -> tuple[dict[RecordPlace, Outgoing], Postponed | None]:
    """Return what is to be sent for each record, by its place, and what some were postponed for.

    A record whose command was postponed is missing, and with it those of its key that follow. Records without a key
    keep the order of their partition. Once stopping, no further command is begun.
    """
    done: dict[RecordPlace, Outgoing] = {}
    postponed: list[Postponed] = []
    lanes: dict[tuple[int, bytes | None], list[tuple[RecordPlace, Asked]]] = {}
    for record in records:
        place = (record.partition, record.offset)
        try:
            wanted = asked(record, topic_id)
        except NoCommand as reason:
            done[place] = dead_letter(record, topic_id, reason, names)
        else:
            lanes.setdefault((record.partition, record.key), []).append((place, wanted))

    def walk(lane: Sequence[tuple[RecordPlace, Asked]]) -> None:
        for place, wanted in lane:
            if is_stopping():
                return
            try:
                done[place] = reply(answering.answer(wanted), names)
            except Postponed as reason:
                postponed.append(reason)
                return

    for future in [threads.submit(walk, lane) for lane in lanes.values()]:
        future.result()
    return done, next(iter(postponed), None)
