"""What falls due on a subscription by itself, and when: months begin, grants expire (SUPPORT_POLICY B2, B6).

It follows the events alone, so the decider and whoever has to know the next due instant agree.
"""

from datetime import datetime

from msgspec.structs import replace

from domain.event import Value
from domain.rating.book import GrantSource
from domain.rating.months import month_after, month_before, month_bounds, month_of
from domain.subscription.events import (
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    SubscriptionCancelled,
    SubscriptionEvent,
    SubscriptionStarted,
)


class PendingExpiry(Value, frozen=True, kw_only=True):
    """A grant whose expiry is to be recorded: `grant` is the month of an allowance or a rollover, or a pack's id."""

    at: datetime
    source: GrantSource
    grant: str


class Stretch(Value, frozen=True, kw_only=True):
    """A time with a subscription; without an end as long as it is not cancelled."""

    starts_at: datetime
    ends_at: datetime | None = None


class Agenda(Value, frozen=True, kw_only=True):
    """The times with a subscription, oldest first; where the recorded months end; what expires, in order."""

    zone: str
    stretches: tuple[Stretch, ...]
    months_until: datetime
    expiries: tuple[PendingExpiry, ...] = ()

    @property
    def next_month_at(self) -> datetime | None:
        """The instant at which the next month of a subscription begins; `None` if no more is to come."""
        for stretch in self.stretches:
            if stretch.ends_at is None or self.months_until < stretch.ends_at:
                return max(self.months_until, stretch.starts_at)
        return None

    @property
    def next_due(self) -> datetime | None:
        """The instant from which there is something to record; `None` if nothing is to come."""
        instants = [each.at for each in self.expiries[:1]]
        if (month_at := self.next_month_at) is not None:
            instants.append(month_at)
        return min(instants, default=None)

    def is_subscribed(self, at: datetime) -> bool:
        """Whether an instant is within a subscription."""
        return any(each.starts_at <= at and (each.ends_at is None or at < each.ends_at) for each in self.stretches)

    def month_end(self, starts_at: datetime) -> datetime:
        """Return where a month ends that begins at an instant: the calendar month's end, or a subscription's start."""
        _, ends_at = month_bounds(month_of(starts_at, self.zone), self.zone)
        return min((each.starts_at for each in self.stretches if starts_at < each.starts_at < ends_at), default=ends_at)


def begun(event: SubscriptionStarted) -> Agenda:
    """Return the agenda of a customer's first subscription."""
    return Agenda(zone=event.zone, stretches=(Stretch(starts_at=event.starts_at),), months_until=event.starts_at)


def follow(agenda: Agenda, event: SubscriptionEvent) -> Agenda:
    """Return the agenda after one more event; the same object where it changes nothing."""
    match event:
        case SubscriptionStarted():
            # A month that no subscription was in is cut where the new one starts.
            return replace(
                agenda,
                stretches=(*agenda.stretches, Stretch(starts_at=event.starts_at)),
                months_until=min(agenda.months_until, event.starts_at),
            )
        case SubscriptionCancelled():
            return replace(agenda, stretches=_ended(agenda.stretches, event.ends_at))
        case MonthStarted():
            pending = replace(agenda, months_until=event.ends_at)
            return _expecting(pending, *_expiries_of_month(event, agenda.zone))
        case HourPackPurchased() if event.expires_at is not None:
            return _expecting(agenda, PendingExpiry(at=event.expires_at, source="pack", grant=event.pack_id))
        case GrantExpired():
            done = event.expired.source, event.expired.grant
            left = tuple(each for each in agenda.expiries if (each.source, each.grant) != done)
            return replace(agenda, expiries=left)
        case _:
            return agenda


def posted_in(expiry: PendingExpiry, zone: str) -> str:
    """Return the month that an expiry is posted in: the one that has its last instant."""
    month = month_of(expiry.at, zone)
    return month_before(month) if month_bounds(month, zone)[0] == expiry.at else month


def _expiries_of_month(event: MonthStarted, zone: str) -> list[PendingExpiry]:
    """Tell when an allowance expires: what cannot roll over at the month's end, the rest at the next one's."""
    found = []
    if event.allowance_seconds > event.rollover_cap_seconds:
        found.append(PendingExpiry(at=event.ends_at, source="allowance", grant=event.month))
    if event.allowance_seconds and event.rollover_cap_seconds:
        _, ends_at = month_bounds(month_after(event.month), zone)
        found.append(PendingExpiry(at=ends_at, source="rollover", grant=event.month))
    return found


def _expecting(agenda: Agenda, *more: PendingExpiry) -> Agenda:
    if not more:
        return agenda
    expiries = sorted((*agenda.expiries, *more), key=lambda each: (each.at, each.source, each.grant))
    return replace(agenda, expiries=tuple(expiries))


def _ended(stretches: tuple[Stretch, ...], ends_at: datetime) -> tuple[Stretch, ...]:
    """End the last of them that starts before."""
    number = max(n for n, each in enumerate(stretches) if each.starts_at < ends_at)
    return (*stretches[:number], replace(stretches[number], ends_at=ends_at), *stretches[number + 1 :])
