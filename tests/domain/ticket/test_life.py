"""The life of a case: what each command leads to in each state, what it refuses, and what a repeat of it does."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.business_time import BeyondCalendar
from domain.personal import Person, Personal
from domain.refusal import Refusal
from domain.ticket.commands import EmergencyRequest, TicketCommand
from domain.ticket.emergency import NOT_ELIGIBLE
from domain.ticket.events import (
    CustomerReplied,
    EmergencyDeclined,
    EmergencyKind,
    EmergencyRequested,
    ErrorReport,
    NoteAdded,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
    WorkLogged,
)
from domain.ticket.refusals import (
    EntryExists,
    InvalidDuration,
    TicketExists,
    TicketIsClosed,
    TicketIsResolved,
    TicketNotOpened,
    TicketNotResolved,
    WorkInFuture,
    WrongEmergencyKind,
)
from domain.ticket.scope import default_scope, work_class
from tests.domain.ticket.cases import (
    AGENT,
    CUSTOMER,
    OTHER_WORDS,
    WORDS,
    after,
    assigned,
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
    ticket,
    waits_for_customer,
    waits_for_partner,
    work_logged,
)

OPENING = nov(23, 9)
NOW = nov(23, 10)
SECOND = timedelta(seconds=1)

OPEN: tuple[TicketCommand, ...] = (opened(OPENING),)
WAITING = (*OPEN, waits_for_customer(OPENING))
WAITING_PARTNER = (*OPEN, waits_for_partner(OPENING, partner="Acme"))
RESOLVED = (*OPEN, resolved(OPENING))
CLOSED = (*RESOLVED, closed(OPENING))
STATES = {
    "open": OPEN,
    "waiting": WAITING,
    "waiting for partner": WAITING_PARTNER,
    "resolved": RESOLVED,
    "closed": CLOSED,
}


def kinds(events: list[TicketEvent]) -> list[type[TicketEvent]]:
    return [type(event) for event in events]


def only(events: list[TicketEvent]) -> TicketEvent:
    (event,) = events
    return event


# Opening


def test_a_request_becomes_a_ticket_with_what_was_said() -> None:
    command = opened(NOW, goal=Personal("Summer hours"), product="website", urgency="high", complexity="complex")
    event = only(ticket.given().when(command).events)
    assert isinstance(event, TicketOpened)
    assert replace(event, segments=(), deadlines=()) == TicketOpened(
        occurred_at=NOW,
        ticket_id="t1",
        customer_id="c1",
        case_number="C-000001",
        requester=CUSTOMER,
        category="how_to",
        subject=Personal("Opening hours"),
        description=Personal("How do I change them?"),
        urgency="high",
        complexity="complex",
        channel="api",
        product="website",
        goal=Personal("Summer hours"),
        received_at=NOW,
        workable_from=NOW,
    )


def test_the_same_request_again_opens_nothing() -> None:
    command = opened(OPENING, emergency=EmergencyRequest(kind="business_hours", symptom="website_down"))
    given = after(command)
    given.when(replace(command, now=NOW)).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": Personal("Another")},
        {"urgency": "high"},
        {"case_number": "C-000002"},
        {"emergency": EmergencyRequest(kind="business_hours", symptom="website_down")},
    ],
)
def test_another_request_under_the_id_of_a_ticket_is_refused(changes: dict[str, Any]) -> None:
    after(opened(OPENING)).when(replace(opened(NOW), **changes)).then_refused(TicketExists)


@pytest.mark.parametrize(
    ("received_at", "workable_from"),
    [
        (nov(23, 8, 30), nov(23, 8, 30)),
        (nov(23, 8, 29, 59), nov(23, 8, 30)),
        (nov(23, 17, 29, 59), nov(23, 17, 29, 59)),
        (nov(23, 17, 30), nov(24, 8, 30)),
        (nov(25, 20), nov(27, 8, 30)),  # over Thanksgiving
        (nov(27, 12), nov(30, 8, 30)),  # the Friday after is short
    ],
)
def test_a_ticket_is_workable_from_the_next_opening_instant(received_at: datetime, workable_from: datetime) -> None:
    event = only(ticket.given().when(opened(received_at)).events)
    assert isinstance(event, TicketOpened)
    assert (event.received_at, event.workable_from) == (received_at, workable_from)


def test_a_fraction_of_a_second_does_not_make_a_ticket_workable_before_its_receipt() -> None:
    received_at = NOW + timedelta(microseconds=5)
    event = only(ticket.given().when(opened(received_at)).events)
    assert isinstance(event, TicketOpened)
    assert event.workable_from == received_at


REPORT = ErrorReport(noticed_at=OPENING, conditions=WORDS, expected_behaviour=OTHER_WORDS)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"category": "technical_error"}, True),
        ({"category": "technical_error", "error": REPORT}, False),
        ({"category": "how_to"}, False),
    ],
)
def test_a_technical_error_without_its_details_is_taken_and_marked(changes: dict[str, Any], missing: bool) -> None:
    event = only(ticket.given().when(opened(NOW, **changes)).events)
    assert isinstance(event, TicketOpened)
    assert event.details_missing is missing
    assert event.error == changes.get("error")


# Emergencies


def emergency(kind: EmergencyKind) -> EmergencyRequest:
    return EmergencyRequest(kind=kind, symptom="website_down")


@pytest.mark.parametrize(
    ("now", "right", "wrong"),
    [
        (nov(23, 8, 29, 59), "after_hours", "business_hours"),
        (nov(23, 8, 30), "business_hours", "after_hours"),
        (nov(23, 17, 29, 59), "business_hours", "after_hours"),
        (nov(23, 17, 30), "after_hours", "business_hours"),
        (nov(26, 12), "after_hours", "business_hours"),  # Thanksgiving
        (nov(27, 13), "after_hours", "business_hours"),
    ],
)
def test_an_emergency_is_asked_for_in_the_form_of_the_hour(
    now: datetime, right: EmergencyKind, wrong: EmergencyKind
) -> None:
    events = ticket.given().when(opened(now, emergency=emergency(right), product="website")).events
    assert events[1:] == [
        EmergencyRequested(occurred_at=now, ticket_id="t1", customer_id="c1", kind=right, symptom="website_down")
    ]
    refusal = ticket.given().when(opened(now, emergency=emergency(wrong))).then_refused(WrongEmergencyKind)
    assert isinstance(refusal, WrongEmergencyKind)
    assert refusal.right == right
    assert right in refusal.detail


@pytest.mark.parametrize("product", ["boost", "hub"])
@pytest.mark.parametrize(("now", "kind"), [(nov(23, 10), "business_hours"), (nov(28, 22), "after_hours")])
def test_an_emergency_of_boost_or_hub_is_declined_at_once(product: str, now: datetime, kind: EmergencyKind) -> None:
    events = ticket.given().when(opened(now, emergency=emergency(kind), product=product)).events
    assert kinds(events) == [TicketOpened, EmergencyRequested, EmergencyDeclined]
    assert events[2] == EmergencyDeclined(occurred_at=now, ticket_id="t1", customer_id="c1", reason=NOT_ELIGIBLE)


def test_the_wrong_form_is_refused_before_the_product_is_looked_at() -> None:
    command = opened(nov(28, 22), emergency=emergency("business_hours"), product="hub")
    ticket.given().when(command).then_refused(WrongEmergencyKind)


@pytest.mark.parametrize("product", [None, "website", "distribution"])
def test_any_other_or_no_product_goes_to_staff(product: str | None) -> None:
    events = ticket.given().when(opened(NOW, emergency=emergency("business_hours"), product=product)).events
    assert kinds(events) == [TicketOpened, EmergencyRequested]


def test_a_declined_emergency_is_known_when_the_request_comes_again() -> None:
    command = opened(OPENING, emergency=emergency("business_hours"), product="hub")
    after(command).when(replace(command, now=NOW)).then_nothing()


# Staff and customer


@pytest.mark.parametrize("history", [OPEN, WAITING, RESOLVED])
def test_an_agent_takes_charge_once(history: tuple[TicketCommand, ...]) -> None:
    given = after(*history)
    given.when(assigned(NOW)).then(TicketAssigned(occurred_at=NOW, ticket_id="t1", customer_id="c1", agent="bo"))
    given.having(assigned(NOW)).when(assigned(NOW)).then_nothing()
    assert kinds(given.having(assigned(NOW)).when(assigned(NOW, "cy")).events) == [TicketAssigned]


def test_a_staff_reply_is_recorded_and_resumes_nothing() -> None:
    for history in (OPEN, WAITING, WAITING_PARTNER, RESOLVED):
        event = only(after(*history).when(staff_replies(NOW)).events)
        assert isinstance(event, StaffReplied)
        assert (event.author, event.body) == (AGENT, WORDS)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (OPEN, [CustomerReplied]),
        (WAITING, [CustomerReplied, TicketResumed]),
        (WAITING_PARTNER, [CustomerReplied]),
        (RESOLVED, [CustomerReplied, TicketReopened]),
        ((*WAITING, resolved(OPENING)), [CustomerReplied, TicketReopened]),
    ],
)
def test_a_customers_reply_resumes_what_waits_for_it_and_reopens_what_is_resolved(
    history: tuple[TicketCommand, ...], expected: list[type[TicketEvent]]
) -> None:
    assert kinds(after(*history).when(customer_writes(NOW)).events) == expected


def test_a_reopened_ticket_does_not_wait() -> None:
    history = (*WAITING, resolved(OPENING), customer_writes(OPENING))
    after(*history).when(resumed(NOW)).then_nothing()


def test_two_replies_of_the_same_words_are_two_replies() -> None:
    given = after(*OPEN, customer_writes(OPENING))
    assert kinds(given.when(customer_writes(OPENING)).events) == [CustomerReplied]


@pytest.mark.parametrize("history", STATES.values(), ids=STATES)
def test_a_note_is_taken_in_every_state(history: tuple[TicketCommand, ...]) -> None:
    after(*history).when(noted(NOW)).then(
        NoteAdded(occurred_at=NOW, ticket_id="t1", customer_id="c1", author_role="staff", author=AGENT, body=WORDS)
    )


# Waiting


def test_waiting_for_the_customer_is_recorded_with_its_reason() -> None:
    event = only(after(*OPEN).when(waits_for_customer(NOW)).events)
    assert isinstance(event, WaitingStarted)
    assert (event.waiting_for, event.reason, event.partner) == ("customer", WORDS, None)


def test_waiting_for_a_partner_is_recorded_with_its_name() -> None:
    event = only(after(*OPEN).when(waits_for_partner(NOW, partner="Acme")).events)
    assert isinstance(event, WaitingStarted)
    assert (event.waiting_for, event.reason, event.partner) == ("partner", WORDS, "Acme")


def test_waiting_again_for_the_same_is_a_repeat() -> None:
    after(*WAITING).when(waits_for_customer(NOW)).then_nothing()
    after(*WAITING_PARTNER).when(waits_for_partner(NOW, partner="Acme")).then_nothing()


@pytest.mark.parametrize(
    ("history", "command"),
    [
        (WAITING, waits_for_customer(NOW, OTHER_WORDS)),
        (WAITING, waits_for_partner(NOW)),
        (WAITING_PARTNER, waits_for_customer(NOW)),
        (WAITING_PARTNER, waits_for_partner(NOW, partner="Bolt")),
        (WAITING_PARTNER, waits_for_partner(NOW, OTHER_WORDS, "Acme")),
    ],
)
def test_waiting_for_something_else_is_a_switch(history: tuple[TicketCommand, ...], command: TicketCommand) -> None:
    given = after(*history)
    assert kinds(given.when(command).events) == [WaitingStarted]
    given.having(command).when(command).then_nothing()


@pytest.mark.parametrize("history", [WAITING, WAITING_PARTNER])
def test_staff_resume_a_ticket_that_waits_once(history: tuple[TicketCommand, ...]) -> None:
    given = after(*history)
    assert kinds(given.when(resumed(NOW)).events) == [TicketResumed]
    given.having(resumed(NOW)).when(resumed(NOW)).then_nothing()


@pytest.mark.parametrize("history", [OPEN, RESOLVED])
def test_a_ticket_that_does_not_wait_needs_no_resuming(history: tuple[TicketCommand, ...]) -> None:
    after(*history).when(resumed(NOW)).then_nothing()


# Work


@pytest.mark.parametrize("history", STATES.values(), ids=STATES)
def test_work_is_taken_in_every_state(history: tuple[TicketCommand, ...]) -> None:
    after(*history).when(work_logged(NOW, note=WORDS)).then(
        WorkLogged(
            occurred_at=NOW,
            ticket_id="t1",
            customer_id="c1",
            entry_id="e1",
            agent="bo",
            started_at=nov(23, 9),
            duration_seconds=900,
            activity="support",
            note=WORDS,
        )
    )


def test_an_entry_again_with_the_same_facts_is_a_repeat() -> None:
    after(*OPEN, work_logged(NOW)).when(work_logged(NOW + SECOND)).then_nothing()


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": "cy"},
        {"started_at": nov(23, 9, 1)},
        {"duration_seconds": 901},
        {"activity": "call"},
        {"note": WORDS},
    ],
)
def test_an_entry_again_with_other_facts_is_refused(changes: dict[str, Any]) -> None:
    after(*OPEN, work_logged(NOW)).when(work_logged(NOW, **changes)).then_refused(EntryExists)


def test_another_entry_is_taken_beside_the_first() -> None:
    given = after(*OPEN, work_logged(NOW))
    assert kinds(given.when(work_logged(NOW, entry_id="e2")).events) == [WorkLogged]


def test_work_may_end_now_but_not_later() -> None:
    start = NOW - timedelta(seconds=900)
    assert kinds(after(*OPEN).when(work_logged(NOW, started_at=start)).events) == [WorkLogged]
    late = start + timedelta(microseconds=1)
    after(*OPEN).when(work_logged(NOW, started_at=late)).then_refused(WorkInFuture)


@pytest.mark.parametrize(("seconds", "taken"), [(0, False), (1, True), (86_400, True), (86_401, False), (-1, False)])
def test_an_entry_is_of_one_second_to_a_day(seconds: int, taken: bool) -> None:
    outcome = after(*OPEN).when(work_logged(NOW, started_at=nov(20, 9), duration_seconds=seconds))
    if taken:
        assert kinds(outcome.events) == [WorkLogged]
    else:
        outcome.then_refused(InvalidDuration)


# The end


@pytest.mark.parametrize("history", [OPEN, WAITING, WAITING_PARTNER])
def test_a_ticket_is_resolved_once(history: tuple[TicketCommand, ...]) -> None:
    given = after(*history)
    event = only(given.when(resolved(NOW)).events)
    assert isinstance(event, TicketResolved)
    assert event.resolution == WORDS
    given.having(resolved(NOW)).when(resolved(NOW + SECOND)).then_nothing()
    given.having(resolved(NOW)).when(resolved(NOW, OTHER_WORDS)).then_refused(TicketIsResolved)


def test_a_resolution_with_another_article_is_another() -> None:
    first = replace(resolved(NOW), article="a1")
    given = after(*OPEN, first)
    given.when(first).then_nothing()
    given.when(replace(first, article="a2")).then_refused(TicketIsResolved)


def test_only_a_resolved_ticket_is_closed_and_only_once() -> None:
    after(*RESOLVED).when(closed(NOW)).then(TicketClosed(occurred_at=NOW, ticket_id="t1", customer_id="c1"))
    after(*CLOSED).when(closed(NOW)).then_nothing()
    for history in (OPEN, WAITING, WAITING_PARTNER, (*RESOLVED, reopened(OPENING))):
        after(*history).when(closed(NOW)).then_refused(TicketNotResolved)


@pytest.mark.parametrize("history", [RESOLVED, CLOSED])
def test_staff_reopen_what_is_resolved_or_closed_once(history: tuple[TicketCommand, ...]) -> None:
    given = after(*history)
    event = only(given.when(reopened(NOW)).events)
    assert isinstance(event, TicketReopened)
    assert event.reason == WORDS
    given.having(reopened(NOW)).when(reopened(NOW)).then_nothing()


@pytest.mark.parametrize("history", [OPEN, WAITING, WAITING_PARTNER])
def test_a_ticket_that_is_not_resolved_is_open_as_asked(history: tuple[TicketCommand, ...]) -> None:
    after(*history).when(reopened(NOW)).then_nothing()


@pytest.mark.parametrize(
    "command",
    [
        assigned(NOW),
        customer_writes(NOW),
        staff_replies(NOW),
        waits_for_customer(NOW),
        waits_for_partner(NOW),
        resumed(NOW),
        resolved(NOW),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_closed_ticket_refuses(command: TicketCommand) -> None:
    after(*CLOSED).when(command).then_refused(TicketIsClosed)


@pytest.mark.parametrize("command", [waits_for_customer(NOW), waits_for_partner(NOW)])
def test_a_resolved_ticket_waits_for_nobody(command: TicketCommand) -> None:
    after(*RESOLVED).when(command).then_refused(TicketIsResolved)


COMMANDS: list[Callable[[datetime], TicketCommand]] = [
    assigned, customer_writes, staff_replies, noted, waits_for_customer, waits_for_partner, resumed, work_logged,
    resolved, reopened, closed, due_recorded,
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_there_has_to_be_a_ticket(command: Callable[[datetime], TicketCommand]) -> None:
    ticket.given().when(command(NOW)).then_refused(TicketNotOpened)


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [refusal.code for refusal in Refusal.__subclasses__() if refusal.__module__ == "domain.ticket.refusals"]
    assert len(codes) == len(set(codes)) > 9


# The class of its work


@pytest.mark.parametrize(
    ("category", "scope"),
    [
        ("design_change", "billable"),
        ("new_feature", "billable"),
        ("feature_change", "billable"),
        ("enhancement", "billable"),
        ("third_party_training", "billable"),
        ("third_party_customisation", "billable"),
        ("specialised_project", "billable"),
        ("how_to", "included"),
        ("setting_change", "included"),
        ("data_discrepancy", "included"),
        ("technical_error", "included"),
        ("right_resource", "included"),
        ("other", "included"),
    ],
)
def test_work_has_the_class_of_the_tickets_category(category: Any, scope: str) -> None:
    state = after(opened(NOW, category=category)).state
    assert state is not None
    assert default_scope(category) == work_class(state) == scope


def test_personal_data_does_not_show_in_a_refusal() -> None:
    person = Person(name=Personal("Grace"), email=Personal("grace@example.org"))
    refusal = after(opened(OPENING)).when(opened(NOW, requester=person)).then_refused(TicketExists)
    assert "race" not in repr(refusal)


def test_a_date_beyond_the_calendar_is_refused() -> None:
    refusal = ticket.given().when(opened(NOW, requested_for=date(9999, 12, 31))).then_refused(BeyondCalendar)
    assert refusal.pointer == "/requested_for"
