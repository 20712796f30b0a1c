"""`caselog calendar`: what is due and what has elapsed by business hours, for people who set a calendar up."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from api import compose
from api.cli.instant import Instant
from api.cli.schedules import Due, ScheduleFile, Vector
from commands.lookups import Settings
from domain.business_time import ALWAYS, ROUND_THE_CLOCK, BeyondCalendar, BusinessTime
from domain.calendar import DESK_CALENDAR, compiled
from domain.clocks import state
from domain.clocks.arithmetic import due_at, elapsed_seconds
from domain.setting import in_force
from domain.ticket.events import Segment
from infra.config import Config
from infra.logging import configure_logging

F = TypeVar("F", bound=Callable[..., None])

_VERSION = ("business", 1)


@click.group()
def calendar() -> None:
    """Count with business hours: those of a file, or a calendar that the desk has published.

    A FILE holds schedules by name, written as calendars are published, and for `check` vectors.
    """


def _which_calendar(command: F) -> F:
    for option in (
        click.option("--calendar", "published", help=f"A published calendar ({DESK_CALENDAR} if no file is given)."),
        click.option("--schedule", help="The schedule of the file."),
        click.option("--file", "file", type=click.Path(path_type=Path), help="A file of schedules; needs no desk."),
        click.option("--why", is_flag=True, help="Show the open and closed stretches as well."),
    ):
        command = option(command)
    return command


@calendar.command()
@click.option("--from", "start", type=Instant(), required=True, help="RFC 3339 with an offset.")
@click.option("--seconds", type=click.IntRange(0, 10**12), required=True, help="Business time, in seconds.")
@_which_calendar
def due(
    *, start: datetime, seconds: int, file: Path | None, schedule: str | None, published: str | None, why: bool
) -> None:
    """Show when so much business time has passed: the earliest such instant, in the calendar's zone and in UTC."""
    hours = _chosen(file, schedule, published)
    reached = hours.due(start, seconds)
    click.echo(f"{_local(hours, reached)}\n{_instant(reached)}")
    if why:
        _explain(hours, start, reached)


@calendar.command()
@click.option("--from", "start", type=Instant(), required=True, help="RFC 3339 with an offset.")
@click.option("--to", "end", type=Instant(), required=True, help="RFC 3339 with an offset.")
@_which_calendar
def elapsed(
    *, start: datetime, end: datetime, file: Path | None, schedule: str | None, published: str | None, why: bool
) -> None:
    """Show how much business time lies between two instants, in seconds."""
    hours = _chosen(file, schedule, published)
    click.echo(f"{hours.elapsed(start, end)} s")
    if why:
        _explain(hours, start, end)


@calendar.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def check(context: click.Context, file: Path) -> None:
    """Count every vector of FILE and show those that come out otherwise. Exit code 1 if there are any.

    FILE is JSON: {"schedules": {NAME: {"tz", "hours", "holidays", "overrides", "breaks"}}, "vectors": [{"id", "kind":
    "due", "schedule", "start", "add_s", "expect"} or {"id", "kind": "elapsed", "schedule", "start", "end",
    "expect_s"}]}; a vector can have "pauses": [[from, to], ...].
    """
    read = ScheduleFile(file)
    calendars, vectors = read.calendars(), read.vectors()
    differ = 0
    for vector in vectors:
        expected, counted = _counted(vector, calendars[vector.schedule])
        if counted != expected:
            differ += 1
            click.echo(f"{vector.id}: by {vector.schedule} expected {expected}, counted {counted}")
    if differ:
        click.echo(f"{differ} of {len(vectors)} vectors differ")
        context.exit(1)
    click.echo(f"{len(vectors)} vectors hold")


def _counted(vector: Vector, hours: BusinessTime) -> tuple[str, str]:
    """Return what a vector expects and what the desk's own clocks count, as text."""
    pauses = [state.Pause("customer", start, ended_at=end) for start, end in sorted(vector.pauses)]
    name, version = _VERSION
    segment = Segment(
        clock="resolution",
        instance=1,
        started_at=vector.start,
        target_seconds=vector.add_s if isinstance(vector, Due) else None,
        calendar=name,
        calendar_version=version,
        policy_version=0,
    )
    clock = state.Instance("resolution", 1, (segment,), (0,), vector.start)
    if isinstance(vector, Due):
        reached = due_at(clock, pauses, {_VERSION: hours})
        return _instant(vector.expect), "no instant of the calendar's years" if reached is None else _instant(reached)
    try:
        counted = str(elapsed_seconds(clock, pauses, {_VERSION: hours}, vector.end))
    except BeyondCalendar as beyond:
        counted = f"nothing: {beyond}"
    return str(vector.expect_s), counted


def _chosen(file: Path | None, schedule: str | None, published: str | None) -> BusinessTime:
    if file is None:
        if schedule is not None:
            raise click.UsageError("--schedule names a schedule of a file: give --file as well")
        return _published(published or DESK_CALENDAR)
    if published is not None:
        raise click.UsageError("give a file with its schedule, or a published calendar, not both")
    if schedule is None:
        raise click.UsageError("--file needs --schedule, the name of one of its schedules")
    return ScheduleFile(file).calendar(schedule)


def _published(name: str) -> BusinessTime:
    """The version of a calendar of the desk that is in force now."""
    if name == ROUND_THE_CLOCK:
        return ALWAYS
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        with compose.application(config, url) as application, compose.connection_pool(config, url, size=1) as pool:
            found = Settings(application).calendar(name)
            now = compose.clock(config, pool).now()
    version = None if found is None else in_force(found.state.versions, now)
    if version is None:
        raise click.UsageError(f"the desk has no calendar {name!r} in force")
    return compiled(version)


def _explain(hours: BusinessTime, start: datetime, end: datetime) -> None:
    for span in hours.spans(start, end):
        seconds = int((span.end - span.start).total_seconds())
        click.echo(f"  {_local(hours, span.start)}  to  {_local(hours, span.end)}  {span.kind:<8} {seconds:>9} s")


def _local(hours: BusinessTime, at: datetime) -> str:
    return f"{at.astimezone(hours.zone):%a %Y-%m-%d %H:%M:%S %Z}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
