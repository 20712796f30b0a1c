"""Stored tag -> event type: what a name in the log means, for ever."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.api_key import ApiKeyCreated, ApiKeyRevoked
from domain.article import ArticlePublished, ArticleRetired, ArticleRevised
from domain.budget import BudgetSet, BudgetThresholdReached
from domain.calendar import CalendarPublished
from domain.customer import CustomerRegistered, CustomerUpdated
from domain.desk import DeskCreated
from domain.event import Event
from domain.incident import IncidentDeclared, IncidentResolved, IncidentUpdatePosted, TicketLinked
from domain.plan import PlanPublished
from domain.sla_policy import SlaPolicyPublished
from domain.subscription import events as subscription
from domain.ticket import events as ticket
from domain.ticket import former_events as former_ticket
from domain.ticket import split_merge_events as split_merge
from domain.webhook import events as webhook

EVENT_TYPES: dict[str, type[Event]] = {
    "DeskCreated.v1": DeskCreated,
    "CalendarPublished.v1": CalendarPublished,
    "SlaPolicyPublished.v1": SlaPolicyPublished,
    "PlanPublished.v1": PlanPublished,
    "CustomerRegistered.v1": CustomerRegistered,
    "CustomerUpdated.v1": CustomerUpdated,
    "SubscriptionStarted.v1": subscription.SubscriptionStarted,
    "PlanChanged.v1": subscription.PlanChanged,
    "SubscriptionCancelled.v1": subscription.SubscriptionCancelled,
    "MonthStarted.v1": subscription.MonthStarted,
    "GrantExpired.v1": subscription.GrantExpired,
    "AllowanceExhausted.v1": subscription.AllowanceExhausted,
    "HourPackPurchased.v1": subscription.HourPackPurchased,
    "WorkRated.v1": subscription.WorkRated,
    "WorkRerated.v1": subscription.WorkRerated,
    "WorkRevised.v1": subscription.WorkRevised,
    "PeriodClosed.v1": subscription.PeriodClosed,
    "PendingWorkCarriedOver.v1": subscription.PendingWorkCarriedOver,
    "BudgetSet.v1": BudgetSet,
    "BudgetThresholdReached.v1": BudgetThresholdReached,
    "TicketOpened.v1": ticket.TicketOpened,
    "EmergencyRequested.v1": ticket.EmergencyRequested,
    "EmergencyAccepted.v1": ticket.EmergencyAccepted,
    "EmergencyDeclined.v1": ticket.EmergencyDeclined,
    "EmergencyDeclined.v2": ticket.EmergencyDeclined,
    "CauseRuled.v1": ticket.CauseRuled,
    "ScopeDecided.v1": ticket.ScopeDecided,
    "TicketAssigned.v1": ticket.TicketAssigned,
    "TicketEscalated.v1": ticket.TicketEscalated,
    "UrgencyChanged.v1": ticket.UrgencyChanged,
    "ComplexityChanged.v1": ticket.ComplexityChanged,
    "CategoryChanged.v1": ticket.CategoryChanged,
    "StaffReplied.v1": ticket.StaffReplied,
    "CustomerReplied.v1": ticket.CustomerReplied,
    "NoteAdded.v1": ticket.NoteAdded,
    "CallScheduled.v1": ticket.CallScheduled,
    "CallLogged.v1": ticket.CallLogged,
    "EnhancementPlanned.v1": ticket.EnhancementPlanned,
    "AlternativeProposed.v1": ticket.AlternativeProposed,
    "TicketLinkedToIncident.v1": ticket.TicketLinkedToIncident,
    "IncidentResolutionAnnounced.v1": ticket.IncidentResolutionAnnounced,
    "WaitingStarted.v1": ticket.WaitingStarted,
    "CustomerReminded.v1": ticket.CustomerReminded,
    "TicketResumed.v1": ticket.TicketResumed,
    "WorkLogged.v1": ticket.WorkLogged,
    "WorkCorrected.v1": ticket.WorkCorrected,
    "WorkVoided.v1": ticket.WorkVoided,
    "TicketResolved.v1": ticket.TicketResolved,
    "TicketReopened.v1": ticket.TicketReopened,
    "TicketClosed.v1": ticket.TicketClosed,
    "ServiceLevelsChanged.v1": ticket.ServiceLevelsChanged,
    "ServiceLevelBreached.v1": ticket.ServiceLevelBreached,
    "TicketSplit.v1": split_merge.TicketSplit,
    "TicketSplitOff.v1": split_merge.TicketSplitOff,
    "TicketMerged.v1": split_merge.TicketMerged,
    "TicketAbsorbed.v1": split_merge.TicketAbsorbed,
    "IncidentDeclared.v1": IncidentDeclared,
    "IncidentUpdatePosted.v1": IncidentUpdatePosted,
    "TicketLinked.v1": TicketLinked,
    "IncidentResolved.v1": IncidentResolved,
    "ArticlePublished.v1": ArticlePublished,
    "ArticleRevised.v1": ArticleRevised,
    "ArticleRetired.v1": ArticleRetired,
    "ApiKeyCreated.v1": ApiKeyCreated,
    "ApiKeyRevoked.v1": ApiKeyRevoked,
    "WebhookCreated.v1": webhook.WebhookCreated,
    "WebhookUpdated.v1": webhook.WebhookUpdated,
    "WebhookSecretRotated.v1": webhook.WebhookSecretRotated,
    "WebhookDisabled.v1": webhook.WebhookDisabled,
    "WebhookEnabled.v1": webhook.WebhookEnabled,
    "WebhookDeleted.v1": webhook.WebhookDeleted,
    "WebhookReplayed.v1": webhook.WebhookReplayed,
    "DeliveriesRetried.v1": webhook.DeliveriesRetried,
    "DeliveriesDropped.v1": webhook.DeliveriesDropped,
}
"""Every tag ever stored with the type that it decodes to now. A tag's meaning never changes: a breaking change of an
event is a new tag, the old one stays here with an upcaster in `UPCASTERS`."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def _declined_with_personal_reason(fields: dict[str, Any]) -> dict[str, Any]:
    """Staff give reasons in their own words since v2."""
    return {**fields, "reason": {"text": fields["reason"]}}


UPCASTERS: dict[str, Upcaster] = {"EmergencyDeclined.v1": _declined_with_personal_reason}
"""Old tag -> function that turns its stored fields into those of the type that the tag decodes to now."""

FORMER_TYPES: dict[str, type[Event]] = {"EmergencyDeclined.v1": former_ticket.EmergencyDeclinedV1}
"""Old tag -> the type whose text the log holds under it: nobody decodes by it, it tells others what they read."""

_TAG_OF = {event_type: tag for tag, event_type in EVENT_TYPES.items() if tag not in UPCASTERS}


def _decoder(tag: str, event_type: type[Event]) -> Callable[[bytes | str], Event]:
    upcast = UPCASTERS.get(tag)
    if upcast is None:
        return msgspec.json.Decoder(event_type).decode
    return lambda data: msgspec.convert(upcast(msgspec.json.decode(data)), event_type)


_DECODERS = {tag: _decoder(tag, event_type) for tag, event_type in EVENT_TYPES.items()}


class UnknownTag(LookupError):
    """The log holds an event that this code does not know: it was written by a newer one."""


def tag_of(event_type: type[Event]) -> str:
    """Return the tag that an event type is stored under."""
    return _TAG_OF[event_type]


def decode(tag: str, data: bytes | str) -> Event:
    """Return the event stored as JSON under a tag, brought up to its present form.

    Raises `UnknownTag`, or `msgspec.ValidationError` where the text does not fit the type.
    """
    return decoder_of(tag)(data)


def decoder_of(tag: str) -> Callable[[bytes | str], Event]:
    """Return what `decode` does with the texts under a tag, for whoever decodes many. Raises `UnknownTag`."""
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise UnknownTag(tag)
    return decoder


def stored_type(tag: str) -> type[Event]:
    """Return the type whose JSON text the log holds under a tag, which is not upcast there."""
    return FORMER_TYPES.get(tag, EVENT_TYPES[tag])


_encode = msgspec.json.Encoder().encode


def encode(event: Event) -> bytes:
    """Return the JSON text that an event is stored as."""
    return _encode(event)
