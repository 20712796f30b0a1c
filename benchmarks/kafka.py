"""How fast does the log get to Kafka and views come from it, and how soon is a command's event a record?"""

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from benchmarks.generator import Generated, generate
from benchmarks.kafka_latency import acknowledged_to_readable
from benchmarks.kafka_turns import (
    PEER_TOPIC,
    all_have_begun,
    publish_by_peer,
    publish_by_relay,
    remake,
    seconds_of,
    working,
)
from benchmarks.machine import Calibrator
from benchmarks.options import at_least, positive
from benchmarks.projecting import drop_views, projecting, wait_for
from benchmarks.report import Figure, Report, Target
from benchmarks.server import BenchmarkServer, benchmark_server
from benchmarks.visibility import percentile_ms
from infra.kafka.broker.server import Broker
from infra.kafka.clients import admin_client
from infra.kafka.names import Names
from infra.kafka.relay.reading import MOST_EVENTS
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, events_topic, relay_topic
from infra.postgres.pool import connect

SETS = {"queue": ("queue",), "four views": ("queue", "ticket", "sla", "ledger")}
SEED = 20_261_130
PARTITIONS = 6
WORKERS = (1, 2, 3)
WANTED_OF_PEER = 0.8
WANTED_OF_PROJECTOR = 1.0
WANTED_SUM = 1.0
WANTED_P99_MS = 150.0
_SCHEMA = "benchmark"

_PEER, _RELAY = "kafka-python, records at hand", "relay, from the log"


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--events", type=at_least(1_000), default=300_000, help="events of the log (300,000)")
    parser.add_argument("--rounds", type=at_least(1), default=3, help="rounds; in each all have their turn (3)")
    parser.add_argument("--per-second", type=positive, default=500.0, help="commands a second, planned (500)")
    parser.add_argument("--seconds", type=positive, default=20.0, help="how long they are sent (20)")


def measure(options: Namespace) -> Report:
    """Publish a log and keep views from it, in turns; then send commands and read their records."""
    rates: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="caselog-kafka-") as folder,
        benchmark_server() as server,
        Broker(Path(folder), heap_mb=768) as broker,
    ):
        settings = KafkaSettings(bootstrap=broker.settings.bootstrap, partitions=PARTITIONS)
        made = generate(server.url, _SCHEMA, options.events, seed=SEED, at=_an_hour_ago())
        print(f"{made.events:,} events made", file=sys.stderr)
        calibrator = Calibrator(server.folder)
        for number in range(options.rounds + 1):
            calibrator.measure()
            turns = _turns(server, settings, made)
            if number:  # the first round warms up
                for name, rate in turns.items():
                    rates.setdefault(name, []).append(rate)
            print(f"round {number} of {options.rounds}", file=sys.stderr)
        latencies = acknowledged_to_readable(
            server.url,
            _SCHEMA,
            settings,
            customers=made.customers,
            cases=made.open_cases,
            per_second=options.per_second,
            seconds=options.seconds,
            seed=SEED,
        )
        durability = server.durability()
    return _report(options, made, rates, latencies, durability, calibrator)


def _turns(server: BenchmarkServer, settings: KafkaSettings, made: Generated) -> dict[str, float]:
    """Let each have its turn; events a second, by whose."""
    names = Names(_SCHEMA)
    events, relay = events_topic(names, settings), relay_topic(names)
    remake(settings, [Topic(PEER_TOPIC, PARTITIONS, events.settings)])
    remake(settings, [events, relay])
    rates = {
        _PEER: made.events / seconds_of(publish_by_peer, server.url, _SCHEMA, settings),
        _RELAY: made.events / seconds_of(publish_by_relay, server.url, _SCHEMA, settings, made.events),
    }
    with closing(admin_client(settings)) as admin, closing(connect(server.url, _SCHEMA)) as connection:
        connection.autocommit = True
        for what, views in SETS.items():
            drop_views(server.url, _SCHEMA)
            with projecting(server.url, _SCHEMA, views):
                rates |= _until_seen(server, made, views, _from_log(what), begun=lambda: True)
            for count in WORKERS:
                drop_views(server.url, _SCHEMA)
                with working(count, server.url, _SCHEMA, settings, views):
                    all_share = partial(all_have_begun, admin, connection, _SCHEMA, views, PARTITIONS, count)
                    rates |= _until_seen(server, made, views, _by(count, what), begun=all_share)
    return rates


def _until_seen(
    server: BenchmarkServer, made: Generated, views: Sequence[str], name: str, *, begun: Callable[[], bool]
) -> dict[str, float]:
    """Wait for views that begin now. Events a second from nothing to what readers see, and of that, once begun."""
    started = perf_counter()
    with closing(connect(server.url, _SCHEMA)) as connection:
        connection.autocommit = True
        while not (_taken(connection) and begun()):
            sleep(0.005)
        taken, since = _taken(connection), perf_counter()
        wait_for(server.url, _SCHEMA, views, made.events)
        seen = perf_counter()
        all_of_it = _taken(connection)
    whole = made.events / (seen - started)
    left = made.events * (1 - taken / all_of_it)  # nothing, where the log is so short that it was one batch
    return {name: whole, _once_begun(name): left / (seen - since) if left else whole}


def _taken(connection: Connection) -> int:
    """How far the builds of all views are, in positions of the log or in offsets of their partitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT sum(next_offset) FROM view_partitions),"
            " (SELECT sum(position) FROM projections), 0)::bigint"
        )
        [(taken,)] = cursor.fetchall()
    return int(taken)


def _from_log(what: str) -> str:
    return f"{what}, projector from the log"


def _by(count: int, what: str) -> str:
    return f"{what}, {count} worker{'s' if count > 1 else ''} from Kafka"


def _once_begun(name: str) -> str:
    return f"{name}, once begun"


def _report(
    options: Namespace,
    made: Generated,
    rates: dict[str, list[float]],
    latencies: Sequence[float],
    durability: str,
    calibrator: Calibrator,
) -> Report:
    per_second = f"{options.per_second:,.0f}"
    return Report(
        benchmark="kafka",
        question="How fast does the log get to Kafka, and views from there? How soon is a command's event a record?",
        settings={
            "log": f"{made.events:,} events of {made.cases:,} cases, seed {SEED}",
            "broker": f"Apache Kafka, one node on the same machine, {PARTITIONS} partitions, acks all",
            "batches": f"transactions of {MOST_EVENTS:,} events; the peer has the same records in memory",
            "views": f"four are {', '.join(SETS['four views'])}",
            "rounds": str(options.rounds),
            "commands": f"{per_second}/s for {options.seconds:g} s (Poisson): open-ticket 1, add-reply 2, log-work 1",
            "durability": durability,
        },
        figures=[
            *(Figure(name=name, unit="events/s", rounds=values) for name, values in rates.items()),
            *(
                Figure(
                    name=f"acknowledged to readable, p{share * 100:g}",
                    unit="ms",
                    rounds=[percentile_ms(latencies, share)],
                )
                for share in (0.5, 0.95, 0.99, 0.999)
            ),
        ],
        targets=[
            _ratio("relay to kafka-python's own producer", rates[_RELAY], rates[_PEER], WANTED_OF_PEER),
            *(
                _ratio(
                    f"{what}: one worker to the projector of the log, once begun",
                    rates[_once_begun(_by(1, what))],
                    rates[_once_begun(_from_log(what))],
                    WANTED_OF_PROJECTOR,
                )
                for what in SETS
            ),
            *(
                _ratio(
                    f"{what}: {count} workers to one, on the same machine, once all have begun",
                    rates[_once_begun(_by(count, what))],
                    rates[_once_begun(_by(1, what))],
                    WANTED_SUM,
                )
                for what in SETS
                for count in WORKERS[1:]
            ),
            Target(
                name=f"acknowledged to readable at {per_second}/s, p99",
                value=percentile_ms(latencies, 0.99),
                unit="ms",
                bound="at most",
                wanted=WANTED_P99_MS,
            ),
        ],
        notes=[
            "The relay's time has the read of the log in it, marks and checkpoints; the peer's has none of these.",
            (
                "Views: from nothing to the head of the log, as readers see it, with the forming of the workers' group;"
                " once begun: from when all workers have partitions of all the views, and the first batch is in one."
            ),
            (
                "Brokers, workers and PostgreSQL share the machine's cores: that more workers are not faster here says"
                " nothing of workers on machines of their own. No figure is extrapolated."
            ),
        ],
        calibration=calibrator.calibration,
    )


def _ratio(name: str, ours: Sequence[float], theirs: Sequence[float], wanted: float) -> Target:
    return Target(
        name=name,
        value=median(each / other for each, other in zip(ours, theirs, strict=True)),
        unit="x",
        bound="at least",
        wanted=wanted,
    )


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
