"""When will a subscription be used up, if work goes on as it did lately?

A forecast is a reading of the recent past, no rule of the policy: `Use` of a window is taken as a steady flow, included
work of it from rollover, allowance and packs, billable work from packs alone (SUPPORT_POLICY B5), while months bring
their allowances and packs expire (B6).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil

from domain.event import Value

WINDOW = timedelta(days=28)
"""The recent past: four weeks have the same working days in every season."""

LEAST_WINDOW = timedelta(days=1)
"""A subscription that has just begun is not judged by its first hour."""


class Use(Value, frozen=True, kw_only=True):
    """Billed seconds of included and of billable work in a window; pending, emergency and waived work uses nothing."""

    included_seconds: int
    billable_seconds: int
    window: timedelta


class PackLeft(Value, frozen=True, kw_only=True):
    """What is left of a pack until it expires, if it does."""

    seconds: int
    expires_at: datetime | None = None


class Left(Value, frozen=True, kw_only=True):
    """What the running month can still draw, and the most of its own allowance that serves the next one."""

    rollover_seconds: int
    allowance_seconds: int
    rollover_cap_seconds: int
    packs: tuple[PackLeft, ...] = ()


class MonthAhead(Value, frozen=True, kw_only=True):
    """A month that begins when the one before ends, with what it grants."""

    starts_at: datetime
    allowance_seconds: int
    rollover_cap_seconds: int


def window_of(now: datetime, since: datetime) -> timedelta:
    """Return the length of the recent past of something that began at an instant."""
    return max(LEAST_WINDOW, min(WINDOW, now - since))


def exhausted_at(now: datetime, use: Use, left: Left, ahead: Iterable[MonthAhead]) -> datetime | None:
    """Return the instant at which nothing is left of allowance, rollover and packs: `now` if that is so already.

    `ahead` are the months to come, the first of which ends the running one; one may have begun by `now`. `None` without
    use, and where something is left at the start of the last of them. The instant is rounded up to a second from `now`.
    """
    if not use.included_seconds and not use.billable_seconds:
        return None
    flow = _Flow(now, use, left)
    for month in ahead:
        empty = flow.until(month.starts_at)
        if empty is not None:
            return now + timedelta(seconds=ceil(empty))
        flow.begin(month)
    return None


class _Flow:
    """What is left while time goes on, in seconds after `now`, exact."""

    def __init__(self, now: datetime, use: Use, left: Left) -> None:
        window = _seconds(use.window)
        self._now = now
        self._included = use.included_seconds / window
        self._billable = use.billable_seconds / window
        self._rollover = Fraction(left.rollover_seconds)
        self._allowance = Fraction(left.allowance_seconds)
        self._cap = left.rollover_cap_seconds
        expiring = sorted((_seconds(pack.expires_at - now), pack.seconds) for pack in left.packs if pack.expires_at)
        self._expiring = [[expiry, Fraction(seconds)] for expiry, seconds in expiring if expiry > 0]
        self._lasting = Fraction(sum(pack.seconds for pack in left.packs if pack.expires_at is None))
        self._at = Fraction(0)

    def begin(self, month: MonthAhead) -> None:
        """Take over what rolls over, and the month's own allowance (B6)."""
        self._rollover = min(Fraction(self._cap), self._allowance)
        self._allowance = Fraction(month.allowance_seconds)
        self._cap = month.rollover_cap_seconds

    def until(self, instant: datetime) -> Fraction | None:
        """Go on to an instant; return when nothing was left before it, if so."""
        end = _seconds(instant - self._now)
        while self._at < end:
            if not self._rollover + self._allowance + self._in_packs:
                return self._at
            self._step(min(end, self._expiring[0][0]) if self._expiring else end)
            self._expiring = [pack for pack in self._expiring if pack[0] > self._at and pack[1]]
        return None

    @property
    def _in_packs(self) -> Fraction:
        return self._lasting + sum((seconds for _, seconds in self._expiring), Fraction(0))

    def _step(self, end: Fraction) -> None:
        """Go on to `end`, or to where allowance and rollover, or the pack that is drawn first, become empty."""
        covered = self._rollover + self._allowance
        from_packs = self._billable + (0 if covered else self._included)
        ways = [end - self._at]
        if covered and self._included:
            ways.append(covered / self._included)
        first = self._expiring[0][1] if self._expiring else self._lasting
        if first and from_packs:
            ways.append(first / from_packs)
        took = min(ways)
        self._at += took
        if covered:
            drawn = took * self._included
            rolled = min(drawn, self._rollover)
            self._rollover -= rolled
            self._allowance -= drawn - rolled
        if self._expiring:
            self._expiring[0][1] -= took * from_packs
        elif self._lasting:
            self._lasting -= took * from_packs


def _seconds(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 1_000_000)
