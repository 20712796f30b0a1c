"""Policies ask for the same in whatever order things become known, and what they ask for happens once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import msgspec
import pytest

from commands.policies.allowances import NOTICE_EXHAUSTION
from commands.policies.budgets import NOTE_BUDGET_USE
from commands.policies.incidents import ANNOUNCE_RESOLUTION
from commands.policies.policy import Intent, Policy, intents_of, request_for
from domain import budget as budgets
from domain.budget import BudgetEvent, Budgets, BudgetThresholdReached, NoteBudgetUse, SetBudget
from domain.event import Event
from domain.incident import IncidentDeclared, IncidentResolved, IncidentUpdatePosted, TicketLinked
from domain.owed import owed_by_month
from domain.personal import Personal
from domain.plan import TermsChange
from domain.recorded import Metadata, RecordedEvent
from domain.subscription import decider as subscriptions
from domain.subscription.commands import (
    NoticeExhaustion,
    RateWork,
    RecordDue,
    ReviseWork,
    SubscriptionCommand,
    WorkRevision,
)
from domain.subscription.events import AllowanceExhausted, SubscriptionEvent
from domain.subscription.state import Subscription
from domain.subscription.state import evolve as evolve_subscription
from tests.domain.subscription.sentences import buy, denver, since_november, work

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STORM = IncidentDeclared(occurred_at=NOW, incident_id="storm", title="Storm", text=Personal("…"))
UPDATE = IncidentUpdatePosted(occurred_at=NOW, incident_id="storm", text=Personal("Still dark."))
RESOLVED = IncidentResolved(occurred_at=NOW, incident_id="storm", text=Personal("Over."))


def linked(ticket_id: str) -> TicketLinked:
    return TicketLinked(occurred_at=NOW, incident_id="storm", ticket_id=ticket_id, case_number="C-000001")


def recorded(stream_id: str, events: Sequence[Event], *, imported: str | None = None) -> list[RecordedEvent]:
    return [
        RecordedEvent(
            stream_id,
            version,
            event,
            msgspec.json.encode(
                Metadata(
                    event_id=f"{stream_id}-{version}",
                    correlation_id="a request",
                    actor="kim",
                    command_id="x",
                    imported=imported,
                )
            ),
            version,
        )
        for version, event in enumerate(events, 1)
    ]


def asked(policy: Policy, stream: Sequence[RecordedEvent], read_upto: Callable[[int], int]) -> list[Intent]:
    """Let a policy react to each event of a stream; `read_upto` says how much of it is there by then."""
    return [
        intent
        for number, cause in enumerate(stream, 1)
        for _, intent in intents_of([policy], cause, lambda _, number=number: stream[: read_upto(number)])  # type: ignore[misc]
    ]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "when everything has happened"])
def test_each_case_of_an_incident_is_to_be_told_once_whatever_was_known_first(*, late: bool) -> None:
    for order in permutations([linked("a"), linked("b"), linked("c"), UPDATE]):
        stream = recorded("incident-storm", [STORM, *order, RESOLVED])
        intents = asked(ANNOUNCE_RESOLUTION, stream, lambda number: len(stream) if late else number)  # noqa: B023
        requests = [request_for(ANNOUNCE_RESOLUTION, intent, stream[-1]) for intent in intents]
        told = {request.data["ticket"]: request.idempotency_key for request in requests}
        assert told.keys() == {"a", "b", "c"}
        assert {(request.data["ticket"], request.idempotency_key) for request in requests} == set(told.items())
        assert all(
            request.idempotency_key and request.keep and request.data["text"] == RESOLVED.text for request in requests
        )


def test_nobody_is_told_of_an_incident_that_goes_on() -> None:
    stream = recorded("incident-storm", [STORM, linked("a"), linked("b")])
    assert asked(ANNOUNCE_RESOLUTION, stream, lambda number: number) == []


def test_a_command_names_what_led_to_it() -> None:
    (cause,) = recorded("incident-storm", [RESOLVED])
    (intent,) = ANNOUNCE_RESOLUTION.react(cause, recorded("incident-storm", [STORM, linked("a"), RESOLVED]))
    request = request_for(ANNOUNCE_RESOLUTION, intent, cause)
    assert (request.correlation_id, request.causation_id) == ("a request", "incident-storm-1")
    assert (request.command, request.actor) == ("announce-incident-resolution", "policy incident resolution")


def test_what_an_import_brought_leads_to_nothing() -> None:
    stream = recorded("incident-storm", [STORM, linked("a"), RESOLVED], imported="old desk")
    assert asked(ANNOUNCE_RESOLUTION, stream, lambda number: number) == []


class Account:
    """A customer's subscription and budgets, whose policies react when they are told to."""

    def __init__(self, subscription: Sequence[SubscriptionEvent]) -> None:
        self.subscription = list(subscription)
        self.budgets: list[BudgetEvent] = []
        self._news: list[Event] = list(subscription)

    def takes(self, command: SubscriptionCommand | SetBudget) -> None:
        """Carry a command out."""
        if isinstance(command, SetBudget):
            self._decide_budget(command)
        else:
            self._decide_subscription(command)

    def reacts(self) -> None:
        """Let the policies react to what happened since, until that leads to nothing more."""
        while self._news:
            news, self._news = self._news, []
            for cause in recorded("a stream", news):
                for _, intent in intents_of([NOTICE_EXHAUSTION, NOTE_BUDGET_USE], cause, lambda _: ()):
                    self._carry_out(intent)

    @property
    def notices(self) -> set[Any]:
        """What was noticed; nothing of it twice."""
        exhausted = [each.month for each in self.subscription if isinstance(each, AllowanceExhausted)]
        reached = [
            (each.scope, each.span_starts, each.threshold_percent)
            for each in self.budgets
            if isinstance(each, BudgetThresholdReached)
        ]
        found = [*exhausted, *reached]
        assert len(found) == len(set(found)), "noticed twice"
        return set(found)

    def _carry_out(self, intent: Intent) -> None:
        if intent.command == "notice-exhaustion":
            self._decide_subscription(NoticeExhaustion(now=NOW, month=intent.data["month"]))
        else:
            assert intent.command == "note-budget-use"
            self._decide_budget(NoteBudgetUse(now=NOW, owed=owed_by_month(self.subscription)))

    def _decide_subscription(self, command: SubscriptionCommand) -> None:
        state: Subscription | None = None
        for event in self.subscription:
            state = evolve_subscription(state, event)
        self._happened(self.subscription, subscriptions.decide(command, state))

    def _decide_budget(self, command: SetBudget | NoteBudgetUse) -> None:
        state: Budgets | None = None
        for event in self.budgets:
            state = budgets.evolve(state, event)
        self._happened(self.budgets, budgets.decide(command, state))

    def _happened(self, stream: list[Any], events: Iterable[Any]) -> None:
        new = list(events)
        stream.extend(new)
        self._news.extend(new)


def worked(name: str, day: int, minutes: int) -> RateWork:
    return work(NOW, name, denver(11, day), minutes)


def noticed(
    commands: Sequence[SubscriptionCommand | SetBudget], *, at_once: bool, terms: TermsChange | None = None
) -> set[Any]:
    account = Account(since_november(terms).events)
    for command in commands:
        account.takes(command)
        if at_once:
            account.reacts()
    account.reacts()
    return account.notices


def in_every_order(*commands: SubscriptionCommand | SetBudget, terms: TermsChange | None = None) -> set[frozenset[Any]]:
    """Return the different outcomes, over every order of arrival, with policies that react at once or late."""
    return {
        frozenset(noticed(order, at_once=at_once, terms=terms))
        for order in permutations(commands)
        for at_once in (True, False)
    }


def test_a_used_up_allowance_is_noticed_once_whatever_came_first() -> None:
    assert in_every_order(worked("e1", 3, 30), worked("e2", 5, 30), worked("e3", 10, 15), buy(NOW)) == {
        frozenset({"2026-11"})
    }


def test_an_allowance_is_used_up_by_late_work_that_takes_what_had_rolled_over() -> None:
    """December has its hour and the half one that November leaves, until work of November takes that."""
    later = denver(12, 20)
    november, december = work(later, "e1", denver(11, 3), 60), work(later, "e2", denver(12, 3), 60)
    both = frozenset({"2026-11", "2026-12"})
    assert in_every_order(november, december, terms=TermsChange(rollover_cap_seconds=1800)) == {both}


def test_an_allowance_is_used_up_by_a_correction() -> None:
    entry = worked("e1", 3, 45)
    longer = WorkRevision(
        entry_id=entry.entry_id,
        ticket_id=entry.ticket_id,
        case_number=entry.case_number,
        duration_seconds=3600,
        voided=False,
        work_class="included",
        purpose="maintenance",
    )
    assert noticed([entry], at_once=True) == set()
    assert noticed([entry, ReviseWork(now=NOW, revisions=(longer,))], at_once=True) == {"2026-11"}


def test_an_allowance_with_something_left_is_not_noticed() -> None:
    assert in_every_order(worked("e1", 3, 30), worked("e2", 5, 15), buy(NOW)) == {frozenset()}


def test_the_thresholds_of_a_budget_are_noticed_once_whatever_came_first() -> None:
    """The fee is 150.00; 75 min on demand are 187.50; the budget is 400.00: 84 % of it."""
    budget = SetBudget(
        now=NOW,
        customer_id="c-1",
        cadence="monthly",
        scope="all",
        amount_cents=400_00,
        currency="USD",
        starts_on=date(2026, 11, 1),
    )
    outcome = frozenset({"2026-11", ("all", "2026-11", 50), ("all", "2026-11", 80)})
    assert in_every_order(worked("e1", 3, 60), worked("e2", 5, 30), worked("e3", 10, 45), budget) == {outcome}


def test_a_month_that_begins_counts_for_the_budget_by_its_fee() -> None:
    budget = SetBudget(
        now=NOW,
        customer_id="c-1",
        cadence="monthly",
        scope="maintenance",
        amount_cents=150_00,
        currency="USD",
        starts_on=date(2026, 12, 1),
    )
    december = frozenset({("maintenance", "2026-12", percent) for percent in (50, 80, 100)})
    assert in_every_order(budget, RecordDue(now=denver(12, 1, 0))) == {december}
