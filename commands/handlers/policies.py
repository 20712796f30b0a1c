"""Commands that policies ask for: what one aggregate's events lead to in another."""

from collections.abc import Mapping
from typing import Any

from commands.handlers.streams import subscription_with_id, ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import UnitOfWork
from domain.subscription import decider as subscriptions
from domain.subscription.commands import NoticeExhaustion
from domain.ticket import decide as tickets
from domain.ticket.commands import AnnounceIncidentResolution


def announce_incident_resolution(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Tell the customer of a case that the incident behind it is over (SUPPORT_POLICY R15)."""
    stream, state = ticket_named(work, data["ticket"])
    command = AnnounceIncidentResolution(**facts(work, settings), incident_id=data["incident_id"], text=data["text"])
    stream.add(tickets.decide(command, state))
    return ticket_outcome(stream)


def notice_exhaustion(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record that nothing is left of a month's allowance, if that is so (SUPPORT_POLICY R21)."""
    stream, state = subscription_with_id(work, data["subscription_id"])
    stream.add(subscriptions.decide(NoticeExhaustion(now=work.now, month=data["month"]), state))
    return Outcome(stream=stream, location=f"/v1/customers/{state.customer_id}/subscription")
