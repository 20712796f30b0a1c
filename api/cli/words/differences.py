"""What changed between two moments, in words."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.cli.history import event_line
from api.cli.words.instants import clock_time
from projections.reading import Json
from projections.wording import spoken


def difference_in_words(found: Json, zone: ZoneInfo, currency: str) -> Iterator[str]:
    """Tell what `api.differences.case_difference` found, in lines; local times are the desk's."""

    def said(value: Any) -> str:
        if value is None:
            return "nothing"
        if isinstance(value, datetime):
            return clock_time(value, zone)
        if isinstance(value, dict):
            return " ".join(said(each) for each in value.values())
        if isinstance(value, list | tuple):
            return ", ".join(said(each) for each in value) or "nothing"
        return str(value)

    before, after = found["from"], found["to"]
    stood = f"version {before['version']}" if before["existed"] else "not there yet"
    yield f"{found['case_number']}  from {said(before.get('at'))} ({stood}) to {said(after.get('at'))}"
    yield f"  (version {after['version']})"
    if not (found["changes"] or found["clocks"] or found["work"] or found["events"]):
        yield "nothing changed"
    yield from _section("fields", [_change(each, said) for each in found["changes"]])
    clocks: list[str] = []
    for clock in found["clocks"]:
        clocks.append(f"{clock['clock']} {clock['instance']}{_by(clock['positions'], 'time alone')}")
        clocks += ["  " + _change(each, said) for each in clock["changes"]]
    yield from _section("clocks", clocks)
    yield from _section("work", [line for each in found["work"] for line in _work(each, currency)])
    yield from _section("events", [event_line(each, zone).strip() for each in found["events"]])
    if found["late"]:
        yield f"recorded only after that{_by(found['late'])}"


def spoken_or_nothing(seconds: int | None) -> str:
    """Return a length of time in words; one that is overrun with a minus."""
    if seconds is None:
        return "nothing"
    return spoken(seconds) if seconds >= 0 else f"-{spoken(-seconds)}"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _change(each: Json, said: Callable[[Any], str]) -> str:
    name = each["field"]
    told = spoken_or_nothing if name.endswith("_seconds") else said
    return f"{name}: {told(each.get('before'))} -> {told(each.get('after'))}{_by(each.get('positions', ()))}"


def _work(each: Json, currency: str) -> Iterator[str]:
    yield f"{each['entry_id']} {each['change']}{_by(each['positions'])}"
    for name in ("before", "after"):
        if name in each:
            entry = each[name]
            void = ", void" if entry["voided"] else ""
            worked = f"{entry['agent']}, {spoken(entry['duration_seconds'])} worked{void}"
            yield f"  {name}: {worked}{_bill(entry, currency)}"


def _bill(entry: Json, currency: str) -> str:
    if "draws" not in entry:
        return ""
    sources = ", ".join(f"{spoken(draw['seconds'])} {draw['source']}" for draw in entry["draws"]) or "nothing drawn"
    return f"; {entry['class']}: {sources}; {entry['amount_cents'] / 100:.2f} {currency} owed"


def _by(positions: Sequence[int], nothing: str = "") -> str:
    named = ", ".join(str(position) for position in positions)
    if not named:
        return f"  ({nothing})" if nothing else ""
    return f"  event{'s' if len(positions) > 1 else ''} {named}"
