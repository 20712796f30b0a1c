"""Who sends the appends of many threads to the database: one of them, or one for all that wait.

A thread that finds nothing under way sends its own job, so a lone writer pays for no hand-over. Those that come
meanwhile queue, and committer threads send for all of them, a statement a group. Two groups may be under way: while
the server works on one, the threads of the other come back with their next jobs. docs/adr/0011-group-commit.md says
why, and what was measured.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock, Thread

from eventsourcing.persistence import InterfaceError

from commands.ports import OutcomeUnknown
from infra.log.job import Job

Send = Callable[[Sequence[Job]], Sequence[int | Exception]]
"""Appends a group of jobs that do not depend on one another and returns the position or the error of each.

Several may be under way at once; the database puts them in order.
"""

LANES = 2
"""Groups under way at once. A third would only wait for the head row."""

_IDLE_SECONDS = 10.0


class _Waiter:
    """A thread whose job is queued. `done` is released when the outcome is there."""

    __slots__ = ("done", "job", "outcome")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = _taken_lock()  # the cheapest thing in Python to wait for; a condition costs three of them
        self.outcome: int | Exception = 0

    def wait(self) -> None:
        """Return when the outcome is there."""
        self.done.acquire()


class _Committer:
    """A thread that sends for others. `woken` is released when it is its turn, which is then counted as under way."""

    __slots__ = ("started", "woken")

    def __init__(self) -> None:
        self.started = False
        self.woken = _taken_lock()


class GroupCommit:
    """Joins the jobs of the threads of one process into groups.

    At most `lanes` groups are under way. A group has at most `job_limit` jobs and, but for a single job that is larger,
    `byte_limit` bytes of events.
    """

    def __init__(self, send: Send, *, lanes: int = LANES, job_limit: int = 256, byte_limit: int = 1_000_000) -> None:
        self._send = send
        self._lanes = lanes
        self._job_limit = job_limit
        self._byte_limit = byte_limit
        self._mutex = Lock()  # guards all that follows
        self._queue: deque[_Waiter] = deque()
        self._groups_under_way = 0
        self._jobs_under_way = 0
        self._closed = False
        self._idle: list[_Committer] = []

    def submit(self, job: Job) -> int:
        """Append a job, with others if there are any, and return its position.

        Raises what `send` found for it, and `InterfaceError` after `close`. A thread that is interrupted (Ctrl-C)
        takes its job back if it has not been sent; else the outcome stays open.
        """
        waiter: _Waiter | None = None
        turn: _Committer | None = None
        with self._mutex:
            if self._closed:
                raise InterfaceError("the log is closed")
            if self._groups_under_way:
                waiter = _Waiter(job)
                self._queue.append(waiter)
                turn = self._next_turn()
            else:
                self._groups_under_way = self._jobs_under_way = 1
        if waiter is None:
            outcome = self._send_alone(job)
        else:
            self._give(turn)
            outcome = self._wait(waiter)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Refuse new jobs and those that queue. A group under way is finished."""
        with self._mutex:
            self._closed = True
            refused, self._queue = self._queue, deque()
        for waiter in refused:
            waiter.outcome = InterfaceError("the log was closed")
            waiter.done.release()

    def _wait(self, waiter: _Waiter) -> int | Exception:
        try:
            waiter.wait()
        except BaseException:
            with self._mutex:
                if waiter in self._queue:
                    self._queue.remove(waiter)
            raise
        return waiter.outcome

    def _send_alone(self, job: Job) -> int | Exception:
        try:
            return self._send([job])[0]
        finally:
            with self._mutex:
                self._groups_under_way -= 1
                self._jobs_under_way -= 1
                turn = self._next_turn()
            self._give(turn)

    def _next_turn(self) -> _Committer | None:
        """Return the committer whose turn it is, if it is anybody's.

        The caller holds the mutex, and gives the turn when it no longer does.
        """
        if self._groups_under_way == self._lanes or len(self._queue) < self._least():
            return None
        self._groups_under_way += 1
        return self._idle.pop() if self._idle else _Committer()

    def _give(self, turn: _Committer | None) -> None:
        if turn is None:
            return
        turn.woken.release()
        if not turn.started:
            turn.started = True
            try:
                Thread(target=self._run, args=(turn,), name="log committer", daemon=True).start()
            except RuntimeError:  # no more threads can be had: do its work here
                self._send_queue(None)

    def _run(self, committer: _Committer) -> None:
        """Be a committer until nothing has come for a while."""
        while self._is_woken(committer):
            self._send_queue(committer)

    def _is_woken(self, committer: _Committer) -> bool:
        """Wait for a turn; give up where none comes."""
        while not committer.woken.acquire(timeout=_IDLE_SECONDS):
            with self._mutex:
                if committer in self._idle:
                    self._idle.remove(committer)
                    return False
        return True

    def _send_queue(self, committer: _Committer | None) -> None:
        """Send groups while it is this thread's turn; afterwards the committer idles."""
        sent = 0
        while group := self._next_group(committer, sent):
            sent = len(group)
            try:
                outcomes = self._send([waiter.job for waiter in group])
                for waiter, outcome in zip(group, outcomes, strict=True):
                    waiter.outcome = outcome
            except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
                unknown = OutcomeUnknown("the append was interrupted")
                unknown.__cause__ = error
                for waiter in group:
                    waiter.outcome = unknown
            for waiter in group:
                waiter.done.release()

    def _least(self) -> int:
        """Return how many jobs are worth a group of their own now.

        Beside another group nearly as many as that one has: fewer had better wait for it than cost a statement more.
        """
        return max(2, self._jobs_under_way * 3 // 4) if self._jobs_under_way else 1

    def _next_group(self, committer: _Committer | None, sent: int) -> list[_Waiter]:
        """Take jobs off the queue, in their order; one that depends on another taken before it stays.

        `sent` is the size of the turn's last group. Ends the turn where there are too few jobs.
        """
        group: list[_Waiter] = []
        left: deque[_Waiter] = deque()
        written: set[object] = set()
        size = 0
        with self._mutex:
            self._jobs_under_way -= sent
            if len(self._queue) < self._least():
                self._groups_under_way -= 1
                if committer is not None:
                    self._idle.append(committer)
                return group
            for waiter in self._queue:
                job = waiter.job
                fits = len(group) < self._job_limit and size + job.size <= self._byte_limit
                if group and not (fits and written.isdisjoint(job.writes) and written.isdisjoint(job.reads)):
                    left.append(waiter)
                    continue
                group.append(waiter)
                written.update(job.writes)
                size += job.size
            self._queue = left
            self._jobs_under_way += len(group)
        return group


def _taken_lock() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
