"""Comparing takes no more memory for more events; in `make soak` for a million of a real topic, with its rate."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections import deque
from collections.abc import Iterator
from time import perf_counter

import pytest

from infra.kafka.reconcile.comparing import Bounds, Comparison
from infra.kafka.settings import KafkaSettings
from tests.e2e.desk_process import ROOT
from tests.infra.kafka.reconcile.test_comparing import PARTITIONS, Record, event_at
from tests.infra.kafka.relay.conftest import Relayed


def peak_bytes(events: int) -> int:
    """Compare so many events with a topic of which each partition is made while it is read; every tenth is missing."""
    waiting: dict[int, deque[Record]] = {number: deque() for number in range(PARTITIONS)}
    made = iter(range(1, events + 1))

    def records(number: int) -> Iterator[Record]:
        while True:
            while not waiting[number]:
                position = next(made, None)
                if position is None:
                    return
                event = event_at(position)
                if position % 10:
                    waiting[event.partition].append(
                        Record(event.partition, position, event.record.key, event.record.value, event.record.headers)
                    )
            yield waiting[number].popleft()

    bounds = Bounds(0, events, events)
    tracemalloc.start()
    comparison = Comparison({number: records(number) for number in range(PARTITIONS)}, bounds, event_at)
    comparison.run(event_at(position) for position in range(1, events + 1))
    found = sum(map(len, comparison.findings.missing.values()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == events // 10
    return peak


def test_what_is_missing_costs_a_few_bytes_and_everything_else_nothing() -> None:
    few, many = 1_000, 5_000
    grown = peak_bytes(many) - peak_bytes(few)
    assert grown < 40 * (many - few) // 10, "of an event only its position may be kept, and only if it is missing"


MEASURED = """
import json, resource, sys, time
from infra.kafka.reconcile.topic import reconcile_topic
from infra.kafka.settings import KafkaSettings
dsn, schema, bootstrap, last = sys.argv[1:]
began = time.perf_counter()
report = reconcile_topic(dsn, schema, KafkaSettings(bootstrap=(bootstrap,)), last=int(last))
print(json.dumps([report.events, len(report.findings), time.perf_counter() - began,
                  resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


@pytest.mark.soak
def test_a_million_events_take_the_memory_of_a_few(database: str, schema: str, kafka: KafkaSettings) -> None:
    relayed = Relayed(database, schema, kafka)
    for _ in range(20):
        relayed.grow(50_000, customers=5_000)
    began = perf_counter()
    with relayed.relaying():
        relayed.await_published(seconds=600)
    sys.stdout.write(f"relayed in {perf_counter() - began:.0f} s\n")
    mebibytes = []
    for last in (50_000, relayed.head()):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, database, schema, kafka.bootstrap[0], str(last)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        events, findings, seconds, peak = json.loads(done.stdout)
        sys.stdout.write(f"{events:,} events: {events / seconds:,.0f}/s, at most {peak} MiB\n")
        assert (events, findings) == (last, 0)
        mebibytes.append(peak)
    assert mebibytes[1] < mebibytes[0] + 16
