"""B1, R22: entries are corrected and voided by further facts, and staff decide how work is billed."""

from datetime import timedelta

import pytest

from domain.ticket.commands import TicketCommand
from domain.ticket.events import ScopeDecided, TicketEvent, WorkCorrected, WorkVoided
from domain.ticket.refusals import EntryExists, EntryIsVoid, InvalidDuration, UnknownEntry, WorkInFuture
from tests.domain.ticket.cases import (
    OTHER_WORDS,
    WORDS,
    after,
    closed,
    nov,
    opened,
    resolved,
    scope_decided,
    waits_for_customer,
    work_corrected,
    work_logged,
    work_voided,
)

OPENING = nov(23, 9)
NOW = nov(23, 10)
LOGGED = (opened(OPENING), work_logged(NOW))
STATES: dict[str, tuple[TicketCommand, ...]] = {
    "open": LOGGED,
    "waiting": (*LOGGED, waits_for_customer(NOW)),
    "resolved": (*LOGGED, resolved(NOW)),
    "closed": (*LOGGED, resolved(NOW), closed(NOW)),
}


def kinds(events: list[TicketEvent]) -> list[type[TicketEvent]]:
    return [type(event) for event in events]


@pytest.mark.parametrize("history", STATES.values(), ids=STATES)
def test_an_entry_is_corrected_in_every_state(history: tuple[TicketCommand, ...]) -> None:
    after(*history).when(work_corrected(NOW, 1800)).then(
        WorkCorrected(
            occurred_at=NOW,
            ticket_id="t1",
            customer_id="c1",
            entry_id="e1",
            duration_seconds=1800,
            former_duration_seconds=900,
            reason=WORDS,
        )
    )


def test_a_correction_is_of_what_was_corrected_last() -> None:
    given = after(*LOGGED, work_corrected(NOW, 1800))
    given.when(work_corrected(NOW, 1800)).then_nothing()
    (event,) = given.when(work_corrected(NOW, 900)).events
    assert isinstance(event, WorkCorrected)
    assert (event.duration_seconds, event.former_duration_seconds) == (900, 1800)


def test_a_correction_to_what_was_logged_is_none() -> None:
    after(*LOGGED).when(work_corrected(NOW, 900)).then_nothing()


@pytest.mark.parametrize(("seconds", "taken"), [(0, False), (1, True), (86_400, True), (86_401, False)])
def test_a_corrected_entry_is_of_one_second_to_a_day_as_well(seconds: int, taken: bool) -> None:
    outcome = after(*LOGGED).when(work_corrected(nov(25, 10), seconds))
    if taken:
        assert WorkCorrected in kinds(outcome.events)
    else:
        outcome.then_refused(InvalidDuration)


def test_corrected_work_may_end_now_but_not_later() -> None:
    start = nov(23, 9)  # as logged
    now = start + timedelta(seconds=2000)
    given = after(opened(OPENING), work_logged(start + timedelta(seconds=900)))
    assert kinds(given.when(work_corrected(now, 2000)).events) == [WorkCorrected]
    given.when(work_corrected(now, 2001)).then_refused(WorkInFuture)


@pytest.mark.parametrize("history", STATES.values(), ids=STATES)
def test_an_entry_is_voided_in_every_state_and_once(history: tuple[TicketCommand, ...]) -> None:
    given = after(*history)
    given.when(work_voided(NOW)).then(
        WorkVoided(
            occurred_at=NOW, ticket_id="t1", customer_id="c1", entry_id="e1", former_duration_seconds=900, reason=WORDS
        )
    )
    given.having(work_voided(NOW)).when(work_voided(NOW)).then_nothing()


def test_a_void_tells_the_time_as_last_corrected() -> None:
    (event,) = after(*LOGGED, work_corrected(NOW, 1800)).when(work_voided(NOW)).events
    assert isinstance(event, WorkVoided)
    assert event.former_duration_seconds == 1800


def test_a_void_is_final() -> None:
    given = after(*LOGGED, work_voided(NOW))
    for seconds in (900, 1800):
        refusal = given.when(work_corrected(NOW, seconds)).then_refused(EntryIsVoid)
        assert refusal.pointer == "/entry_id"


def test_an_entry_that_is_not_on_the_ticket_is_unknown() -> None:
    for command in (work_corrected(NOW, 60, "e2"), work_voided(NOW, "e2")):
        refusal = after(*LOGGED).when(command).then_refused(UnknownEntry)
        assert refusal.pointer == "/entry_id"


def test_corrections_concern_their_entry_alone() -> None:
    given = after(*LOGGED, work_logged(NOW, entry_id="e2"), work_voided(NOW, "e2"))
    assert kinds(given.when(work_corrected(NOW, 60)).events) == [WorkCorrected]


def test_a_corrected_or_voided_entry_logged_again_is_held_against_what_was_logged() -> None:
    for change in (work_corrected(NOW, 1800), work_voided(NOW)):
        given = after(*LOGGED, change)
        given.when(work_logged(NOW)).then_nothing()
        given.when(work_logged(NOW, duration_seconds=1800)).then_refused(EntryExists)


@pytest.mark.parametrize("history", STATES.values(), ids=STATES)
def test_the_scope_of_work_is_decided_in_every_state(history: tuple[TicketCommand, ...]) -> None:
    given = after(*history)
    given.when(scope_decided(NOW)).then(
        ScopeDecided(occurred_at=NOW, ticket_id="t1", customer_id="c1", scope="billable", reason=WORDS)
    )
    given.having(scope_decided(NOW)).when(scope_decided(NOW)).then_nothing()


def test_another_scope_or_reason_is_another_decision() -> None:
    given = after(*LOGGED, scope_decided(NOW))
    for command in (scope_decided(NOW, "waived"), scope_decided(NOW, reason=OTHER_WORDS)):
        assert kinds(given.when(command).events) == [ScopeDecided]
    back = given.having(scope_decided(NOW, "waived")).when(scope_decided(NOW)).events
    assert kinds(back) == [ScopeDecided]
