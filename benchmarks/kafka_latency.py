"""How soon after its acknowledgement is a command's event a record that others read?

Three processes: one carries out commands at planned instants (Poisson), one is the relay, one reads what is committed.
Their clocks are one: that of the machine since its start.
"""

from collections.abc import Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from random import Random
from time import perf_counter

from benchmarks.kafka_turns import child, partitions_of, run_relay
from benchmarks.planned_commands import carried_out, planned, position_of, requests_on
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.handlers.catalogue import HANDLERS
from infra.clock import SystemClock
from infra.kafka.clients import consumer
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from infra.log.factory import environment_of

_WARM_UP_SECONDS = 3.0


def acknowledged_to_readable(
    url: str,
    schema: str,
    settings: KafkaSettings,
    *,
    customers: Sequence[str],
    cases: Sequence[str],
    per_second: float,
    seconds: float,
    seed: int,
) -> list[float]:
    """Return the seconds from each command's answer to the record of its last event; 0 where that came first."""
    with (
        child(run_relay, url, schema, settings),
        child(_read, settings, schema) as reader,
        child(_command, url, schema, tuple(customers), tuple(cases), per_second, seconds, seed) as commander,
    ):
        commander.send("begin")
        acknowledged: list[tuple[int, float]] = commander.recv()
        reader.send(max(position for position, _ in acknowledged))
        readable: dict[int, float] = reader.recv()
    return [max(0.0, readable[position] - at) for position, at in acknowledged]


def _read(pipe: Connection, settings: KafkaSettings, schema: str) -> None:
    topic = Names(schema).events
    with closing(consumer(settings, fetch_max_wait_ms=500)) as reading:
        partitions = partitions_of(settings, topic)
        reading.assign(partitions)
        reading.seek_to_end(*partitions)
        for partition in partitions:
            reading.position(partition)
        pipe.send("ready")
        readable: dict[int, float] = {}
        last = float("inf")
        while last not in readable:
            for records in reading.poll(20).values():
                now = perf_counter()
                for record in records:
                    readable.setdefault(int(dict(record.headers)["ce_position"]), now)
            if last == float("inf") and pipe.poll():
                last = pipe.recv()
        pipe.send(readable)


def _command(
    pipe: Connection,
    url: str,
    schema: str,
    customers: Sequence[str],
    cases: Sequence[str],
    per_second: float,
    seconds: float,
    seed: int,
) -> None:
    application = CaselogApplication(environment_of(url, schema))
    random = Random(seed)
    commands = planned(requests_on(customers, cases, random), per_second, _WARM_UP_SECONDS + seconds, random)
    with application:
        dispatcher = Dispatcher(application, SystemClock(), HANDLERS)

        def carry_out(request: Request, _due: float) -> tuple[int, float]:
            answer = dispatcher.execute(request)
            at = perf_counter()
            return position_of(answer), at

        pipe.send("ready")
        pipe.recv()
        answered = carried_out(commands, carry_out)
        pipe.send([each for command, each in zip(commands, answered, strict=True) if command.at >= _WARM_UP_SECONDS])
