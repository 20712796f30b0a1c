"""Why is a clock due then, or judged so? Each stretch of its time in words, with the sum so far (SUPPORT_POLICY T8)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from domain.business_time import whole_second
from domain.clocks.arithmetic import elapsed_seconds
from domain.clocks.explain import History, Reading, Stretch, reading, why
from domain.clocks.levels import Calendars
from domain.clocks.state import Clocks, Instance
from domain.sla_policy import ClockName
from projections.wording import spoken

_PAUSES = {"customer": "waiting for the customer", "partner": "waiting for a partner", "resolved": "resolved"}


def clocks_in_words(
    history: History, calendars: Calendars, now: datetime, zone: ZoneInfo, only: ClockName | None = None
) -> Iterator[str]:
    """Tell every instance of every clock, or of one, as of `now`, in lines; local times are the desk's.

    `calendars` has each version that a segment names.
    """
    for instance in _instances(history):
        if only is None or instance.clock == only:
            yield from _Told(instance, history.clocks, calendars, now, zone).lines()
            yield ""


def _instances(history: History) -> Iterator[Instance]:
    for latest in history.clocks.latest:
        yield from (former for former in history.former if former.clock == latest.clock)
        yield latest


class _Told:
    """One instance of a clock as of `now`."""

    def __init__(self, instance: Instance, clocks: Clocks, calendars: Calendars, now: datetime, zone: ZoneInfo) -> None:
        self._instance = instance
        self._pauses = clocks.pauses_of(instance.clock)
        self._calendars = calendars
        self._now = whole_second(now)
        self._zone = zone
        self._reading: Reading = reading(instance, clocks, calendars, now)

    def lines(self) -> Iterator[str]:
        read = self._reading
        yield f"{read.clock} {read.instance}: {self._state()}"
        yield from (f"  {line}" for line in self._verdict())
        counted = 0
        positions: tuple[int, ...] = ()
        segment: tuple[object, ...] | None = None
        for stretch in read.why:
            if _segment(stretch) != segment:
                segment = _segment(stretch)
                yield f"  {_counts_by(stretch)}"
            counted += stretch.seconds if stretch.kind == "counted" else 0
            began = "" if stretch.positions == positions else _by(stretch.positions)
            yield (self._line(stretch, counted) + began).rstrip()
            positions = stretch.positions
        yield from self._now_and_ahead(counted)

    def _state(self) -> str:
        read = self._reading
        match read.state:
            case "paused":
                reason = next((each.reason for each in reversed(read.why) if each.kind == "paused"), None)
                return "paused, " + _PAUSES.get(reason or "", "paused")
            case "out_of_hours":
                return "running, out of hours now"
            case "not_started":
                return f"not started, it begins {self._at(read.started_at)}"
            case "breached":
                return "its target was missed, and it has not ended"
            case "fulfilled" | "cancelled" if read.ended_at is not None:
                return f"{read.state} {self._at(read.ended_at)}"
            case _:
                return read.state

    def _verdict(self) -> Iterator[str]:
        """When it is due or was, and how it is judged."""
        read = self._reading
        for breach in self._instance.breaches:
            missed = f"missed the target of {spoken(breach.target_seconds)} on {self._at(breach.breached_at)}"
            yield missed + _by((breach.position,))
        if read.target_seconds is None:
            yield "no target, so nothing falls due"
        elif read.due_at is None:
            if read.ended_at is None and not self._instance.missed:
                yield "nothing falls due as it stands"
        elif self._instance.missed:
            pass
        elif read.verdict == "met":
            yield f"met: due {self._at(read.due_at)}"
        elif read.state == "cancelled":
            yield f"was due {self._at(read.due_at)}; cancelled, so it is not judged"
        elif read.ended_at is not None:
            yield f"was due {self._at(read.due_at)}; judged once the case is closed"
        elif read.due_at < self._now:
            yield f"was due {self._at(read.due_at)}, which is not recorded as missed yet"
        else:
            yield f"due {self._at(read.due_at)}"

    def _now_and_ahead(self, counted: int) -> Iterator[str]:
        read = self._reading
        of_target = "" if read.target_seconds is None else f" of {spoken(read.target_seconds)}"
        if read.ended_at is not None:
            yield f"    {self._at(read.ended_at)}  {read.state}: {spoken(read.elapsed_seconds)}{of_target} counted"
            return
        left = read.remaining_seconds
        if left is not None:
            of_target += f", {spoken(left)} left" if left >= 0 else f", {spoken(-left)} over"
        yield f"    {self._at(self._now)}  now: {spoken(read.elapsed_seconds)}{of_target}"
        due = read.due_at
        if due is None or self._instance.missed or due < self._now:
            return
        for stretch in self._ahead(due):
            counted += stretch.seconds if stretch.kind == "counted" else 0
            yield self._line(stretch, counted).rstrip()
        total = elapsed_seconds(self._instance, self._pauses, self._calendars, due)
        yield f"    {self._at(due)}  due: {spoken(total)} counted"

    def _ahead(self, due: datetime) -> Iterator[Stretch]:
        """What lies between now and the due instant, as things stand."""
        for stretch in why(self._instance, self._pauses, self._calendars, due):
            start = max(stretch.start, self._now)
            if start < stretch.end:
                seconds = round((stretch.end - start).total_seconds())
                yield replace(stretch, start=start, seconds=seconds)

    def _line(self, stretch: Stretch, counted: int) -> str:
        kind = _PAUSES.get(stretch.reason or "", "") if stretch.kind == "paused" else stretch.kind
        so_far = f"{spoken(counted):>16}" if stretch.kind == "counted" else " " * 16
        return f"    {self._at(stretch.start)}  {kind:<24} {spoken(stretch.seconds):>16} {so_far}"

    def _at(self, instant: datetime) -> str:
        return f"{instant.astimezone(self._zone):%a %Y-%m-%d %H:%M:%S %Z}"


def _segment(stretch: Stretch) -> tuple[object, ...]:
    return stretch.target_seconds, stretch.calendar, stretch.calendar_version, stretch.policy_version


def _counts_by(stretch: Stretch) -> str:
    target = "no target" if stretch.target_seconds is None else f"target {spoken(stretch.target_seconds)}"
    calendar = stretch.calendar if not stretch.calendar_version else f"{stretch.calendar} {stretch.calendar_version}"
    return f"{target}, calendar {calendar}, SLA policy {stretch.policy_version}"


def _by(positions: Sequence[int]) -> str:
    named = [str(position) for position in positions if position]
    return f"  event{'s' if len(named) > 1 else ''} {', '.join(named)}" if named else ""
