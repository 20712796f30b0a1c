"""Several processes that do the same at the same time, each with connections of its own."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from benchmarks.peers import Peer, Turn

_SPAWN = multiprocessing.get_context("spawn")


class Processes:
    """A peer that appends from several processes at once. `make` makes the peer in each of them."""

    def __init__(self, name: str, count: int, make: Callable[[], Peer]) -> None:
        self.name = name
        self._children: list[tuple[BaseProcess, Connection]] = []
        for _ in range(count):
            ours, theirs = _SPAWN.Pipe()
            child = _SPAWN.Process(target=_serve, args=(theirs, make), daemon=True)
            child.start()
            self._children.append((child, ours))
        for _, connection in self._children:
            connection.recv()

    def turn(self, threads: int, seconds: float) -> Turn:
        """Append in every process, in so many threads each."""
        for _, connection in self._children:
            connection.send((threads, seconds))
        return _together([connection.recv() for _, connection in self._children])

    def rows(self) -> int:
        """Return how many events are stored."""
        _, first = self._children[0]
        first.send(None)
        rows: int = first.recv()
        return rows

    def close(self) -> None:
        """End the processes."""
        for child, connection in self._children:
            connection.close()
            child.join()


def _serve(connection: Connection, make: Callable[[], Peer]) -> None:
    peer = make()
    connection.send("ready")
    try:
        while True:
            wanted = connection.recv()
            connection.send(peer.rows() if wanted is None else peer.turn(*wanted))
    except EOFError:
        peer.close()


def _together(turns: Sequence[Turn]) -> Turn:
    """Return what all did. Their latencies are the mean of theirs, which are alike."""
    count = len(turns)
    return Turn(
        events=sum(turn.events for turn in turns),
        seconds=sum(turn.seconds for turn in turns) / count,
        p50_ms=sum(turn.p50_ms for turn in turns) / count,
        p99_ms=sum(turn.p99_ms for turn in turns) / count,
    )
