"""When does something of a subscription begin or end by itself? The months and grants that the timekeeper has to watch.

What is left of a grant is followed as the ledger follows it: granted, less drawn, plus restored, less expired. So one
that was used up, or whose end was recorded, has nothing left and is not due. A month's rollover is the rest of its
allowance after the month: both are one grant here, named by the month.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from domain.event import Value
from domain.rating.months import month_after, month_bounds
from domain.subscription.events import (
    Credit,
    Draw,
    Expiry,
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PeriodClosed,
    SubscriptionCancelled,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
    WorkRevised,
)

DrawingEvent = WorkRated | WorkRerated | WorkRevised


class Grant(Value, frozen=True, kw_only=True):
    """A pack that expires, or a month's allowance: `left_seconds` of it can still be drawn or expire.

    Of an allowance what is more than `rollover_cap_seconds` expires at `expires_at`, the rest at `rollover_expires_at`.
    """

    grant: str
    expires_at: datetime
    left_seconds: int
    rollover_cap_seconds: int = 0
    rollover_expires_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """When something of it expires; none while nothing is left."""
        if self.left_seconds > self.rollover_cap_seconds:
            return self.expires_at
        return self.rollover_expires_at if self.left_seconds > 0 else None


class Course(Value, frozen=True, kw_only=True):
    """How a subscription goes on by itself: the start of its next month, none after its last, and its grants."""

    zone: str
    next_month_at: datetime | None
    ends_at: datetime | None = None
    grants: tuple[Grant, ...] = ()

    @property
    def due_at(self) -> datetime | None:
        """The first instant at which a month begins or something expires."""
        instants = [at for grant in self.grants if (at := grant.due_at) is not None]
        if self.next_month_at is not None:
            instants.append(self.next_month_at)
        return min(instants, default=None)


def started(course: Course | None, event: SubscriptionStarted) -> Course:
    """A subscription starts, perhaps after an earlier one, whose grants go on (SUPPORT_POLICY B2)."""
    grants = () if course is None else course.grants
    return Course(zone=event.zone, next_month_at=event.starts_at, grants=grants)


def cancelled(course: Course, event: SubscriptionCancelled) -> Course:
    """No month begins at the end or after it (B2)."""
    return _until(replace(course, ends_at=event.ends_at), course.next_month_at)


def month_started(course: Course, event: MonthStarted) -> Course:
    """The month grants its allowance; the next one begins when it ends (B6)."""
    course = _until(_expired_by(course, event.starts_at), event.ends_at)
    if not event.allowance_seconds:
        return course
    _, month_after_ends_at = month_bounds(month_after(event.month), course.zone)
    granted = Grant(
        grant=event.month,
        expires_at=event.ends_at,
        left_seconds=event.allowance_seconds,
        rollover_cap_seconds=event.rollover_cap_seconds,
        rollover_expires_at=month_after_ends_at,
    )
    return replace(course, grants=(*course.grants, granted))


def bought(course: Course, event: HourPackPurchased) -> Course:
    """A pack without an expiry never falls due."""
    if event.expires_at is None:
        return course
    pack = Grant(grant=event.pack_id, expires_at=event.expires_at, left_seconds=event.seconds)
    return replace(course, grants=(*course.grants, pack))


def drawn(course: Course, event: DrawingEvent) -> Course:
    """Work draws on grants, or gives back; what had expired may turn out to be less or more (B7, B8)."""
    return _taken(course, _drawn(event))


def expired(course: Course, event: GrantExpired) -> Course:
    """What was left is gone."""
    return _taken(course, _of_expiries((event.expired,)))


def closed(course: Course, event: PeriodClosed) -> Course:
    """What ended with a closed month, or before, is drawn on and restored no more (B8)."""
    kept = tuple(
        grant
        for grant in course.grants
        if grant.left_seconds != 0 or (grant.rollover_expires_at or grant.expires_at) > event.ended_at
    )
    return course if len(kept) == len(course.grants) else replace(course, grants=kept)


def _expired_by(course: Course, at: datetime) -> Course:
    """Whoever records a month has recorded what expired before it; so nothing of that is due any more."""

    def rest(grant: Grant) -> int:
        if grant.rollover_expires_at is None or grant.expires_at > at:
            return grant.left_seconds
        return min(grant.left_seconds, grant.rollover_cap_seconds if grant.rollover_expires_at > at else 0)

    grants = tuple(
        grant if grant.left_seconds == (left := rest(grant)) else replace(grant, left_seconds=left)
        for grant in course.grants
    )
    return replace(course, grants=grants)


def _until(course: Course, next_month_at: datetime | None) -> Course:
    over = next_month_at is None or (course.ends_at is not None and next_month_at >= course.ends_at)
    return replace(course, next_month_at=None if over else next_month_at)


def _drawn(event: DrawingEvent) -> Iterator[tuple[str, int]]:
    """The seconds that each grant has less after the event, as (grant, seconds)."""
    yield from _of_draws(event.draws, 1)
    yield from _of_expiries(event.expired)
    if isinstance(event, WorkRerated | WorkRevised):
        yield from _of_draws(event.before, -1)
    if isinstance(event, WorkRevised):
        yield from _of_credits(event.credits, -1)
        yield from _of_credits(event.credits_before, 1)


def _of_draws(draws: tuple[Draw, ...], sign: int) -> Iterator[tuple[str, int]]:
    for draw in draws:
        grant = draw.pack_id or draw.month
        if grant is not None:
            yield grant, sign * draw.seconds


def _of_credits(credited: tuple[Credit, ...], sign: int) -> Iterator[tuple[str, int]]:
    for credit in credited:
        if credit.restored and credit.pack_id is not None:
            yield credit.pack_id, sign * credit.seconds


def _of_expiries(expiries: tuple[Expiry, ...]) -> Iterator[tuple[str, int]]:
    for expiry in expiries:
        yield expiry.grant, expiry.seconds


def _taken(course: Course, taken: Iterator[tuple[str, int]]) -> Course:
    changes: dict[str, int] = {}
    for grant, seconds in taken:
        changes[grant] = changes.get(grant, 0) + seconds
    if not any(changes.get(grant.grant) for grant in course.grants):
        return course
    grants = tuple(
        replace(grant, left_seconds=grant.left_seconds - changes[grant.grant]) if changes.get(grant.grant) else grant
        for grant in course.grants
    )
    return replace(course, grants=grants)
