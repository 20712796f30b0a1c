"""Commands about the budgets of a customer (SUPPORT_POLICY R23)."""

from collections.abc import Mapping
from typing import Any

from commands.application import Evolve
from commands.handlers.streams import existing_customer
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain import budget as budgets
from domain.budget import Budgets, NoteBudgetUse, SetBudget
from domain.owed import owed_by_month

EVOLVE_BUDGETS: Evolve[Budgets] = budgets.evolve


def set_budget(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Agree on a budget for a scope, from the month of `starts_on` on."""
    customer_id = data["customer_id"]
    existing_customer(work, customer_id)
    stream = _budgets_of(work, customer_id)
    created = stream.state is None
    command = SetBudget(
        now=work.now,
        customer_id=customer_id,
        cadence=data["cadence"],
        scope=data["scope"],
        amount_cents=data["amount_cents"],
        currency=settings.desk().currency,
        starts_on=data["starts_on"],
    )
    stream.add(budgets.decide(command, stream.state))
    return _outcome(stream, customer_id, created=created)


def note_budget_use(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record which thresholds of a customer's budgets are reached, each once a span; a policy's command."""
    customer_id = data["customer_id"]
    stream = _budgets_of(work, customer_id)
    subscription = work.holder("live_subscription", customer_id)
    if stream.state is not None and subscription is not None:
        owed = owed_by_month(recorded.event for recorded in work.read(subscription))
        stream.add(budgets.decide(NoteBudgetUse(now=work.now, owed=owed), stream.state))
    return _outcome(stream, customer_id, keep=bool(stream.pending))


def _budgets_of(work: UnitOfWork, customer_id: str) -> Stream[Budgets]:
    return work.stream(f"budget-{customer_id}", EVOLVE_BUDGETS, customer_id=customer_id)


def _outcome(stream: Stream[Budgets], customer_id: str, *, created: bool = False, keep: bool = True) -> Outcome:
    return Outcome(
        stream=stream,
        location=f"/v1/customers/{customer_id}/budget",
        result={"customer_id": customer_id},
        created=created,
        keep=keep,
    )
