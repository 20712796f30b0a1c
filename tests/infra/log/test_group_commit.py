"""Threads that append at the same time are sent together, each gets its own outcome, and nobody is left waiting."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Semaphore, Thread, get_ident
from threading import enumerate as enumerate_threads
from time import monotonic, sleep

import pytest
from eventsourcing.persistence import DataError, InterfaceError, StoredEvent

from commands.ports import Claim, Guard, IdempotencyRecord, OutcomeUnknown
from infra.log import group_commit
from infra.log.group_commit import GroupCommit
from infra.log.job import Job

WAIT = 20.0


def job(*stream_ids: str, guards: Sequence[Guard] = (), claims: Sequence[Claim] = (), key: str | None = None) -> Job:
    return Job(
        [StoredEvent(stream_id, 1, "topic", b"state") for stream_id in stream_ids],
        guards=guards,
        claims=claims,
        idempotency=None if key is None else IdempotencyRecord("scope", key, "print", "{}"),
    )


class Database:
    """Stands where the database does: takes groups when told to, and answers with rising positions."""

    def __init__(self) -> None:
        self.groups: list[list[Job]] = []
        self.begun = Semaphore(0)
        self._finish = Semaphore(0)
        self._head = 0

    def send(self, jobs: Sequence[Job]) -> Sequence[int | Exception]:
        self.groups.append(list(jobs))
        self.begun.release()
        assert self._finish.acquire(timeout=WAIT)
        outcomes = list(range(self._head + 1, self._head + 1 + len(jobs)))
        self._head += len(jobs)
        return outcomes

    def finish_one(self) -> None:
        self._finish.release()

    @contextmanager
    def busy(self, commits: GroupCommit) -> Iterator[None]:
        """Keep a first job under way inside, and let everything through afterwards."""
        first = Caller(commits, job("first"))
        assert self.begun.acquire(timeout=WAIT)
        yield
        self._finish.release(1000)
        assert first.result() == 1


class Caller:
    """A thread that submits one job."""

    def __init__(self, commits: GroupCommit, wanted: Job) -> None:
        self._outcome: int | BaseException | None = None
        self._thread = Thread(target=self._run, args=(commits, wanted))
        self._thread.start()

    def _run(self, commits: GroupCommit, wanted: Job) -> None:
        try:
            self._outcome = commits.submit(wanted)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self._outcome = error

    def result(self) -> int | BaseException | None:
        self._thread.join(timeout=WAIT)
        assert not self._thread.is_alive(), "left waiting"
        return self._outcome


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = monotonic() + WAIT
    while not is_so():
        assert monotonic() < deadline, "did not come about"
        sleep(0.001)


def queue(commits: GroupCommit, *jobs: Job) -> list[Caller]:
    """Start a caller for each job, in their order, and return once all of them queue."""
    callers: list[Caller] = []
    before = len(commits._queue)
    for wanted in jobs:
        callers.append(Caller(commits, wanted))
        wait_until(lambda: len(commits._queue) >= before + len(callers))
    return callers


def test_jobs_that_come_while_one_is_sent_go_together_in_their_order() -> None:
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    jobs = [job(f"s-{number}") for number in range(5)]
    with database.busy(commits):
        callers = queue(commits, *jobs)
    assert [caller.result() for caller in callers] == [2, 3, 4, 5, 6]
    assert database.groups[1:] == [jobs]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (job("a", "b"), job("b", "c")),
        (job("a"), job("b", guards=[Guard("a", 0)])),
        (job("a", claims=[Claim("k", "1", "a")]), job("b", claims=[Claim("k", "1", "b")])),
        (job("a", key="1"), job("b", key="1")),
    ],
    ids=["stream", "guarded stream", "claim", "idempotency key"],
)
def test_a_job_that_depends_on_an_earlier_one_waits_for_the_next_group(earlier: Job, later: Job) -> None:
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    independent = job("z")
    with database.busy(commits):
        callers = queue(commits, earlier, later, independent)
    assert [caller.result() for caller in callers] == [2, 4, 3]
    assert database.groups[1:] == [[earlier, independent], [later]]


def test_a_job_that_read_what_a_later_one_writes_goes_with_it() -> None:
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    jobs = [job("b", guards=[Guard("a", 0)]), job("a")]
    with database.busy(commits):
        callers = queue(commits, *jobs)
    assert [caller.result() for caller in callers] == [2, 3]
    assert database.groups[1:] == [jobs]


def test_groups_are_bounded_in_jobs_and_in_bytes_and_a_larger_job_goes_alone() -> None:
    database = Database()
    commits = GroupCommit(database.send, lanes=1, job_limit=3, byte_limit=25)
    large = job(*(f"l-{number}" for number in range(10)))
    jobs = [*(job(f"s-{number}") for number in range(4)), large, *(job(f"t-{number}") for number in range(2))]
    with database.busy(commits):
        callers = queue(commits, *jobs)
    assert all(isinstance(caller.result(), int) for caller in callers)
    assert [len(group) for group in database.groups] == [1, 3, 3, 1]
    assert database.groups[3] == [large]


def test_beside_a_group_another_goes_once_it_is_as_large() -> None:
    database = Database()
    commits = GroupCommit(database.send)
    first = Caller(commits, job("first"))
    assert database.begun.acquire(timeout=WAIT)
    beside = queue_until_sent(database, commits, [job("a"), job("b")])
    waiting = queue(commits, job("c"), job("d"), job("e"))
    assert len(database.groups) == 2, "two are under way, as many as there may be"

    database.finish_one()
    assert database.begun.acquire(timeout=WAIT)
    assert [len(group) for group in database.groups] == [1, 2, 3]
    database._finish.release(1000)
    assert all(isinstance(caller.result(), int) for caller in [first, *beside, *waiting])


def test_beside_eight_jobs_seven_wait_and_eight_go() -> None:
    database = Database()
    commits = GroupCommit(database.send)
    first = Caller(commits, job("first"))
    assert database.begun.acquire(timeout=WAIT)
    two = queue_until_sent(database, commits, [job("a"), job("b")])
    eight = queue(commits, *(job(f"c-{number}") for number in range(8)))
    database.finish_one()
    assert database.begun.acquire(timeout=WAIT)
    database.finish_one()
    wait_until(lambda: sum(commits._under_way.values()) == 8)

    seven = queue(commits, *(job(f"d-{number}") for number in range(7)))
    assert not database.begun.acquire(timeout=0.05)
    eighth = Caller(commits, job("e"))
    assert database.begun.acquire(timeout=WAIT)
    assert [len(group) for group in database.groups] == [1, 2, 8, 8]
    database._finish.release(1000)
    assert all(isinstance(caller.result(), int) for caller in [first, *two, *eight, *seven, eighth])


def test_too_few_for_a_group_beside_another_wait_for_that_one() -> None:
    database = Database()
    commits = GroupCommit(database.send)
    with database.busy(commits):
        [lonely] = queue(commits, job("a"))
        assert len(database.groups) == 1
    assert lonely.result() == 2


def test_two_groups_at_once_take_every_job_once() -> None:
    under_way, most = 0, 0
    sent: list[str] = []
    mutex = Lock()

    def send(jobs: Sequence[Job]) -> Sequence[int | Exception]:
        nonlocal under_way, most
        with mutex:
            under_way += 1
            most = max(most, under_way)
        Event().wait(0.002)
        with mutex:
            under_way -= 1
            sent.extend(str(each.streams) for each in jobs)
        return [1] * len(jobs)

    commits = GroupCommit(send)

    def run(name: int) -> None:
        for number in range(50):
            commits.submit(job(f"{name}-{number}"))

    threads = [Thread(target=run, args=(name,)) for name in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=WAIT)
        assert not thread.is_alive(), "left waiting"
    assert most == 2
    assert len(sent) == len(set(sent)) == 600


def queue_until_sent(database: Database, commits: GroupCommit, jobs: list[Job]) -> list[Caller]:
    """Start callers, and return once their group is under way."""
    callers = [*queue(commits, *jobs[:-1]), Caller(commits, jobs[-1])]
    assert database.begun.acquire(timeout=WAIT)
    return callers


def test_an_error_of_one_job_is_raised_in_its_thread_alone() -> None:
    def send(jobs: Sequence[Job]) -> Sequence[int | Exception]:
        if len(jobs) == 1:
            begun.set()
            assert may_end.wait(WAIT)
            return [1]
        return [2, DataError("bad"), 3]

    begun, may_end = Event(), Event()
    commits = GroupCommit(send, lanes=1)
    first = Caller(commits, job("first"))
    assert begun.wait(WAIT)
    callers = queue(commits, job("a"), job("b"), job("c"))
    may_end.set()
    assert first.result() == 1
    good, bad, good_too = [caller.result() for caller in callers]
    assert (good, good_too) == (2, 3)
    assert isinstance(bad, DataError)


def test_a_sender_that_breaks_leaves_nobody_waiting_and_the_next_job_goes_through() -> None:
    broken = Event()

    def send(jobs: Sequence[Job]) -> Sequence[int | Exception]:
        if len(jobs) == 2:
            broken.set()
            raise MemoryError
        return database.send(jobs)

    database = Database()
    commits = GroupCommit(send, lanes=1)
    with database.busy(commits):
        callers = queue(commits, job("a"), job("b"))
    assert all(isinstance(caller.result(), OutcomeUnknown) for caller in callers)
    assert broken.is_set()
    assert commits.submit(job("c")) == 2


def test_a_lone_writer_that_is_interrupted_does_not_keep_the_right_to_send() -> None:
    calls: list[int] = []

    def send(jobs: Sequence[Job]) -> Sequence[int | Exception]:
        calls.append(len(jobs))
        if len(calls) == 1:
            raise KeyboardInterrupt
        return [7]

    commits = GroupCommit(send, lanes=1)
    with pytest.raises(KeyboardInterrupt):
        commits.submit(job("a"))
    assert commits.submit(job("a")) == 7


class InterruptedMutex:
    """Lets Ctrl-C come as the thread that made it enters or leaves the mutex for the nth time."""

    def __init__(self, commits: GroupCommit, *, enters: int = 0, leaves: int = 0) -> None:
        self._mutex = commits._mutex
        self._thread = get_ident()
        self._enters = enters
        self._leaves = leaves
        commits._mutex = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        if get_ident() == self._thread:
            self._enters -= 1
            if self._enters == 0:
                raise KeyboardInterrupt
        self._mutex.acquire()

    def __exit__(self, *error: object) -> None:
        self._mutex.release()
        if get_ident() == self._thread:
            self._leaves -= 1
            if self._leaves == 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize("when", [{"leaves": 1}, {"enters": 2}, {"leaves": 2}], ids=str)
def test_an_interrupt_beside_the_sending_does_not_keep_the_turn(when: dict[str, int]) -> None:
    commits = GroupCommit(lambda jobs: [7] * len(jobs))
    InterruptedMutex(commits, **when)
    with pytest.raises(KeyboardInterrupt):
        commits.submit(job("a"))
    assert commits._under_way == {}
    assert Caller(commits, job("a")).result() == 7


def test_an_interrupt_between_counting_and_sending_passes_the_turn_on() -> None:
    class Interrupted(GroupCommit):
        def _send_group(self, group: list[group_commit._Waiter]) -> None:
            if group[0].job is lone:
                waiting.extend(queue(self, job("b")))
                raise KeyboardInterrupt
            super()._send_group(group)

    lone = job("a")
    waiting: list[Caller] = []
    commits = Interrupted(lambda jobs: [7] * len(jobs))
    with pytest.raises(KeyboardInterrupt):
        commits.submit(lone)
    assert waiting[0].result() == 7


def test_an_interrupt_while_a_committer_is_started_takes_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Thread):
        def start(self) -> None:
            super().start()
            if get_ident() == main:
                raise KeyboardInterrupt

    main = get_ident()
    database = Database()
    commits = GroupCommit(database.send)
    with database.busy(commits):
        [queued] = queue(commits, job("a"))
        monkeypatch.setattr(group_commit, "Thread", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            commits.submit(job("b"))
        assert len(commits._under_way) == 1
        assert commits._next_group(group_commit._Committer()) == [], "without a turn nothing is taken"
        assert commits._idle == []
    assert queued.result() == 2
    assert len(database.groups) == 2


def test_a_queueing_thread_that_is_interrupted_takes_its_job_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(group_commit._Waiter):
        __slots__ = ()

        def wait(self) -> None:
            raise KeyboardInterrupt

    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    with database.busy(commits):
        monkeypatch.setattr(group_commit, "_Waiter", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            commits.submit(job("a"))
        monkeypatch.undo()
    assert commits.submit(job("b")) == 2
    assert len(database.groups) == 2


MANY = 40


def test_of_a_large_group_each_gets_its_own_outcome() -> None:
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    with database.busy(commits):
        waiting = queue(commits, *(job(f"stream-{number}") for number in range(MANY)))
    assert [caller.result() for caller in waiting] == list(range(2, MANY + 2))
    assert [len(group) for group in database.groups] == [1, MANY]


@pytest.mark.parametrize("when", ["before it has woken", "when it has woken"])
def test_one_of_a_large_group_that_is_interrupted_does_not_keep_those_asleep_whom_it_was_to_wake(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    class Interrupted(group_commit._Waiter):
        __slots__ = ()

        def wait(self) -> None:
            if self.job is not interrupted:
                super().wait()
            elif when == "when it has woken":
                self.done.acquire()
            else:
                wait_until(lambda: self.answered)
            if self.job is interrupted:
                raise KeyboardInterrupt

    interrupted = job("stream-7")
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    with database.busy(commits):
        monkeypatch.setattr(group_commit, "_Waiter", Interrupted)
        waiting = queue(commits, *(interrupted if number == 7 else job(f"{number}") for number in range(MANY)))
    outcomes = [caller.result() for caller in waiting]
    assert isinstance(outcomes.pop(7), KeyboardInterrupt)
    assert outcomes == [position for position in range(2, MANY + 2) if position != 9]


def test_one_that_left_before_its_group_was_answered_is_not_relied_on_to_wake_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(group_commit._Waiter):
        __slots__ = ()

        def wait(self) -> None:
            if self.job is interrupted:
                wait_until(lambda: len(database.groups) == 2)
                raise KeyboardInterrupt
            super().wait()

    interrupted = job("stream-7")
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    with database.busy(commits):
        monkeypatch.setattr(group_commit, "_Waiter", Interrupted)
        waiting = queue(commits, *(interrupted if number == 7 else job(f"{number}") for number in range(MANY)))
        database.finish_one()
        assert isinstance(waiting[7].result(), KeyboardInterrupt)
    outcomes = [caller.result() for number, caller in enumerate(waiting) if number != 7]
    assert outcomes == [position for position in range(2, MANY + 2) if position != 9]


def test_closing_refuses_who_queues_and_who_comes_and_finishes_what_is_under_way() -> None:
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    with database.busy(commits):
        [queued] = queue(commits, job("a"))
        commits.close()
        assert isinstance(queued.result(), InterfaceError)
    with pytest.raises(InterfaceError, match="closed"):
        commits.submit(job("b"))


def test_an_idle_committer_goes_away_and_a_new_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_IDLE_SECONDS", 0.01)
    others = set(enumerate_threads())
    database = Database()
    commits = GroupCommit(database.send, lanes=1)
    with database.busy(commits):
        [queued] = queue(commits, job("a"))
    assert queued.result() == 2
    for committer in set(enumerate_threads()) - others:
        committer.join(timeout=WAIT)
    assert commits._idle == []

    database.begun, database._finish = Semaphore(0), Semaphore(0)
    first = Caller(commits, job("first"))
    assert database.begun.acquire(timeout=WAIT)
    [later] = queue(commits, job("b"))
    database._finish.release(1000)
    assert [first.result(), later.result()] == [3, 4]


def test_a_committer_whose_idle_time_ends_as_it_is_given_its_turn_serves() -> None:
    class Late:
        """Stands where `woken` does: the idle time ends once, just when the turn has been given."""

        def __init__(self) -> None:
            self._lock = Lock()
            self._lock.acquire()
            self.ended = False

        def acquire(self, timeout: float) -> bool:
            taken = self._lock.acquire(timeout=timeout)
            if taken and not self.ended:
                self.ended = True
                self._lock.release()
                return False
            return taken

        def release(self) -> None:
            self._lock.release()

    class Started(GroupCommit):
        def _is_woken(self, committer: group_commit._Committer) -> bool:
            if not waits.is_set():
                committer.woken = late  # type: ignore[assignment]
                waits.set()
            served.append(super()._is_woken(committer))
            return served[-1]

    late, waits = Late(), Event()
    served: list[bool] = []
    database = Database()
    commits = Started(database.send, lanes=1)
    with database.busy(commits):
        [queued] = queue(commits, job("a"))
    assert queued.result() == 2
    assert waits.wait(WAIT)

    database.begun, database._finish = Semaphore(0), Semaphore(0)
    first = Caller(commits, job("first"))
    assert database.begun.acquire(timeout=WAIT)
    [later] = queue(commits, job("b"))
    database._finish.release(1000)
    assert [first.result(), later.result()] == [3, 4]
    assert late.ended
    assert served == [True]


@pytest.mark.parametrize("ending", ["closed", "broken", "interrupted"])
def test_with_two_groups_under_way_nobody_is_left_waiting(ending: str) -> None:
    def send(jobs: Sequence[Job]) -> Sequence[int | Exception]:
        positions = database.send(jobs)
        if ending == "broken" and len(jobs) == 2:
            raise MemoryError
        if ending == "interrupted" and lone in jobs:
            raise KeyboardInterrupt
        return positions

    lone = job("first")
    database = Database()
    commits = GroupCommit(send)
    first = Caller(commits, lone)
    assert database.begun.acquire(timeout=WAIT)
    beside = queue_until_sent(database, commits, [job("a"), job("b")])
    [queued] = queue(commits, job("c"))
    if ending == "closed":
        commits.close()
        assert isinstance(queued.result(), InterfaceError)
    database._finish.release(1000)
    assert isinstance(first.result(), KeyboardInterrupt if ending == "interrupted" else int)
    assert all(isinstance(caller.result(), OutcomeUnknown if ending == "broken" else int) for caller in beside)
    if ending != "closed":
        assert isinstance(queued.result(), int)
    wait_until(lambda: not commits._under_way)


class NoThread(Thread):
    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_who_waits_first_sends_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(jobs: Sequence[Job]) -> Sequence[int | Exception]:
        senders.append(get_ident())
        return database.send(jobs)

    monkeypatch.setattr(group_commit, "Thread", NoThread)
    senders: list[int] = []
    database = Database()
    commits = GroupCommit(send, lanes=1, job_limit=2)
    with database.busy(commits):
        callers = queue(commits, *(job(f"s-{number}") for number in range(5)))
    assert [caller.result() for caller in callers] == [2, 3, 4, 5, 6]
    assert [len(group) for group in database.groups] == [1, 2, 2, 1]
    assert len(set(senders)) == 4
    assert commits._under_way == {}


def test_who_sends_for_others_and_is_interrupted_before_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(GroupCommit):
        def _send_group(self, group: list[group_commit._Waiter]) -> None:
            if len(group) == 2:
                raise KeyboardInterrupt
            super()._send_group(group)

    monkeypatch.setattr(group_commit, "Thread", NoThread)
    database = Database()
    commits = Interrupted(database.send, lanes=1, job_limit=2)
    with database.busy(commits):
        sender, other, next_one = queue(commits, job("a"), job("b"), job("c"))
    assert isinstance(sender.result(), KeyboardInterrupt)
    assert isinstance(other.result(), OutcomeUnknown)
    assert next_one.result() == 2
