"""What falls due by itself is recorded once, at the right second, by whichever timekeeper is there."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Handler
from commands.handlers.catalogue import HANDLERS
from commands.lookups import Settings
from commands.memory import Memory
from domain.subscription.events import GrantExpired, MonthStarted
from domain.ticket.events import CustomerReminded, ServiceLevelBreached, ServiceLevelsChanged
from infra import timekeeper
from infra.leadership import Leadership
from infra.log.factory import environment_of
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions
from infra.projection.projector import Projector
from infra.timekeeper import Timekeeper
from projections import due
from tests.desk import MONDAY, PERSON, Desk
from tests.waiting import eventually

TUESDAY_TEN = MONDAY + timedelta(days=1)
"""When a first response is due to what was asked on Monday at ten: a business day has nine hours."""


class Keeping:
    """A desk with the view `due`, and timekeepers of it."""

    def __init__(self, dsn: str, schema: str, stack: ExitStack) -> None:
        self.desk = Desk(dsn, schema)
        stack.callback(self.desk.application.close)
        self._dsn, self._schema = dsn, schema
        self._pool = ConnectionPool(dsn, schema, 8, 5)
        stack.callback(self._pool.close)
        self._positions = ViewPositions(dsn, schema)
        self._positions.start()
        stack.callback(self._positions.stop)
        projector = Projector(dsn, schema, [due.VIEW], poll_seconds=0.1)
        projector.start()
        stack.callback(projector.stop)

    def timekeeper(
        self,
        handlers: Mapping[str, Handler] | None = None,
        forget_answers: Callable[[datetime, int], int] | None = None,
    ) -> Timekeeper:
        """Return a timekeeper as another process has one, some of its handlers replaced."""
        return Timekeeper(
            dispatcher=self.desk.dispatcher_with(handlers or {}),
            settings=Settings(self.desk.application),
            clock=self.desk.clock,
            pool=self._pool,
            positions=self._positions,
            leadership=Leadership(self._dsn, self._schema, "timekeeper"),
            forget_answers=forget_answers or self.desk.application.event_log.forget_answers,
        )

    def timekeeper_on_its_own(self, stack: ExitStack) -> Timekeeper:
        """Return a timekeeper that shares no connection and no memory with others."""
        application = stack.enter_context(CaselogApplication(environment_of(self._dsn, self._schema)))
        pool = stack.enter_context(closing(ConnectionPool(self._dsn, self._schema, 2, 5)))
        return Timekeeper(
            dispatcher=Dispatcher(application, self.desk.clock, HANDLERS),
            settings=Settings(application),
            clock=self.desk.clock,
            pool=pool,
            positions=self._positions,
            leadership=Leadership(self._dsn, self._schema, "timekeeper"),
            forget_answers=application.event_log.forget_answers,
        )

    def seen(self) -> None:
        """Wait until the view has seen the whole log."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT position FROM log_head")
            (head,) = cursor.fetchone() or (0,)
        assert self._positions.wait_for([due.VIEW.name], head, 20)

    def record(self) -> int:
        """Let a timekeeper record what is due by now."""
        self.seen()
        return self.timekeeper().record_what_is_due()

    def execute(self, statement: str) -> None:
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def of(self, stream_id: str, kind: type[Any]) -> list[Any]:
        """Return a stream's events of a kind."""
        return [each.event for each in self.desk.events(stream_id) if isinstance(each.event, kind)]


@pytest.fixture
def keeping(database: str, schema: str) -> Iterator[Keeping]:
    with ExitStack() as stack:
        yield Keeping(database, schema, stack)


@pytest.fixture
def customer(keeping: Keeping) -> str:
    return keeping.desk.customer()


@pytest.fixture
def ticket(keeping: Keeping, customer: str) -> str:
    return keeping.desk.ticket(customer)


def subscription_stream(keeping: Keeping, customer: str) -> str:
    stream_id = keeping.desk.application.event_log.holder("live_subscription", customer)
    assert stream_id is not None
    return stream_id


def test_a_deadline_can_be_met_in_its_second_and_is_missed_in_the_next(keeping: Keeping, ticket: str) -> None:
    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(seconds=0.999)
    assert keeping.record() == 0

    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(seconds=1)
    assert keeping.record() == 1
    (breach,) = keeping.of(f"ticket-{ticket}", ServiceLevelBreached)
    assert (breach.clock, breach.target_seconds, breach.breached_at) == ("first_response", 9 * 3600, TUESDAY_TEN)


def test_what_was_recorded_is_not_recorded_again(keeping: Keeping, ticket: str) -> None:
    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(hours=1)
    assert keeping.record() == 1
    assert keeping.record() == 0
    assert len(keeping.of(f"ticket-{ticket}", ServiceLevelBreached)) == 1


def test_after_a_long_absence_everything_is_caught_up_with(keeping: Keeping, customer: str, ticket: str) -> None:
    keeping.desk.clock.instant = MONDAY + timedelta(days=95)
    assert keeping.record() == 2, "one item for the case, one for the subscription"
    breaches = keeping.of(f"ticket-{ticket}", ServiceLevelBreached)
    assert [breach.clock for breach in breaches] == ["first_response", "resolution"]
    months = keeping.of(subscription_stream(keeping, customer), MonthStarted)
    assert [month.month for month in months] == ["2026-11", "2026-12", "2027-01", "2027-02"]


def test_a_month_begins_at_local_midnight(keeping: Keeping, customer: str) -> None:
    midnight_in_denver = datetime.fromisoformat("2026-12-01T07:00:00+00:00")
    keeping.desk.clock.instant = midnight_in_denver - timedelta(microseconds=1)
    assert keeping.record() == 0
    keeping.desk.clock.instant = midnight_in_denver
    assert keeping.record() == 1
    assert keeping.of(subscription_stream(keeping, customer), MonthStarted)[-1].starts_at == midnight_in_denver


def test_a_pack_expires_at_the_midnight_that_ends_its_validity_whether_or_not_anything_is_left(
    keeping: Keeping,
) -> None:
    customer = keeping.desk.customer(pack_validity_days=3)
    keeping.desk.send("buy-hours", customer_id=customer, hours=5)
    stream_id = subscription_stream(keeping, customer)
    expires_at = datetime.fromisoformat("2026-11-06T07:00:00+00:00")
    keeping.desk.clock.instant = expires_at - timedelta(microseconds=1)
    assert keeping.record() == 0
    keeping.desk.clock.instant = expires_at
    assert keeping.record() == 1
    (expired,) = keeping.of(stream_id, GrantExpired)
    assert (expired.expired.source, expired.expired.seconds, expired.expired_at) == ("pack", 5 * 3600, expires_at)
    assert keeping.record() == 0


def test_what_is_left_of_an_allowance_expires_before_the_next_month_begins(keeping: Keeping, customer: str) -> None:
    keeping.desk.clock.instant = datetime.fromisoformat("2026-12-01T07:00:00+00:00")
    keeping.record()
    last = [type(each.event) for each in keeping.desk.events(subscription_stream(keeping, customer))][-2:]
    assert last == [GrantExpired, MonthStarted]


def test_a_customer_who_is_waited_for_is_reminded_three_times_each_at_its_instant(
    keeping: Keeping, ticket: str
) -> None:
    keeping.desk.send("add-reply", ticket=ticket, author={"role": "staff", **PERSON}, body="Which room?")
    keeping.desk.send("wait-for-customer", ticket=ticket, reason="Which room?")
    wednesday_ten = MONDAY + timedelta(days=2)
    keeping.desk.clock.instant = wednesday_ten - timedelta(microseconds=1)
    assert keeping.record() == 0
    keeping.desk.clock.instant = wednesday_ten
    assert keeping.record() == 1
    assert keeping.record() == 0
    (reminder,) = keeping.of(f"ticket-{ticket}", CustomerReminded)
    assert (reminder.number, reminder.due_at) == (1, wednesday_ten)

    keeping.desk.clock.instant = MONDAY + timedelta(days=25)
    assert keeping.record() == 1, "both that were missed"
    reminders = keeping.of(f"ticket-{ticket}", CustomerReminded)
    friday, tuesday = MONDAY + timedelta(days=4), MONDAY + timedelta(days=8)
    assert [each.due_at for each in reminders] == [wednesday_ten, friday, tuesday]
    assert keeping.record() == 0


def test_nobody_is_reminded_who_has_answered(keeping: Keeping, ticket: str) -> None:
    keeping.desk.send("wait-for-customer", ticket=ticket, reason="Which room?")
    keeping.desk.send("add-reply", ticket=ticket, author={"role": "requester", **PERSON}, body="The blue one.")
    keeping.desk.clock.instant = MONDAY + timedelta(days=30)
    keeping.record()
    assert keeping.of(f"ticket-{ticket}", CustomerReminded) == []


def test_an_item_that_nothing_comes_of_is_left_for_a_while(keeping: Keeping, customer: str) -> None:
    keeping.seen()
    keeping.execute("UPDATE due SET record_at = '2026-11-02T00:00:00Z' WHERE kind = 'subscription'")
    keeper = Counting(keeping)
    for _ in range(3):
        assert keeper.timekeeper.record_what_is_due() == 0
    assert keeper.asked == 1


class Counting:
    """A timekeeper that counts what it asks of subscriptions."""

    def __init__(self, keeping: Keeping) -> None:
        self.asked = 0
        record = HANDLERS["record-due-subscription"]

        def counted(*arguments: Any) -> Any:
            self.asked += 1
            return record(*arguments)

        self.timekeeper = keeping.timekeeper({"record-due-subscription": counted})


def test_two_timekeepers_at_once_record_everything_once(keeping: Keeping) -> None:
    customer = keeping.desk.customer(pack_validity_days=3)
    keeping.desk.send("buy-hours", customer_id=customer, hours=5)
    tickets = [keeping.desk.ticket(customer) for _ in range(12)]
    for waiting in tickets[:6]:
        keeping.desk.send("wait-for-customer", ticket=waiting, reason="Which room?")
    keeping.desk.clock.instant = MONDAY + timedelta(days=40)
    keeping.seen()
    start = threading.Barrier(2)

    def race() -> None:
        with ExitStack() as stack:
            timekeeper = keeping.timekeeper_on_its_own(stack)
            start.wait()
            timekeeper.record_what_is_due()

    rivals = [threading.Thread(target=race) for _ in range(2)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()

    for number, ticket in enumerate(tickets):
        breaches = keeping.of(f"ticket-{ticket}", ServiceLevelBreached)
        reminders = [each.number for each in keeping.of(f"ticket-{ticket}", CustomerReminded)]
        if number < 6:  # while it waits for the customer its resolution is not due
            assert [breach.clock for breach in breaches] == ["first_response"]
            assert reminders == [1, 2, 3]
        else:
            assert [breach.clock for breach in breaches] == ["first_response", "resolution"]
            assert reminders == []
    stream_id = subscription_stream(keeping, customer)
    assert [month.month for month in keeping.of(stream_id, MonthStarted)] == ["2026-11", "2026-12"]
    assert [each.expired.source for each in keeping.of(stream_id, GrantExpired)] == ["pack", "allowance"]


def test_a_reply_in_time_leaves_nothing_to_record(keeping: Keeping, ticket: str) -> None:
    keeping.desk.clock.forward(hours=1)
    keeping.desk.send("add-reply", ticket=ticket, author={"role": "staff", **PERSON}, body="Like so.")
    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(hours=1)
    assert keeping.record() == 0


@pytest.mark.parametrize(("state", "recorded"), [("running", 0), ("interrupted", 0), ("ended", 1)])
def test_an_unfinished_imports_cases_are_left_alone(keeping: Keeping, customer: str, state: str, recorded: int) -> None:
    keeping.execute(
        f"INSERT INTO imports (name, mapping_digest, file_digest, state) VALUES ('old desk', '', '', '{state}')"
    )
    keeping.desk.imported = "old desk"
    ticket = keeping.desk.ticket(customer)
    keeping.desk.imported = None
    # Neither for what fell due nor for settings that have changed since.
    target = {"when": {}, "clock": "resolution", "target_seconds": 3600, "calendar": "24x7"}
    first_response = {**target, "clock": "first_response", "target_seconds": 9 * 3600, "calendar": "business"}
    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(hours=1)
    keeping.desk.send("publish-sla-policy", policy="strict", targets=[target, first_response])

    assert keeping.record() == recorded
    assert len(keeping.of(f"ticket-{ticket}", ServiceLevelBreached)) == recorded
    assert len(keeping.of(f"ticket-{ticket}", ServiceLevelsChanged)) == recorded


def test_a_new_sla_policy_reaches_the_open_cases(keeping: Keeping, ticket: str) -> None:
    keeping.seen()
    timekeeper = keeping.timekeeper()
    assert timekeeper.record_what_is_due() == 0
    target = {"when": {}, "clock": "first_response", "target_seconds": 3 * 3600, "calendar": "24x7"}
    announced = MONDAY + timedelta(hours=1)
    keeping.desk.send("publish-sla-policy", policy="strict", targets=[target], effective_from=announced)
    keeping.seen()
    assert timekeeper.record_what_is_due() == 0, "it is announced, not in force"

    keeping.desk.clock.instant = announced
    assert timekeeper.record_what_is_due() == 1
    (changed,) = keeping.of(f"ticket-{ticket}", ServiceLevelsChanged)
    assert changed.effective_at == announced
    due_at = {deadline.clock: deadline.due_at for deadline in changed.deadlines}
    assert due_at["first_response"] == MONDAY + timedelta(hours=3), "the hour before counts too"
    keeping.seen()
    assert timekeeper.record_what_is_due() == 0


def test_of_two_running_timekeepers_one_leads_and_the_other_takes_over(keeping: Keeping, ticket: str) -> None:
    first, second = keeping.timekeeper(), keeping.timekeeper()
    threads = [threading.Thread(target=keeper.run) for keeper in (first, second)]
    for thread in threads:
        thread.start()
    first.request_stop()
    threads[0].join()
    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(hours=1)
    eventually(lambda: bool(keeping.of(f"ticket-{ticket}", ServiceLevelBreached)))
    second.request_stop()
    threads[1].join()
    assert len(keeping.of(f"ticket-{ticket}", ServiceLevelBreached)) == 1


def test_streams_that_cannot_be_recorded_do_not_stop_the_others(
    keeping: Keeping, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timekeeper, "MOST_ITEMS", 1)
    gone, unreadable, well = (keeping.desk.ticket(customer) for _ in range(3))
    keeping.seen()
    keeping.execute(f"UPDATE due SET stream_id = 'ticket-gone' WHERE stream_id = 'ticket-{gone}'")
    keeping.execute(f"UPDATE events SET type = 'Newer.v1' WHERE stream_id = 'ticket-{unreadable}'")
    keeping.desk.application.memory = Memory()  # of a log that nobody can change
    keeping.desk.clock.instant = TUESDAY_TEN + timedelta(hours=1)

    keeper = keeping.timekeeper()
    assert keeper.record_what_is_due() == 1
    assert len(keeping.of(f"ticket-{well}", ServiceLevelBreached)) == 1
    assert keeper.record_what_is_due() == 0


def test_a_services_key_is_free_again_after_a_day_and_others_never(keeping: Keeping, ticket: str) -> None:
    desk = keeping.desk
    assign: dict[str, Any] = {"ticket": ticket, "agent": "kim"}
    desk.send("assign-ticket", key="old", **assign)
    desk.send("assign-ticket", key="young", **assign)
    desk.send("assign-ticket", key="for good", keep=True, **assign)
    keeping.execute(
        "UPDATE idempotency SET recorded_at = recorded_at - interval '24 hours' WHERE key IN ('old', 'for good')"
    )
    keeping.timekeeper().forget_expired_answers()

    replayed = {key: desk.send("assign-ticket", key=key, **assign).replayed for key in ("old", "young", "for good")}
    assert replayed == {"old": False, "young": True, "for good": True}


def test_a_timekeeper_that_runs_lets_go_of_answers_by_itself(keeping: Keeping, ticket: str) -> None:
    assign: dict[str, Any] = {"ticket": ticket, "agent": "kim"}
    keeping.desk.send("assign-ticket", key="old", **assign)
    keeping.desk.send("assign-ticket", key="young", **assign)
    keeping.execute("UPDATE idempotency SET recorded_at = recorded_at - interval '24 hours' WHERE key = 'old'")
    forgotten = threading.Event()
    forget = keeping.desk.application.event_log.forget_answers

    def forget_and_tell(before: datetime, limit: int) -> int:
        count = forget(before, limit)
        forgotten.set()
        return count

    keeper = keeping.timekeeper(forget_answers=forget_and_tell)
    running = threading.Thread(target=keeper.run)
    running.start()
    try:
        assert forgotten.wait(30)
    finally:
        keeper.request_stop()
        running.join()
    replayed = {key: keeping.desk.send("assign-ticket", key=key, **assign).replayed for key in ("old", "young")}
    assert replayed == {"old": False, "young": True}
