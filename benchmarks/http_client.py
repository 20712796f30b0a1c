"""A client that costs little, for the machine has two cores: one thread, many connections, answers barely looked at.

Open loop: requests are due at planned instants, whatever the server does, and a latency counts from the planned
instant, so that a server that stalls is charged for all who would have come meanwhile. Closed loop: every connection
sends its next request when it has its answer.
"""

import multiprocessing
import re
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random
from time import perf_counter, process_time

import msgspec

Requests = Callable[[], Iterator[bytes]]
"""Makes the requests to send, each the whole of an HTTP/1.1 request; called in the client's process."""

_SPAWN = multiprocessing.get_context("spawn")
_SETTLE_SECONDS = 10.0
_POSITION = re.compile(rb'"position":([0-9]+)')  # the first one in the body is the command's own


class Exchange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request and its answer: its number in the run, when it was due and its answer was there (seconds)."""

    number: int
    planned: float
    answered: float
    status: int
    has_retry_after: bool
    position: int
    """Of the command's last event, as the answer says; 0 where it says none."""

    @property
    def latency(self) -> float:
        """Seconds from the instant at which it was due."""
        return self.answered - self.planned


class Answers(msgspec.Struct, frozen=True):
    """What a run brought: counts by status, seconds it took, latencies in seconds, the client's own processor time.

    `exchanges`: each of them, where the run was asked to keep them.
    """

    statuses: dict[int, int]
    seconds: float
    latencies: list[float]
    cpu_seconds: float
    late_seconds: float
    exchanges: list[Exchange] = []

    @property
    def per_second(self) -> float:
        """Answers of status 2xx a second."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency that this share of the requests does not exceed, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def closed_loop(port: int, make: Requests, *, connections: int, seconds: float) -> Answers:
    """Send as fast as answers come, over so many connections."""
    return _in_a_process(port, make, connections, None, seconds, keep=False)


def open_loop(port: int, make: Requests, *, per_second: float, connections: int, seconds: float, seed: int) -> Answers:
    """Send at planned instants, at random (Poisson) so many a second; late ones wait for a free connection."""
    planned = planned_instants([(per_second, seconds)], seed)
    return _in_a_process(port, make, connections, planned, seconds, keep=False)


def as_planned(port: int, make: Requests, planned: Sequence[float], *, connections: int) -> Answers:
    """Send at these instants, and keep each exchange; requests are made before the first of them is sent."""
    return _in_a_process(port, make, connections, planned, planned[-1], keep=True)


def planned_instants(phases: Sequence[tuple[float, float]], seed: int) -> list[float]:
    """Return instants at random (Poisson): in each phase so many a second, for so many seconds."""
    random = Random(seed)
    planned: list[float] = []
    start = 0.0
    for per_second, seconds in phases:
        at = start
        while (at := at + random.expovariate(per_second)) < start + seconds:
            planned.append(at)
        start += seconds
    return planned


def _in_a_process(
    port: int, make: Requests, connections: int, planned: Sequence[float] | None, seconds: float, *, keep: bool
) -> Answers:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_run, args=(theirs, port, make, connections, planned, seconds, keep), daemon=True)
    process.start()
    theirs.close()
    error, answers = ours.recv()
    process.join()
    if error:
        raise RuntimeError(error)
    return msgspec.convert(answers, Answers)


def _run(
    pipe: "multiprocessing.connection.Connection",
    port: int,
    make: Requests,
    connections: int,
    planned: Sequence[float] | None,
    seconds: float,
    keep: bool,
) -> None:
    try:
        requests = iter(list(islice(make(), len(planned)))) if keep and planned is not None else make()
        answers = _Client(port, requests, connections, keep=keep).run(planned, seconds)
        pipe.send((None, msgspec.to_builtins(answers)))
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        pipe.send((repr(error), None))


class _Connection:
    """One connection, and the answer that is coming in."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0
        self.planned = 0.0
        self.head = b""
        self.body = b""
        self._buffer = b""

    def send(self, request: bytes, number: int, planned: float) -> None:
        self.number = number
        self.planned = planned
        self._buffer = b""
        self.socket.sendall(request)

    def received(self) -> int | None:
        """Take in what has come; the status, once the answer is whole."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._buffer += part
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        lower = self.head = head.lower()
        self.body = body
        at = lower.index(b"content-length:") + 15
        length = int(lower[at : lower.find(b"\r", at) if b"\r" in lower[at:] else None])
        return int(head[9:12]) if len(body) >= length else None


class _Client:
    def __init__(self, port: int, requests: Iterator[bytes], connections: int, *, keep: bool) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Connection] = deque()
        for _ in range(connections):
            connection = _Connection(port)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._idle.append(connection)
        self._statuses: dict[int, int] = {}
        self._latencies: list[float] = []
        self._exchanges: list[Exchange] | None = [] if keep else None
        self._started = 0.0
        self._sent = 0
        self._busy = 0

    def run(self, planned: Sequence[float] | None, seconds: float) -> Answers:
        cpu, started = process_time(), perf_counter()
        self._started = started
        late = 0.0
        waiting = deque(planned or ())
        while True:
            now = perf_counter() - started
            if planned is None:
                while self._idle and now < seconds:
                    self._send(started + now)
            else:
                while waiting and self._idle and waiting[0] <= now:
                    late = max(late, now - waiting[0])
                    self._send(started + waiting.popleft())
            if not self._busy and (now >= seconds if planned is None else not waiting):
                break
            if now > seconds + _SETTLE_SECONDS:
                raise TimeoutError(f"{self._busy} requests were not answered, {len(waiting)} not sent")
            self._receive(max(0.0, waiting[0] - now) if waiting and self._idle else 0.5)
        elapsed = perf_counter() - started
        return Answers(
            self._statuses, elapsed, self._latencies, process_time() - cpu, late, exchanges=self._exchanges or []
        )

    def _send(self, planned: float) -> None:
        self._idle.popleft().send(next(self._requests), self._sent, planned)
        self._sent += 1
        self._busy += 1

    def _receive(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            connection: _Connection = key.data
            status = connection.received()
            if status is not None:
                now = perf_counter()
                self._latencies.append(now - connection.planned)
                if self._exchanges is not None:
                    self._exchanges.append(self._exchange(connection, status, now))
                self._statuses[status] = self._statuses.get(status, 0) + 1
                self._busy -= 1
                self._idle.append(connection)

    def _exchange(self, connection: _Connection, status: int, now: float) -> Exchange:
        found = _POSITION.search(connection.body)
        return Exchange(
            number=connection.number,
            planned=connection.planned - self._started,
            answered=now - self._started,
            status=status,
            has_retry_after=b"\r\nretry-after:" in connection.head,
            position=int(found[1]) if found else 0,
        )
