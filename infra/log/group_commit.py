"""Who sends the appends of many threads to the database: one of them, or one for all that wait.

A thread that finds nobody sending sends its own job, so a lone writer pays for no hand-over. Those that come meanwhile
queue, and a committer thread sends for all of them in one statement. docs/adr/0011-group-commit.md says
why, and what was measured.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from time import perf_counter

from eventsourcing.persistence import InterfaceError

from commands.ports import OutcomeUnknown
from infra.log.job import Job

Send = Callable[[Sequence[Job]], Sequence[int | Exception]]
"""Appends a group of jobs that do not depend on one another and returns the position or the error of each."""

_LONGEST_WAIT_SECONDS = 0.005
_MOST_GROUPS_WITHOUT_WAIT = 63
_IDLE_SECONDS = 10.0


class _Waiter:
    """A thread whose job is queued. `done` is released when the outcome is there."""

    __slots__ = ("done", "job", "outcome")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = Lock()  # the cheapest thing in Python to wait for; a condition costs three of them
        self.done.acquire()
        self.outcome: int | Exception = 0

    def wait(self) -> None:
        """Return when the outcome is there."""
        self.done.acquire()


class GroupCommit:
    """Joins the jobs of the threads of one process into groups; one group is under way at a time.

    A group has at most `job_limit` jobs and, but for a single job that is larger, `byte_limit` bytes of events.
    """

    def __init__(self, send: Send, *, job_limit: int = 256, byte_limit: int = 1_000_000) -> None:
        self._send = send
        self._job_limit = job_limit
        self._byte_limit = byte_limit
        self._mutex = Lock()  # guards all that follows
        self._queue: deque[_Waiter] = deque()
        self._sending = False
        self._closed = False
        self._committer: Thread | None = None
        self._awaited = 0  # length of queue at which the committer wants to be woken from `_gather`
        self._woken = _taken_lock()
        self._gathered = _taken_lock()
        # What the committer alone uses.
        self._groups_without_wait = 0
        self._backoff = 0

    def submit(self, job: Job) -> int:
        """Append a job, with others if there are any, and return its position.

        Raises what `send` found for it, and `InterfaceError` after `close`. A thread that is interrupted (Ctrl-C)
        takes its job back if it has not been sent; else the outcome stays open.
        """
        waiter: _Waiter | None = None
        with self._mutex:
            if self._closed:
                raise InterfaceError("the log is closed")
            if self._sending:
                waiter = _Waiter(job)
                self._queue.append(waiter)
                if self._awaited and len(self._queue) >= self._awaited:
                    self._awaited = 0
                    self._gathered.release()
            self._sending = True
        outcome = self._send_alone(job) if waiter is None else self._wait(waiter)
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
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the right to send to the committer, if somebody queues."""
        with self._mutex:
            if not self._queue:
                self._sending = False
                return
            if self._committer is not None and self._committer.is_alive():
                self._woken.release()
                return
            self._committer = committer = Thread(target=self._run, name="log committer", daemon=True)
        try:
            committer.start()
        except RuntimeError:  # no more threads can be had: do its work here, once
            self._committer = None
            self._send_queue()

    def _run(self) -> None:
        """Be the committer until nothing has come for a while. Begins with the right to send."""
        self._send_queue()
        while self._is_woken():
            self._send_queue()

    def _is_woken(self) -> bool:
        """Wait for the right to send; give up where nobody sends who could hand it over."""
        while not self._woken.acquire(timeout=_IDLE_SECONDS):
            with self._mutex:
                if not self._sending:
                    self._committer = None
                    return False
        return True

    def _send_queue(self) -> None:
        group = self._next_group()
        while group:
            started = perf_counter()
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
            self._gather(len(group), perf_counter() - started)
            group = self._next_group()

    def _next_group(self) -> list[_Waiter]:
        """Take jobs off the queue, in their order; one that depends on another taken before it stays.

        Gives the right to send back where there is none.
        """
        group: list[_Waiter] = []
        left: deque[_Waiter] = deque()
        written: set[object] = set()
        size = 0
        with self._mutex:
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
            if not group:
                self._sending = False
        return group

    def _gather(self, released: int, send_seconds: float) -> None:
        """Wait for the threads just released to come back with their next jobs, for no longer than it can gain.

        Without this, threads in a loop fall into groups of all but one and one. Where they do not come back in time
        (they have other things to do), it is tried again only after 1, 3, 7 ... 63 groups.
        """
        if self._groups_without_wait:
            self._groups_without_wait -= 1
            return
        with self._mutex:
            awaited = min(released + len(self._queue), self._job_limit)
            if len(self._queue) >= awaited or self._closed:
                return
            self._awaited = awaited
        if self._gathered.acquire(timeout=min(2 * send_seconds, _LONGEST_WAIT_SECONDS)):
            self._backoff = 0
            return
        with self._mutex:
            if self._awaited:
                self._awaited = 0
            else:
                self._gathered.acquire()  # the last one came just after the time
        self._backoff = min(2 * self._backoff + 1, _MOST_GROUPS_WITHOUT_WAIT)
        self._groups_without_wait = self._backoff


def _taken_lock() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
