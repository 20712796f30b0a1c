"""All benchmarks, in the order in which `make bench` runs them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

import msgspec

from benchmarks import (
    append,
    backup,
    business_time,
    commands_over_http,
    export,
    growth,
    kafka,
    load_aggregate,
    overload,
    rating,
    streaming,
    views,
    webhooks,
)
from benchmarks.report import Report


class Benchmark(msgspec.Struct, frozen=True):
    """A benchmark by its name: the question it answers, its options, and how it is run."""

    name: str
    summary: str
    add_options: Callable[[ArgumentParser], None]
    measure: Callable[[Namespace], Report]


BENCHMARKS = (
    Benchmark(
        "append", "appends a second: the library's recorder, ours, and pgbench", append.add_options, append.measure
    ),
    Benchmark(
        "http",
        "commands a second over HTTP, and how long one takes",
        commands_over_http.add_options,
        commands_over_http.measure,
    ),
    Benchmark(
        "overload",
        "twice the load that can be sustained: latency, who is sent away, what is lost",
        overload.add_options,
        overload.measure,
    ),
    Benchmark(
        "load",
        "a case loaded: folded, from a snapshot, remembered",
        load_aggregate.add_options,
        load_aggregate.measure,
    ),
    Benchmark(
        "webhooks",
        "messages sent to webhooks a second, and how soon after a command",
        webhooks.add_options,
        webhooks.measure,
    ),
    Benchmark("views", "views catching up, an event's cost, and command to visible", views.add_options, views.measure),
    Benchmark(
        "kafka",
        "the relay beside kafka-python, views by workers beside the projector, and command to record",
        kafka.add_options,
        kafka.measure,
    ),
    Benchmark("export", "reporting views as files, beside a plain COPY", export.add_options, export.measure),
    Benchmark("growth", "the same figures on a short log and a long one", growth.add_options, growth.measure),
    Benchmark("backup", "a backup and its restore, beside COPY of the log", backup.add_options, backup.measure),
    Benchmark(
        "rating", "a month with many work entries: its fold, and a late entry", rating.add_options, rating.measure
    ),
    Benchmark(
        "business-time",
        "due instants over ten years, and by the length of the span",
        business_time.add_options,
        business_time.measure,
    ),
    Benchmark(
        "streaming",
        "whole lists and the feed over HTTP beside COPY, and their memory",
        streaming.add_options,
        streaming.measure,
    ),
)
