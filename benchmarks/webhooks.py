"""How fast are events sent to webhooks, and how long after a command? Sender and receiver are processes apart."""

import multiprocessing
import os
import re
import subprocess
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from time import monotonic, sleep
from typing import Any

import msgspec

from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.report import Figure, Report
from benchmarks.server import benchmark_server
from benchmarks.visibility import percentile_ms
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.founding import found_desk
from commands.handlers.catalogue import HANDLERS
from infra.clock import SystemClock
from infra.log.factory import environment_of
from infra.postgres.migrations import migrate

_SCHEMA = "benchmark"
_SPAWN = multiprocessing.get_context("spawn")
_PER_SECOND = 50
_POSITION = re.compile(rb'"position":([0-9]+)')


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--rounds", type=at_least(1), default=3, help="rounds (3)")
    parser.add_argument("--events", type=at_least(100), default=1_000, help="events that are sent in each round (1000)")
    parser.add_argument("--webhooks", type=at_least(2), default=16, help="webhooks that are sent to at once (16)")


def measure(options: Namespace) -> Report:
    """Let a log be sent to one webhook and to many, over and over, and to one as commands come in."""
    rates: dict[str, list[float]] = {}
    latencies: list[list[float]] = []
    with benchmark_server() as server:
        migrate(server.url, _SCHEMA)
        calibrator = Calibrator(server.folder)
        with _desk(server.url) as commands, _receiver() as receiver, _delivering(server.url):
            first = commands.article()
            for _ in range(options.events - 1):
                commands.article()
            for number in range(options.webhooks):
                commands.send(
                    "create-webhook", webhook_id=f"w{number}", url=receiver.url, types=["ArticlePublished.v1"]
                )
            for _ in range(options.rounds):
                calibrator.measure()
                plain = f"{options.events} messages posted one after the other, unsigned, from no log"
                rates.setdefault(plain, []).append(receiver.plain(options.events))
                for many in (1, options.webhooks):
                    for number in range(many):
                        commands.send("replay-webhook", webhook=f"w{number}", after=first - 1)
                    name = "one webhook" if many == 1 else f"{many} webhooks together"
                    rates.setdefault(name, []).append(receiver.rate(many * options.events))
                for number in range(1, options.webhooks):
                    commands.send("disable-webhook", webhook=f"w{number}", reason="one is enough")
                latencies.append(receiver.latencies(commands))
                for number in range(1, options.webhooks):
                    commands.send("enable-webhook", webhook=f"w{number}", missed="skip")
        durability = server.durability()
    figures = [Figure(name=name, unit="messages/s", rounds=rounds) for name, rounds in rates.items()]
    figures += [
        Figure(
            name=f"from a command's answer to its message, {_PER_SECOND} commands/s, p{share:.0%}".replace("%", ""),
            unit="ms",
            rounds=[percentile_ms(each, share) for each in latencies],
        )
        for share in (0.5, 0.99)
    ]
    return Report(
        benchmark="webhooks",
        question="How many messages a second are sent to receivers that answer at once, and how soon?",
        settings={"rounds": f"{options.rounds} of {options.events} events", "durability": durability},
        figures=figures,
        notes=[
            "Sender and receiver are one process of Python each: they, not the network, are what holds the messages up."
        ],
        calibration=calibrator.calibration,
    )


class _Commands:
    """Carries out commands, as quickly as they come."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def send(self, command: str, **data: Any) -> int:
        """Carry out a command and return its position."""
        request = Request(command=command, data=data, fingerprint="", caller="b", actor="b", correlation_id="b")
        return msgspec.json.decode(self._dispatcher.execute(request).body, type=_Position).position

    def article(self) -> int:
        """Let an event happen that the webhooks want."""
        return self.send("publish-article", title="Opening hours", body="x" * 500, topics=[])


class _Position(msgspec.Struct):
    position: int


class _Receiver:
    """The receiver in its process: what came, and when, by a clock that all processes share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.port: int = connection.recv()
        self.url = f"http://127.0.0.1:{self.port}/"

    def await_messages(self, count: int) -> list[tuple[int, float]]:
        """Wait for so many messages: position and instant of each."""
        self._connection.send(count)
        came: list[tuple[int, float]] = self._connection.recv()
        return came

    def rate(self, count: int) -> float:
        """Return how many of the next messages came in a second."""
        came = self.await_messages(count)
        return (count - 1) / (came[-1][1] - came[0][1])

    def plain(self, count: int) -> float:
        """Return the same of messages that are posted over one connection with nothing else to do."""
        connection = HTTPConnection("127.0.0.1", self.port)
        for _ in range(count):
            connection.request("POST", "/", b'{"position":1,"data":"' + b"x" * 900 + b'"}')
            connection.getresponse().read()
        connection.close()
        return self.rate(count)

    def latencies(self, commands: _Commands) -> list[float]:
        """Return the seconds from each command's answer to the arrival of its message."""
        done: dict[int, float] = {}
        for _ in range(4 * _PER_SECOND):
            done[commands.article()] = monotonic()
            sleep(1 / _PER_SECOND)
        came: dict[int, float] = {}
        while not done.keys() <= came.keys():  # one may come twice, from before
            position, at = self.await_messages(1)[0]
            came.setdefault(position, at)
        return [max(0.0, came[position] - at) for position, at in done.items()]


@contextmanager
def _desk(url: str) -> Iterator[_Commands]:
    environment = environment_of(url, _SCHEMA)
    with CaselogApplication(environment) as application:
        clock = SystemClock()
        found_desk(application, now=clock.now(), zone="America/Denver", currency="USD")
        yield _Commands(Dispatcher(application, clock, HANDLERS))


@contextmanager
def _delivering(url: str) -> Iterator[None]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "deliver"],
        env={**clean, "CASELOG_DATABASE_URL": url, "CASELOG_SCHEMA": _SCHEMA},
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    ours, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(target=_receive, args=(theirs,), daemon=True)
    child.start()
    try:
        yield _Receiver(ours)
    finally:
        child.terminate()
        child.join()


def _receive(connection: Connection) -> None:
    """Take messages, and tell of so many as are asked for, each once."""
    came: list[tuple[int, float]] = []
    arrived = threading.Condition()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()
            found = _POSITION.search(body)
            with arrived:
                came.append((int(found[1]) if found else 0, monotonic()))
                arrived.notify()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection.send(server.server_address[1])
    while True:
        wanted = connection.recv()
        with arrived:
            while len(came) < wanted:
                arrived.wait()
            connection.send(came[:wanted])
            del came[:wanted]
