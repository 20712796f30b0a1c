"""One call closes the ended months of all customers, each for itself, and a second one changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest

from commands.dispatch import Dispatcher, Handler
from commands.handlers.customers import close_period
from domain.refusal import Refusal
from domain.subscription.events import PeriodClosed
from infra.month_close import CloseReport, close_months
from infra.postgres.pool import ConnectionPool
from tests.desk import PERSON, Desk

NOW = datetime(2026, 12, 15, 18, tzinfo=UTC)

Close = Callable[..., CloseReport]


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Desk]:
    opened = Desk(database, schema)
    yield opened
    opened.application.close()


@pytest.fixture
def close(desk: Desk, database: str, schema: str) -> Iterator[Close]:
    """Closes the months of the desk, by a dispatcher of its own where one is given."""
    with closing(ConnectionPool(database, schema, size=2)) as pool:

        def run(dispatcher: Dispatcher | None = None, **options: Any) -> CloseReport:
            return close_months(
                application=desk.application,
                dispatcher=dispatcher or desk.dispatcher,
                pool=pool,
                clock=desk.clock,
                **options,
            )

        yield run


def customer(desk: Desk, name: str, starts_on: date = date(2026, 9, 1)) -> str:
    desk.send("register-customer", customer_id=name, name=name, contacts=[PERSON], products=["website"])
    desk.send("start-subscription", customer_id=name, plan="standard", starts_on=starts_on)
    return name


def closed(desk: Desk, name: str) -> list[str]:
    """The months of a customer that were closed, in the order of the log."""
    stream_id = desk.application.event_log.holder("live_subscription", name)
    assert stream_id is not None
    return [each.event.month for each in desk.events(stream_id) if isinstance(each.event, PeriodClosed)]


def test_all_months_that_have_ended_are_closed_oldest_first(desk: Desk, close: Close) -> None:
    for name, starts_on in (("b", date(2026, 9, 1)), ("a", date(2026, 11, 20)), ("c", date(2026, 12, 1))):
        customer(desk, name, starts_on)
    desk.clock.instant = NOW
    told: list[tuple[int, int]] = []
    report = close(progress=lambda done, total: told.append((done, total)))
    assert report == CloseReport(customers=3, closed=4, failures=())
    assert closed(desk, "b") == ["2026-09", "2026-10", "2026-11"]
    assert closed(desk, "a") == ["2026-11"]
    assert closed(desk, "c") == []
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_month_can_be_closed_from_the_instant_at_which_it_ends(desk: Desk, close: Close) -> None:
    customer(desk, "a", date(2026, 11, 1))
    end = datetime(2026, 12, 1, 7, tzinfo=UTC)
    desk.clock.instant = end.replace(hour=6, minute=59, second=59)
    assert close().closed == 0
    desk.clock.instant = end
    assert close().closed == 1


def test_no_month_after_the_one_named_is_closed(desk: Desk, close: Close) -> None:
    customer(desk, "a")
    desk.clock.instant = NOW
    close(through="2026-10")
    assert closed(desk, "a") == ["2026-09", "2026-10"]


def test_a_second_call_changes_nothing(desk: Desk, close: Close) -> None:
    customer(desk, "a")
    desk.clock.instant = NOW
    close()
    stream_id = desk.application.event_log.holder("live_subscription", "a")
    assert stream_id is not None
    before = desk.events(stream_id)
    assert close() == CloseReport(customers=1, closed=0, failures=())
    assert [each.position for each in desk.events(stream_id)] == [each.position for each in before]


def test_the_months_after_a_cancelled_subscription_are_closed_as_well(desk: Desk, close: Close) -> None:
    customer(desk, "a")
    desk.send("cancel-subscription", customer_id="a", reason="Moved away", effective_on=date(2026, 11, 15))
    desk.clock.instant = datetime(2027, 1, 15, tzinfo=UTC)
    close()
    assert closed(desk, "a") == ["2026-09", "2026-10", "2026-11", "2026-12"]


def test_a_customer_without_a_subscription_has_no_month(desk: Desk, close: Close) -> None:
    desk.send("register-customer", customer_id="a", name="a", contacts=[PERSON], products=["website"])
    assert close() == CloseReport(customers=0, closed=0, failures=())


class Undecided(Refusal):
    """A rule that somebody's month breaks."""

    code = "undecided"


def refusing(name: str, month: str) -> Handler:
    def handle(work: Any, settings: Any, data: Any) -> Any:
        if (data["customer_id"], data["period"]) == (name, month):
            raise Undecided("the work of Tuesday is disputed")
        return close_period(work, settings, data)

    return handle


def test_a_month_that_cannot_be_closed_is_told_with_its_reason_and_stops_no_other_customer(
    desk: Desk, close: Close
) -> None:
    for name in ("a", "b", "c"):
        customer(desk, name)
    desk.clock.instant = NOW
    report = close(desk.dispatcher_with({"close-period": refusing("b", "2026-10")}))
    assert [(each.customer_id, each.month, each.reason) for each in report.failures] == [
        ("b", "2026-10", "the work of Tuesday is disputed (undecided)")
    ]
    assert report.closed == 3 + 1 + 3
    assert closed(desk, "b") == ["2026-09"]
    assert close() == CloseReport(customers=3, closed=2, failures=())
    assert closed(desk, "b") == ["2026-09", "2026-10", "2026-11"]


def test_one_that_is_interrupted_goes_on_where_it_stopped(desk: Desk, close: Close) -> None:
    for name in ("a", "b", "c"):
        customer(desk, name)
    desk.clock.instant = NOW

    def interrupted(work: Any, settings: Any, data: Any) -> Any:
        if data["customer_id"] == "b" and data["period"] == "2026-10":
            raise KeyboardInterrupt
        return close_period(work, settings, data)

    with pytest.raises(KeyboardInterrupt):
        close(desk.dispatcher_with({"close-period": interrupted}))
    assert closed(desk, "b") == ["2026-09"]
    assert close().closed == 2 + 3
    for name in ("a", "b", "c"):
        assert closed(desk, name) == ["2026-09", "2026-10", "2026-11"]


def test_the_answer_to_a_close_is_kept_for_good_under_a_key_of_customer_and_month(desk: Desk, close: Close) -> None:
    customer(desk, "a")
    desk.clock.instant = NOW
    close(through="2026-09")
    kept = desk.application.event_log.find_answer("close-months:close-period", "2026-09:a")
    assert kept is not None
