"""Who sends the appends of many threads to the database: one of them, or one for all that wait.

A thread that finds nothing under way sends its own job, so a lone writer pays for no hand-over. Those that come
meanwhile queue, and committer threads send for all of them, a statement a group. Two groups may be under way: while
the server works on one, the threads of the other come back with their next jobs. docs/adr/0011-group-commit.md says
why, and what was measured.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
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

_CHAINED_FROM = 6
"""Groups of so many jobs wake each other one by one."""
_IDLE_SECONDS = 10.0


class _Waiter:
    """A thread with its job. `done` is released when the outcome is there, or a group that the thread is to send.

    `following` is the waiter that this one wakes as soon as it has woken; one that is `gone` wakes nobody.
    """

    __slots__ = ("answered", "done", "following", "gone", "group", "job", "outcome")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = _taken_lock()  # the cheapest thing in Python to wait for; a condition costs three of them
        self.group: list[_Waiter] = []
        self.outcome: int | Exception = 0
        self.answered = False
        self.following: _Waiter | None = None
        self.gone = False

    def wait(self) -> None:
        """Return when there is an outcome or a group to send."""
        self.done.acquire()
        self.wake_following()

    def wake_following(self) -> None:
        """Let the next one of the group go."""
        if self.following is not None:
            self.following.wake()
            self.following = None

    def wake(self) -> None:
        """Let the thread go, if it was not let go before."""
        with suppress(RuntimeError):  # it was: an interrupt came in between
            self.done.release()

    def answer(self, outcome: int | Exception) -> None:
        """Set the outcome and let the thread go, unless that was done before."""
        if not self.answered:
            self.outcome = outcome
            self.answered = True
            self.done.release()


class _Committer:
    """A thread that sends for others. `woken` is released when, idle, it is given a turn."""

    __slots__ = ("woken",)

    def __init__(self) -> None:
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
        self._under_way: dict[_Waiter | _Committer, int] = {}  # whose turn it is, and the size of the group they send
        self._closed = False
        self._idle: list[_Committer] = []

    def submit(self, job: Job) -> int:
        """Append a job, with others if there are any, and return its position.

        Raises what `send` found for it, and `InterfaceError` after `close`. A thread that is interrupted (Ctrl-C)
        takes its job back if it has not been sent; else the outcome stays open.
        """
        waiter = _Waiter(job)
        try:
            if not self._goes_alone(waiter):
                waiter.wait()
            if waiter.group:
                self._send_group(waiter.group)
        finally:
            if not waiter.answered or waiter.following is not None or waiter in self._under_way:
                try:
                    self._leave(waiter)
                except BaseException:  # interrupted just here
                    self._leave(waiter)
                    raise
        if isinstance(waiter.outcome, Exception):
            raise waiter.outcome
        return waiter.outcome

    def close(self) -> None:
        """Refuse new jobs and those that queue. A group under way is finished."""
        with self._mutex:
            self._closed = True
            refused, self._queue = self._queue, deque()
        for waiter in refused:
            waiter.answer(InterfaceError("the log was closed"))

    def _goes_alone(self, waiter: _Waiter) -> bool:
        """Give the thread a turn for its own job if nothing is under way, else queue it."""
        with self._mutex:
            if self._closed:
                raise InterfaceError("the log is closed")
            if self._under_way:
                self._queue.append(waiter)
                self._pass_turn()
                return False
            waiter.group = [waiter]
            self._under_way[waiter] = 1
            return True

    def _leave(self, waiter: _Waiter) -> None:
        """Take back what the thread queued, or end its turn. May be repeated where it was interrupted."""
        with self._mutex:
            if waiter in self._queue:
                self._queue.remove(waiter)
            for other in waiter.group:
                if other is not waiter:
                    other.answer(OutcomeUnknown("the append was interrupted"))
            waiter.group = []  # it holds the waiter
            waiter.gone = True
            waiter.wake_following()
            self._under_way.pop(waiter, None)
            self._pass_turn()

    def _pass_turn(self) -> None:
        """Give a turn to a committer, if there is one to give. The caller holds the mutex.

        An interrupt leaves nobody counted who was not told.
        """
        if len(self._under_way) >= self._lanes or len(self._queue) < self._least():
            return
        if self._idle:
            committer = self._idle.pop()
            self._under_way[committer] = 0
            committer.woken.release()
            return
        committer = _Committer()
        self._under_way[committer] = 0
        try:
            Thread(target=self._run, args=(committer,), name="log committer", daemon=True).start()
        except RuntimeError:  # no more threads can be had: who waits first sends one group, its own job in it
            del self._under_way[committer]
            first = self._queue[0]
            first.group = self._take(first)
            first.done.release()
        except BaseException:
            del self._under_way[committer]
            raise

    def _run(self, committer: _Committer) -> None:
        """Be a committer, whose turn it is, until nothing has come for a while."""
        while True:
            while group := self._next_group(committer):
                with suppress(BaseException):  # they know
                    self._send_group(group)
            if not self._is_woken(committer):
                return

    def _is_woken(self, committer: _Committer) -> bool:
        """Wait for a turn; give up where none comes."""
        while not committer.woken.acquire(timeout=_IDLE_SECONDS):
            with self._mutex:
                if committer in self._idle:
                    self._idle.remove(committer)
                if committer not in self._under_way:
                    return False
        return True

    def _send_group(self, group: list[_Waiter]) -> None:
        """Send a group and answer all of it, whatever happens."""
        try:
            self._answer(group, self._send([waiter.job for waiter in group]))
        except BaseException as error:
            unknown = OutcomeUnknown("the append was interrupted")
            unknown.__cause__ = error
            for waiter in group:
                waiter.answer(unknown)
                waiter.wake()  # those that had an answer, but nobody yet to wake them
            raise

    def _answer(self, group: list[_Waiter], outcomes: Sequence[int | Exception]) -> None:
        """Give each its outcome. Of many, each wakes the next: woken at once they would only queue for the interpreter.

        At 64 threads that is half as fast again (docs/adr/0011-group-commit.md).
        """
        waking: list[_Waiter] = []
        with self._mutex:  # nobody leaves meanwhile
            for waiter, outcome in zip(group, outcomes, strict=True):
                if not waiter.answered:
                    waiter.outcome = outcome
                    waiter.answered = True
                    if not waiter.gone:
                        waking.append(waiter)
            if len(waking) >= _CHAINED_FROM:
                for waiter, following in pairwise(waking):
                    waiter.following = following
                del waking[1:]
        for waiter in waking:
            waiter.wake()

    def _least(self) -> int:
        """Return how many jobs are worth a group of their own now.

        Beside another group as many as that one has: fewer had better wait for it than cost a statement more.
        """
        jobs_under_way = sum(self._under_way.values())
        return max(2, jobs_under_way) if jobs_under_way else 1

    def _next_group(self, committer: _Committer) -> list[_Waiter]:
        """Take the next group of a committer's turn. Ends the turn where there are too few jobs."""
        with self._mutex:
            if self._under_way.pop(committer, None) is None:
                return []  # the turn was taken back before the thread ran
            if len(self._queue) < self._least():
                self._idle.append(committer)
                return []
            return self._take(committer)

    def _take(self, sender: _Waiter | _Committer) -> list[_Waiter]:
        """Take jobs off the queue, in their order; one that depends on another taken before it stays.

        The caller holds the mutex.
        """
        group: list[_Waiter] = []
        left: deque[_Waiter] = deque()
        written: set[object] = set()
        size = 0
        for waiter in self._queue:
            job = waiter.job
            fits = len(group) < self._job_limit and size + job.size <= self._byte_limit
            if group and not (fits and written.isdisjoint(job.writes) and written.isdisjoint(job.reads)):
                left.append(waiter)
                continue
            group.append(waiter)
            written.update(job.writes)
            size += job.size
        self._under_way[sender] = len(group)
        self._queue = left
        return group


def _taken_lock() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
