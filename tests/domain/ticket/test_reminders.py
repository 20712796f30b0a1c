"""R16: a customer for whom a case waits is asked again, by the desk's business time, as often as the setting says."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.clocks.levels import ServiceLevels
from domain.sla_policy import Reminders
from domain.ticket.commands import TicketCommand
from domain.ticket.events import (
    CustomerReminded,
    CustomerReplied,
    ServiceLevelBreached,
    TicketEvent,
    TicketResumed,
    WaitingStarted,
)
from tests.domain.ticket.cases import (
    CALENDAR,
    OTHER_WORDS,
    POLICY,
    after,
    closed,
    customer_writes,
    due_recorded,
    noted,
    nov,
    opened,
    reopened,
    resolved,
    resumed,
    staff_replies,
    waits_for_customer,
    waits_for_partner,
)

MICROSECOND = timedelta(microseconds=1)
SINCE = nov(23, 10)
FIRST = nov(25, 10)  # two business days of 9 h
SECOND = nov(30, 15, 30)  # 7.5 h on Wednesday, Thanksgiving, 3.5 h on Friday, 7 h on Monday
THIRD = nov(30, 15, 30) + timedelta(days=2)

ANSWERED = (opened(nov(23, 9)), staff_replies(nov(23, 9, 30)))
WAITING = (*ANSWERED, waits_for_customer(SINCE))


def reminded(now: datetime, number: int, due_at: datetime, remind_at: datetime | None) -> CustomerReminded:
    return CustomerReminded(
        occurred_at=now, ticket_id="t1", customer_id="c1", number=number, due_at=due_at, remind_at=remind_at
    )


def reminders_of(events: list[TicketEvent]) -> list[datetime]:
    return [event.due_at for event in events if isinstance(event, CustomerReminded)]


def by(reminders: Reminders, **changes: datetime) -> ServiceLevels:
    return ServiceLevels([POLICY, replace(POLICY, version=2, reminders=reminders, **changes)], [[CALENDAR]])


def test_waiting_for_the_customer_says_when_the_first_reminder_is_due() -> None:
    (event,) = after(*ANSWERED).when(waits_for_customer(SINCE)).events
    assert isinstance(event, WaitingStarted)
    assert event.remind_at == FIRST


def test_waiting_for_a_partner_reminds_nobody() -> None:
    (event,) = after(*ANSWERED).when(waits_for_partner(SINCE)).events
    assert isinstance(event, WaitingStarted)
    assert event.remind_at is None
    assert reminders_of(after(*ANSWERED, waits_for_partner(SINCE)).when(due_recorded(nov(30, 17))).events) == []


def test_a_reminder_is_due_at_its_instant_and_not_before() -> None:
    after(*WAITING).when(due_recorded(FIRST - MICROSECOND)).then_nothing()
    after(*WAITING).when(due_recorded(FIRST)).then(reminded(FIRST, 1, FIRST, SECOND))


def test_a_reminder_is_recorded_once() -> None:
    after(*WAITING, due_recorded(FIRST)).when(due_recorded(nov(25, 12))).then_nothing()


def test_reminders_go_on_from_when_the_last_was_due_until_there_were_enough() -> None:
    given = after(*WAITING, due_recorded(nov(25, 12)))
    given.when(due_recorded(SECOND)).then(reminded(SECOND, 2, SECOND, THIRD))
    given.having(due_recorded(SECOND)).when(due_recorded(THIRD)).then(reminded(THIRD, 3, THIRD, None))
    later = THIRD + timedelta(days=100)
    given.having(due_recorded(THIRD)).when(due_recorded(later)).then_nothing()


def test_what_fell_due_while_nobody_looked_is_recorded_each_once_in_order() -> None:
    now = THIRD + timedelta(days=30)
    after(*WAITING).when(due_recorded(now)).then(
        reminded(now, 1, FIRST, SECOND), reminded(now, 2, SECOND, THIRD), reminded(now, 3, THIRD, None)
    )


def test_reminders_and_breaches_are_recorded_in_the_order_in_which_they_happened() -> None:
    history = (*ANSWERED, customer_writes(nov(23, 11)), waits_for_customer(nov(23, 12)))
    events = after(*history).when(due_recorded(nov(25, 13))).events
    assert [type(event) for event in events] == [
        ServiceLevelBreached,
        CustomerReminded,
    ]  # Tuesday 11:00, Wednesday 12:00


@pytest.mark.parametrize(
    "command",
    [
        customer_writes(FIRST),
        staff_replies(FIRST),
        noted(FIRST),
        resumed(FIRST),
        resolved(FIRST),
        waits_for_partner(FIRST),
    ],
    ids=lambda command: type(command).__name__,
)
def test_any_command_records_a_reminder_that_fell_due_before_its_own_events(command: TicketCommand) -> None:
    first, *own = after(*WAITING).when(command).events
    assert first == reminded(FIRST, 1, FIRST, SECOND)
    assert own


@pytest.mark.parametrize(
    "end",
    [
        (customer_writes(nov(24, 9)),),
        (resumed(nov(24, 9)),),
        (resolved(nov(24, 9)),),
        (resolved(nov(24, 9)), closed(nov(24, 9))),
        (resolved(nov(24, 9)), reopened(nov(24, 9))),
        (waits_for_partner(nov(24, 9)),),
    ],
)
def test_nobody_is_reminded_once_the_case_waits_no_longer_for_the_customer(end: tuple[TicketCommand, ...]) -> None:
    assert reminders_of(after(*WAITING, *end).when(due_recorded(nov(30, 17))).events) == []


def test_a_staff_reply_does_not_put_a_reminder_off() -> None:
    events = after(*WAITING, staff_replies(nov(24, 9))).when(due_recorded(FIRST)).events
    assert reminders_of(events) == [FIRST]


def test_a_reminder_is_no_reply() -> None:
    history = (*WAITING[:-1], customer_writes(nov(23, 9, 45)), waits_for_customer(SINCE), due_recorded(FIRST))
    state = after(*history).state
    assert state is not None
    assert state.case.clocks.next_response is not None
    assert state.case.clocks.next_response.ended_at is None


def test_another_reason_for_the_same_waiting_keeps_the_reminders() -> None:
    again = waits_for_customer(nov(25, 12), OTHER_WORDS)
    *_, event = after(*WAITING, due_recorded(FIRST)).when(again).events
    assert isinstance(event, WaitingStarted)
    assert event.remind_at == SECOND
    given = after(*WAITING, due_recorded(FIRST), again)
    given.when(due_recorded(SECOND)).then(reminded(SECOND, 2, SECOND, THIRD))
    used_up = after(*WAITING, due_recorded(THIRD), waits_for_customer(THIRD, OTHER_WORDS))
    used_up.when(due_recorded(THIRD + timedelta(days=30))).then_nothing()


def test_waiting_anew_counts_anew() -> None:
    given = after(*WAITING, due_recorded(FIRST), resumed(nov(25, 12)), waits_for_customer(nov(30, 9)))
    events = given.when(due_recorded(nov(30, 9) + timedelta(days=2))).events
    assert [(e.number, e.due_at) for e in events if isinstance(e, CustomerReminded)] == [
        (1, nov(30, 9) + timedelta(days=2))
    ]


def test_a_customers_reply_still_resumes_a_case_it_was_reminded_of() -> None:
    events = after(*WAITING, due_recorded(FIRST)).when(customer_writes(nov(25, 12))).events
    assert [type(event) for event in events] == [CustomerReplied, TicketResumed]


def test_the_setting_says_when_and_how_often() -> None:
    levels = by(Reminders(after_seconds=3600, every_seconds=1800, most=2), effective_from=nov(23, 9))
    history = (
        opened(nov(23, 9), levels),
        staff_replies(nov(23, 9, 30), levels),
        waits_for_customer(SINCE, levels=levels),
    )
    assert reminders_of(after(*history).when(due_recorded(nov(24, 9), levels)).events) == [nov(23, 11), nov(23, 11, 30)]


def test_where_the_setting_says_never_nobody_is_reminded() -> None:
    levels = by(Reminders(most=0), effective_from=nov(23, 9))
    history = (
        opened(nov(23, 9), levels),
        staff_replies(nov(23, 9, 30), levels),
        waits_for_customer(SINCE, levels=levels),
    )
    (event,) = after(*history[:-1]).when(history[-1]).events
    assert isinstance(event, WaitingStarted)
    assert event.remind_at is None
    assert reminders_of(after(*history).when(due_recorded(nov(30, 17), levels)).events) == []


def test_the_setting_in_force_when_the_waiting_began_holds_for_all_its_reminders() -> None:
    levels = by(Reminders(after_seconds=60, every_seconds=60, most=9), effective_from=nov(25, 9))
    history = (
        opened(nov(23, 9), levels),
        staff_replies(nov(23, 9, 30), levels),
        waits_for_customer(SINCE, levels=levels),
    )
    assert reminders_of(after(*history).when(due_recorded(THIRD, levels)).events) == [FIRST, SECOND, THIRD]


def test_so_does_the_calendar() -> None:
    other = replace(CALENDAR, version=2, hours={"mon-sun": "00:00-24:00"}, holidays=(), effective_from=nov(25, 11))
    levels = ServiceLevels([POLICY], [[CALENDAR, other]])
    history = (
        opened(nov(23, 9), levels),
        staff_replies(nov(23, 9, 30), levels),
        waits_for_customer(SINCE, levels=levels),
    )
    assert reminders_of(after(*history).when(due_recorded(THIRD, levels)).events) == [FIRST, SECOND, THIRD]


def test_after_the_last_year_of_a_calendar_nobody_is_reminded() -> None:
    levels = by(Reminders(after_seconds=3600, every_seconds=300 * 366 * 86_400, most=3), effective_from=nov(23, 9))
    history = (
        opened(nov(23, 9), levels),
        staff_replies(nov(23, 9, 30), levels),
        waits_for_customer(SINCE, levels=levels),
    )
    now = nov(23, 11)
    after(*history).when(due_recorded(now, levels)).then(reminded(now, 1, now, None))
