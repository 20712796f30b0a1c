"""Commands of the timekeeper: what fell due by itself is recorded."""

from collections.abc import Mapping
from typing import Any

from commands.handlers.streams import subscription_with_id, ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import UnitOfWork
from domain.subscription import decider as subscriptions
from domain.subscription.commands import RecordDue as RecordMonths
from domain.ticket import decide as tickets
from domain.ticket.commands import RecordDue as RecordDeadlines


def record_due_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record the breaches, changed service levels and reminders of a case (SUPPORT_POLICY R16, T6, T7)."""
    stream, state = ticket_named(work, data["id"])
    stream.add(tickets.decide(RecordDeadlines(**facts(work, settings)), state))
    outcome = ticket_outcome(stream)
    return Outcome(stream=stream, location=outcome.location, keep=bool(stream.pending))


def record_due_subscription(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record the months that began and the grants that expired (SUPPORT_POLICY B2, B6)."""
    stream, state = subscription_with_id(work, data["id"])
    stream.add(subscriptions.decide(RecordMonths(now=work.now), state))
    return Outcome(stream=stream, location=f"/v1/customers/{state.customer_id}/subscription", keep=bool(stream.pending))
