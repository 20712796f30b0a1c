"""The desk itself: the zone its months are counted in and the currency it bills in."""

import msgspec

from domain.event import Event


class DeskCreated(Event, frozen=True, kw_only=True):
    """The desk came into being; its zone and currency never change afterwards (SUPPORT_POLICY B2)."""

    zone: str
    currency: str


class Desk(msgspec.Struct, frozen=True, gc=False):
    """The desk as its stream tells it."""

    zone: str
    currency: str


def evolve(_state: Desk | None, event: DeskCreated) -> Desk:
    """Fold the desk's only event."""
    return Desk(zone=event.zone, currency=event.currency)
