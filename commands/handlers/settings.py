"""Commands that publish a setting of the desk."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain import calendar, plan, sla_policy
from domain.business_time import ROUND_THE_CLOCK
from domain.calendar import PublishCalendar
from domain.plan import PublishPlan, Terms
from domain.sla_policy import PublishSlaPolicy, Reminders, Target, When


def publish_plan(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Publish a version of a plan. Refused: `invalid_terms`, `wrong_currency`, `effective_in_past`."""
    stream = work.stream(f"plan-{data['plan']}", plan.evolve)
    created = stream.state is None
    command = PublishPlan(
        now=work.now,
        plan=data["plan"],
        terms=Terms(**data["terms"]),
        effective_from=data.get("effective_from"),
        currency=settings.desk().currency,
    )
    stream.add(plan.decide(command, stream.state))
    return _published(stream, {"plan": data["plan"]}, created=created)


def publish_calendar(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Publish a version of a calendar. Refused: `invalid_calendar`, `effective_in_past`."""
    stream = work.stream(f"calendar-{data['calendar']}", calendar.evolve)
    created = stream.state is None
    command = PublishCalendar(
        now=work.now,
        calendar=data["calendar"],
        tz=data["tz"],
        hours=data["hours"],
        holidays=data["holidays"],
        overrides=data["overrides"],
        breaks=data["breaks"],
        effective_from=data.get("effective_from"),
    )
    stream.add(calendar.decide(command, stream.state))
    return _published(stream, {"calendar": data["calendar"]}, created=created)


def publish_sla_policy(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Publish the next version of the desk's SLA policy.

    Refused: `invalid_sla_policy`, `unknown_calendar`, `effective_in_past`.
    """
    stream = work.stream("sla_policy", sla_policy.evolve)
    created = stream.state is None
    targets = tuple(
        Target(
            when=When(**target["when"]),
            clock=target["clock"],
            target_seconds=target["target_seconds"],
            calendar=target["calendar"],
        )
        for target in data["targets"]
    )
    command = PublishSlaPolicy(
        now=work.now,
        policy=data["policy"],
        targets=targets,
        calendars=_in_force_since(work, settings, {target.calendar for target in targets}),
        reminders=Reminders(**data.get("reminders", {})),
        effective_from=data.get("effective_from"),
    )
    stream.add(sla_policy.decide(command, stream.state))
    return _published(stream, {"policy": data["policy"]}, created=created)


def _in_force_since(work: UnitOfWork, settings: Settings, names: set[str]) -> dict[str, datetime]:
    """Return the calendars that exist, each with the instant since when one of its versions is in force."""
    found = {name: setting for name in names - {ROUND_THE_CLOCK} if (setting := settings.calendar(name)) is not None}
    work.guard(setting.guard for setting in found.values())
    return {name: min(version.effective_from for version in setting.state.versions) for name, setting in found.items()}


def _published(stream: Stream[Any], name: dict[str, str], *, created: bool) -> Outcome:
    return Outcome(
        stream=stream,
        location=f"/v1/events?stream={stream.id}",
        result={**name, "setting_version": stream.version},
        created=created,
    )
