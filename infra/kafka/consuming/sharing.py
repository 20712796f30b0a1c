"""How do the views of a process read the events topic together? Each fetches for itself, and a batch is unpacked once.

A view has a consumer group of its own and is elsewhere in the topic; what costs is not the fetching of packed batches
but to unpack and to decode them. Those that were read last are kept, for the views that come to them next.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from kafka import KafkaConsumer, TopicPartition

from domain.event import Event
from infra.kafka.clients import consumer
from infra.kafka.compression import CannotUnpack, Unpacker
from infra.kafka.consuming.fetched import PartitionRecords, read_by
from infra.kafka.consuming.receiving import read_largely
from infra.kafka.consuming.unpacked import UnpackedBatch
from infra.kafka.consuming.unpacking import decoders_for, unpack, unreadable
from infra.kafka.settings import KafkaSettings

KEPT_BYTES = 96 * 1024 * 1024
"""Of unpacked records. Those of 20,000 events, as many as a view takes at once, have 18 MB; views take partitions in
different orders, and with 32 MB a batch was unpacked two and a half times for four of them."""

FETCH_BYTES = 1024 * 1024
PARTITION_FETCH_BYTES = 128 * 1024
"""Packed, so there are fifteen times as many bytes of records."""

_Key: TypeAlias = tuple[TopicPartition, int, int]


class SharedBatches:
    """Unpacks batches of the events topic for views that handle these types of events, for several threads."""

    def __init__(self, handles: Collection[type[Event]], *, shared_by: int) -> None:
        self._decoders = decoders_for(handles)
        self._kept_bytes = KEPT_BYTES if shared_by > 1 else 0
        self._lock = threading.Lock()
        self._unpacker = Unpacker()
        self._kept: OrderedDict[_Key, tuple[UnpackedBatch, int]] = OrderedDict()
        self._bytes = 0

    def unpacked(self, place: TopicPartition, batch: Any) -> UnpackedBatch:
        """Return what a batch of kafka-python's holds; of those that others wait for, none is unpacked twice.

        Raises `IndexError` or `ValueError` in a damaged one.
        """
        key = (place, batch.base_offset, batch.crc)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found[0]
            count = batch.records_count
            try:
                content, at = self._unpacker.records_of(batch)
            except CannotUnpack as error:
                return unreadable(place.partition, batch.base_offset, count, str(error))
            made = unpack(content, at, count, batch.base_offset, place.partition, self._decoders)
            self._keep(key, made, len(content))
            return made

    def _keep(self, key: _Key, batch: UnpackedBatch, size: int) -> None:
        self._kept[key] = batch, size
        self._bytes += size
        while self._bytes > self._kept_bytes:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone


def events_consumer(
    settings: KafkaSettings, batches: SharedBatches, *, group: str | None = None, **more: Any
) -> KafkaConsumer:
    """Return a consumer of the events topic whose `poll` gives an `UnpackedBatch` for each batch of a partition."""
    sizes = {"fetch_max_bytes": FETCH_BYTES, "max_partition_fetch_bytes": PARTITION_FETCH_BYTES}
    made = read_by(
        consumer(settings, group=group, **{**sizes, **more}),
        type("SharedRecords", (_SharedRecords,), {"batches": batches}),
    )
    read_largely(made)
    return made


class _SharedRecords(PartitionRecords):
    """Batches of the events topic, as all views of the process have them."""

    batches: SharedBatches

    def read(self, batch: Any) -> Iterator[UnpackedBatch]:
        """Yield a batch as one."""
        yield self.batches.unpacked(self.topic_partition, batch)
