"""Stored tag -> event type: what a name in the log means, for ever."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.calendar import CalendarPublished
from domain.customer import CustomerRegistered
from domain.desk import DeskCreated
from domain.event import Event
from domain.plan import PlanPublished
from domain.sla_policy import SlaPolicyPublished
from domain.subscription.events import (
    HourPackPurchased,
    MonthStarted,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
)
from domain.ticket.events import (
    CustomerReplied,
    EmergencyDeclined,
    EmergencyRequested,
    NoteAdded,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
    WorkLogged,
)

EVENT_TYPES: dict[str, type[Event]] = {
    "DeskCreated.v1": DeskCreated,
    "CalendarPublished.v1": CalendarPublished,
    "SlaPolicyPublished.v1": SlaPolicyPublished,
    "PlanPublished.v1": PlanPublished,
    "CustomerRegistered.v1": CustomerRegistered,
    "SubscriptionStarted.v1": SubscriptionStarted,
    "MonthStarted.v1": MonthStarted,
    "HourPackPurchased.v1": HourPackPurchased,
    "WorkRated.v1": WorkRated,
    "WorkRerated.v1": WorkRerated,
    "TicketOpened.v1": TicketOpened,
    "EmergencyRequested.v1": EmergencyRequested,
    "EmergencyDeclined.v1": EmergencyDeclined,
    "TicketAssigned.v1": TicketAssigned,
    "StaffReplied.v1": StaffReplied,
    "CustomerReplied.v1": CustomerReplied,
    "NoteAdded.v1": NoteAdded,
    "WaitingStarted.v1": WaitingStarted,
    "TicketResumed.v1": TicketResumed,
    "WorkLogged.v1": WorkLogged,
    "TicketResolved.v1": TicketResolved,
    "TicketReopened.v1": TicketReopened,
    "TicketClosed.v1": TicketClosed,
    "ServiceLevelsChanged.v1": ServiceLevelsChanged,
    "ServiceLevelBreached.v1": ServiceLevelBreached,
}
"""Every tag ever stored with the type that it decodes to now. A tag's meaning never changes: a breaking change of an
event is a new tag, the old one stays here with an upcaster in `UPCASTERS`."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[str, Upcaster] = {}
"""Old tag -> function that turns its stored fields into those of the type that the tag decodes to now."""

_TAG_OF = {event_type: tag for tag, event_type in EVENT_TYPES.items() if tag not in UPCASTERS}
_DECODE = {tag: msgspec.json.Decoder(event_type).decode for tag, event_type in EVENT_TYPES.items()}


class UnknownTag(LookupError):
    """The log holds an event that this code does not know: it was written by a newer one."""


def tag_of(event_type: type[Event]) -> str:
    """Return the tag that an event type is stored under."""
    return _TAG_OF[event_type]


def decode(tag: str, data: bytes | str) -> Event:
    """Return the event stored as JSON under a tag, brought up to its present form.

    Raises `UnknownTag`, or `msgspec.ValidationError` where the text does not fit the type.
    """
    try:
        decoder = _DECODE[tag]
    except KeyError:
        raise UnknownTag(tag) from None
    upcast = UPCASTERS.get(tag)
    if upcast is None:
        return decoder(data)
    return msgspec.convert(upcast(msgspec.json.decode(data)), EVENT_TYPES[tag])


_encode = msgspec.json.Encoder().encode


def encode(event: Event) -> bytes:
    """Return the JSON text that an event is stored as."""
    return _encode(event)
