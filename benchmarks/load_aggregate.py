"""How long does it take to load a case of so many events? Folded, from a snapshot, remembered; and by the library."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg2.extensions import parse_dsn

from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.report import Figure, Report, Target
from benchmarks.server import BenchmarkServer, benchmark_server
from commands.application import CaselogApplication
from commands.founding import found_desk
from commands.handlers.streams import EVOLVE_TICKET
from commands.lookups import Settings
from commands.memory import Loaded, Memory
from commands.snapshots import Snapshots
from domain.clocks.levels import ServiceLevels
from domain.personal import Person, Personal
from domain.recorded import RecordedEvent
from domain.ticket.commands import AddNote, AddReply, OpenTicket, TicketCommand
from domain.ticket.decide import decide
from domain.ticket.state import Ticket
from infra.log.factory import environment_of
from infra.postgres.migrations import migrate

SIZES = (10, 1_000, 100_000)
CASE = 1_000
WANTED_US = 3.0
WANTED_GROWTH = 2.0
"""How much longer a stream of 100,000 events may take than one of 10: "the same", but for noise."""

_SCHEMA = "benchmark"
_AT_A_TIME = 1_000
_START = datetime(2026, 11, 2, 16, tzinfo=UTC)
_METADATA = b'{"event_id":"e","correlation_id":"c","actor":"agent-7","command_id":"d"}'
_ADA = Person(name=Personal("Ada Lovelace"), email=Personal("ada@example.com"))


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--rounds", type=at_least(1), default=15, help="rounds; in each every size has its turn (15)")


def measure(options: Namespace) -> Report:
    """Load the cases again and again, each way in turn."""
    rounds: dict[str, list[float]] = {}
    with benchmark_server() as server, ExitStack() as stack:
        migrate(server.url, _SCHEMA)
        application, folding = (stack.enter_context(_application(server)) for _ in range(2))
        folding.state_snapshots = _NoSnapshots(folding.event_log)
        found_desk(application, now=_START, zone="America/Denver", currency="USD")
        levels, _ = Settings(application).service_levels()
        for size in SIZES:
            _write(application, size, levels)
        library = stack.enter_context(_library(server))
        aggregate_id = _aggregate(library, CASE)
        calibrator = Calibrator(server.folder)
        for number in range(options.rounds + 1):
            calibrator.measure()
            for name, action in _ways(application, folding, library, aggregate_id):
                started = perf_counter()
                action()
                elapsed = (perf_counter() - started) * 1e6
                if number:  # the first round warms up, and takes the snapshots
                    rounds.setdefault(name, []).append(elapsed)
        remembered = _remembered(application)
        durability = server.durability()
    per_event = [(load - query) / CASE for load, query in zip(rounds["fold"], rounds["query"], strict=True)]
    of_library = [each / CASE for each in rounds["library"]]
    kept = {size: median(rounds[f"kept {size}"]) for size in SIZES}
    return Report(
        benchmark="load",
        question="How long does it take to load a case of so many events?",
        settings={"rounds": str(options.rounds), "durability": durability},
        figures=[
            Figure(name=f"the query of {CASE:,} events alone", unit="us", rounds=rounds["query"]),
            Figure(name=f"a case of {CASE:,} events, folded from the first", unit="us", rounds=rounds["fold"]),
            Figure(name="an event of it, beyond the query", unit="us", rounds=per_event),
            Figure(name=f"library: an event of {CASE:,}, query included", unit="us", rounds=of_library),
            *(
                Figure(name=f"{size:,} events, by a new process", unit="us", rounds=rounds[f"kept {size}"])
                for size in SIZES
            ),
            Figure(name="100,000 events, remembered", unit="us", rounds=remembered),
        ],
        targets=[
            Target(
                name="an event beyond the query", value=median(per_event), unit="us", bound="at most", wanted=WANTED_US
            ),
            Target(
                name=f"{SIZES[-1]:,} events by a new process, times {SIZES[0]}",
                value=kept[SIZES[-1]] / kept[SIZES[0]],
                unit="x",
                bound="at most",
                wanted=WANTED_GROWTH,
            ),
        ],
        notes=[
            (
                "The library: an aggregate with @event methods, as many events, its own PostgreSQL recorder;"
                f" {median(of_library) * CASE / median(rounds['fold']):.0f} times as long."
            )
        ],
        calibration=calibrator.calibration,
    )


class _NoSnapshots(Snapshots):
    """Lets an application fold every stream from its first event."""

    @property
    def fingerprint(self) -> str:
        """That of no snapshot."""
        return "none"

    def take(self, loaded: Loaded[Any]) -> None:
        """Take none."""


def _ways(
    application: CaselogApplication,
    folding: CaselogApplication,
    library: Application[UUID],
    aggregate_id: UUID,
) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "query", partial(application.event_log.replay, f"ticket-{CASE}")
    yield "fold", partial(_load, folding, CASE)
    for size in SIZES:
        yield f"kept {size}", partial(_load, application, size)
    yield "library", partial(library.repository.get, aggregate_id)


def _load(application: CaselogApplication, size: int) -> object:
    application.memory = Memory()
    loaded: Loaded[Ticket] = application.load(f"ticket-{size}", EVOLVE_TICKET)
    return loaded


def _remembered(application: CaselogApplication) -> list[float]:
    _load(application, SIZES[-1])
    rounds = []
    for _number in range(15):
        started = perf_counter()
        _: Loaded[Ticket] = application.recall(f"ticket-{SIZES[-1]}", EVOLVE_TICKET)
        rounds.append((perf_counter() - started) * 1e6)
    return rounds


def _write(application: CaselogApplication, size: int, levels: ServiceLevels) -> None:
    """Put a case of so many events into the log: replies of both sides and notes, as its decider answers them."""
    state: Ticket | None = None
    stream_id, version = f"ticket-{size}", 0
    waiting: list[RecordedEvent] = []
    for command in _commands(size, levels):
        for happened in decide(command, state):
            state = EVOLVE_TICKET(state, happened)
            version += 1
            waiting.append(RecordedEvent(stream_id, version, happened, _METADATA))
        if len(waiting) >= _AT_A_TIME or version >= size:
            application.append(waiting)
            waiting = []
        if version >= size:
            break
    print(f"{size:,} events written", file=sys.stderr)
    _load(application, size)  # leaves a snapshot of a long one


def _commands(size: int, levels: ServiceLevels) -> Iterator[TicketCommand]:
    yield OpenTicket(
        now=_START,
        levels=levels,
        ticket_id=str(size),
        case_number=f"C-{size:06}",
        customer_id="c-1",
        requester=_ADA,
        category="how_to",
        subject=Personal("Opening hours"),
        description=Personal("How do I change them?"),
        channel="api",
    )
    for number in count(1):
        now = _START + timedelta(minutes=number)
        body = Personal("x" * 200)
        match number % 4:
            case 0:
                yield AddReply(now=now, levels=levels, author_role="requester", author=_ADA, body=body)
            case 2:
                yield AddReply(now=now, levels=levels, author_role="staff", author=_ADA, body=body)
            case _:
                yield AddNote(now=now, levels=levels, author_role="staff", author=_ADA, body=body)


def _application(server: BenchmarkServer) -> CaselogApplication:
    return CaselogApplication(environment_of(server.url, _SCHEMA))


class _Case(Aggregate):
    """What a user of the library writes for a case."""

    @event("Opened")
    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.replies = 0

    @event("Replied")
    def reply(self, author: str, body: str) -> None:
        """Add a reply."""
        self.replies += 1
        self.last = author, body


def _library(server: BenchmarkServer) -> Application[UUID]:
    given = parse_dsn(server.url)
    os.environ["PGPASSFILE"] = given.get("passfile", os.environ.get("PGPASSFILE", ""))
    return Application[UUID](
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": given["dbname"],
            "POSTGRES_HOST": given["host"],
            "POSTGRES_PORT": given.get("port", "5432"),
            "POSTGRES_USER": given["user"],
            "POSTGRES_PASSWORD": given.get("password", ""),
            "POSTGRES_SCHEMA": _SCHEMA,
        }
    )


def _aggregate(library: Application[UUID], size: int) -> UUID:
    case = _Case("Opening hours")
    for _ in range(size - 1):
        case.reply("Ada Lovelace", "x" * 200)
    library.save(case)
    return case.id
