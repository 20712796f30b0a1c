"""The timekeeper is told when to look: at deadlines missed, reminders, months that begin, grants that end."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.event import Event
from domain.personal import Personal
from domain.plan import default_terms
from domain.subscription.events import (
    Credit,
    Draw,
    Expiry,
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PeriodClosed,
    SubscriptionCancelled,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from domain.ticket.events import (
    CustomerReminded,
    Deadline,
    TicketClosed,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
)
from projections import due
from projections.due import DueRow
from projections.folding import fold
from tests.projections.stories import START, opened, recorded

TICKET: dict[str, Any] = {"ticket_id": "t1", "customer_id": "c1"}
FIRST_RESPONSE = START + timedelta(hours=1)
WAITING_SINCE = START + timedelta(minutes=10)
REMIND_AT = START + timedelta(days=2)


def row(stream_id: str, *events: Event) -> DueRow:
    (found,) = fold(due.VIEW, recorded([(stream_id, event) for event in events])).rows(due.due)
    assert isinstance(found, DueRow)
    return found


def case(*events: Event) -> datetime | None:
    found = row("ticket-t1", opened(1), *events)
    return found.record_at if found.running else None


def waiting(party: Any = "customer", remind_at: datetime | None = REMIND_AT) -> WaitingStarted:
    return WaitingStarted(
        occurred_at=WAITING_SINCE,
        waiting_for=party,
        reason=Personal("Which room?"),
        remind_at=remind_at,
        deadlines=(Deadline(clock="first_response", instance=1), Deadline(clock="resolution", instance=1)),
        **TICKET,
    )


def reminded(number: int, remind_at: datetime | None) -> CustomerReminded:
    return CustomerReminded(occurred_at=REMIND_AT, number=number, due_at=REMIND_AT, remind_at=remind_at, **TICKET)


def resolved() -> TicketResolved:
    return TicketResolved(occurred_at=REMIND_AT, resolution=Personal("Done."), **TICKET)


def test_a_deadline_is_missed_once_its_second_has_passed() -> None:
    assert case() == FIRST_RESPONSE + timedelta(seconds=1)


def test_a_reminder_is_due_at_its_instant_and_the_next_one_after_it() -> None:
    assert case(waiting()) == REMIND_AT
    later = REMIND_AT + timedelta(days=2)
    assert case(waiting(), reminded(1, later)) == later
    assert case(waiting(), reminded(1, None)) is None


def test_of_a_deadline_and_a_reminder_the_earlier_one_is_due() -> None:
    first = waiting(remind_at=START + timedelta(minutes=30))
    kept = WaitingStarted(
        occurred_at=WAITING_SINCE,
        waiting_for="customer",
        reason=Personal("Which room?"),
        remind_at=first.remind_at,
        **TICKET,
    )
    assert case(kept) == first.remind_at


@pytest.mark.parametrize(
    "end",
    [
        TicketResumed(occurred_at=REMIND_AT, **TICKET),
        resolved(),
        waiting("partner", None),
    ],
    ids=["resumed", "resolved", "waits for a partner"],
)
def test_nobody_is_reminded_who_is_not_waited_for(end: Event) -> None:
    assert case(waiting(), end) is None


def test_a_case_that_is_reopened_does_not_wait_for_anybody() -> None:
    ended = (waiting(), resolved(), TicketClosed(occurred_at=REMIND_AT, **TICKET))
    assert case(*ended) is None
    assert case(*ended, TicketReopened(occurred_at=REMIND_AT, reason=Personal("?"), **TICKET)) is None


SUBSCRIPTION: dict[str, Any] = {"subscription_id": "s1", "customer_id": "c1"}
NOVEMBER = datetime(2026, 11, 1, 6, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 7, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 7, tzinfo=UTC)
FEBRUARY = datetime(2027, 2, 1, 7, tzinfo=UTC)
TWENTIETH = datetime(2026, 11, 20, 7, tzinfo=UTC)


def started(at: datetime = NOVEMBER) -> SubscriptionStarted:
    return SubscriptionStarted(
        occurred_at=at,
        plan="standard",
        plan_version=1,
        terms=default_terms("USD"),
        zone="America/Denver",
        starts_on=date(2026, 11, 1),
        starts_at=at,
        **SUBSCRIPTION,
    )


def month(label: str, starts_at: datetime, ends_at: datetime, *, allowance: int = 3600, cap: int = 0) -> MonthStarted:
    return MonthStarted(
        occurred_at=starts_at,
        month=label,
        starts_at=starts_at,
        ends_at=ends_at,
        fee_cents=0,
        allowance_seconds=allowance,
        rollover_cap_seconds=cap,
        **SUBSCRIPTION,
    )


def november(cap: int = 0) -> MonthStarted:
    return month("2026-11", NOVEMBER, DECEMBER, cap=cap)


def december(cap: int = 0) -> MonthStarted:
    return month("2026-12", DECEMBER, JANUARY, cap=cap)


def cancelled(last_month: str = "2026-11", ends_at: datetime = DECEMBER) -> SubscriptionCancelled:
    return SubscriptionCancelled(
        occurred_at=NOVEMBER, last_month=last_month, ends_at=ends_at, reason=Personal("…"), **SUBSCRIPTION
    )


def pack(expires_at: datetime | None = TWENTIETH, seconds: int = 18_000) -> HourPackPurchased:
    return HourPackPurchased(
        occurred_at=NOVEMBER,
        month="2026-11",
        pack_id="p1",
        hours=5,
        seconds=seconds,
        rate_cents_per_hour=12_000,
        price_cents=60_000,
        effective_at=NOVEMBER,
        expires_at=expires_at,
        **SUBSCRIPTION,
    )


ENTRY: dict[str, Any] = {
    "occurred_at": NOVEMBER,
    "month": "2026-11",
    "entry_id": "e1",
    "ticket_id": "t1",
    "started_at": NOVEMBER,
    "rating_at": NOVEMBER,
    **SUBSCRIPTION,
}
FACTS: dict[str, Any] = {
    "case_number": "C-000001",
    "agent": "kim",
    "duration_seconds": 60,
    "work_class": "included",
    "billed_seconds": 60,
}


def of_pack(seconds: int) -> Draw:
    return Draw(source="pack", seconds=seconds, pack_id="p1")


def of_allowance(seconds: int) -> Draw:
    return Draw(source="allowance", seconds=seconds, month="2026-11")


def rated(*draws: Draw, expired: tuple[Expiry, ...] = ()) -> WorkRated:
    return WorkRated(draws=draws, expired=expired, **ENTRY, **FACTS)


def rerated(before: Draw, *draws: Draw) -> WorkRerated:
    return WorkRerated(before=(before,), draws=draws, caused_by="e2", **ENTRY)


def expired(source: Any, grant: str, seconds: int) -> GrantExpired:
    expiry = Expiry(source=source, grant=grant, month="2026-11", seconds=seconds)
    return GrantExpired(occurred_at=DECEMBER, expired_at=DECEMBER, expired=expiry, **SUBSCRIPTION)


def subscription(*events: Event) -> datetime | None:
    return row("subscription-s1", started(), *events).record_at


def test_a_subscription_is_due_at_its_start_and_at_each_months_end() -> None:
    assert subscription() == NOVEMBER
    assert subscription(november()) == DECEMBER
    assert subscription(november(), expired("allowance", "2026-11", 3600), december()) == JANUARY
    assert subscription(november(), december()) == JANUARY, "whoever recorded December had nothing more to record"


def test_a_pack_is_due_at_its_expiry_while_something_is_left_of_it() -> None:
    assert subscription(november(), pack(None)) == DECEMBER
    assert subscription(november(), pack()) == TWENTIETH
    assert subscription(november(), pack(), expired("pack", "p1", 18_000)) == DECEMBER
    assert subscription(november(), pack(), rated(of_pack(18_000))) == DECEMBER
    assert subscription(november(), pack(), rated(of_pack(17_999))) == TWENTIETH


def test_hours_that_come_back_to_a_pack_are_due_again() -> None:
    used_up = (november(), pack(), rated(of_pack(18_000)))
    assert subscription(*used_up, rerated(of_pack(18_000), of_pack(900))) == TWENTIETH
    credit = Credit(source="pack", posted_month="2026-10", seconds=60, pack_id="p1", restored=True)
    revised: dict[str, Any] = {"worked_before_seconds": 60, "before": (), "draws": (), **ENTRY, **FACTS}
    restored = WorkRevised(credits=(credit,), **revised)
    assert subscription(*used_up, restored) == TWENTIETH
    taken_again = WorkRevised(credits_before=(credit,), **revised)
    assert subscription(*used_up, restored, taken_again) == DECEMBER


def test_a_late_fact_that_says_itself_what_expired_leaves_nothing_due() -> None:
    over = (november(), pack(), rated(of_pack(18_000)))
    fewer = WorkRevised(
        worked_before_seconds=60,
        before=(of_pack(18_000),),
        draws=(of_pack(17_000),),
        expired=(Expiry(source="pack", grant="p1", month="2026-11", seconds=1000),),
        **ENTRY,
        **FACTS,
    )
    assert subscription(*over, fewer) == DECEMBER


def test_after_a_cancelled_subscriptions_last_month_its_allowance_expires_and_then_nothing() -> None:
    assert subscription(november(), cancelled()) == DECEMBER
    assert subscription(november(), cancelled(), expired("allowance", "2026-11", 3600)) is None
    assert subscription(november(), cancelled(), rated(of_allowance(3600))) is None
    assert subscription(cancelled()) == NOVEMBER, "its first month is yet to begin"
    assert subscription(november(), cancelled(), month("2026-12", DECEMBER, JANUARY, allowance=0)) is None


def test_what_rolled_over_expires_a_month_later() -> None:
    rolled = (november(cap=1800), cancelled(), expired("allowance", "2026-11", 1800))
    assert subscription(*rolled) == JANUARY
    assert subscription(*rolled, expired("rollover", "2026-11", 1800)) is None
    assert subscription(november(cap=1800), cancelled(), rated(of_allowance(1800))) == JANUARY, "all of it rolls over"
    assert subscription(november(cap=1800), december(), rated(of_allowance(1800))) == JANUARY


def test_a_later_subscription_begins_at_its_start_and_takes_over_the_packs() -> None:
    again = started(JANUARY)
    gone = expired("allowance", "2026-11", 3600)
    assert subscription(november(), cancelled(), gone, again) == JANUARY
    late = pack(JANUARY - timedelta(days=1))
    assert subscription(november(), late, cancelled(), gone, again) == JANUARY - timedelta(days=1)


def test_what_a_closed_month_granted_is_forgotten_unless_something_is_left_of_it() -> None:
    def grants(*events: Event) -> list[str]:
        course = row("subscription-s1", started(), *events).course
        assert course is not None
        return [grant.grant for grant in course.grants]

    closed = PeriodClosed(occurred_at=FEBRUARY, month="2026-12", ended_at=JANUARY, **SUBSCRIPTION)
    over = (november(), expired("allowance", "2026-11", 3600), december())
    assert grants(*over) == ["2026-11", "2026-12"]
    assert grants(*over, closed) == ["2026-12"]
    assert grants(*over, pack(), closed) == ["2026-12", "p1"]
    assert grants(*over, pack(), expired("pack", "p1", 18_000), closed) == ["2026-12"]
