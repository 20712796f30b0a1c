"""How a desk comes into being: one append with its zone, its currency and its first settings."""

from datetime import UTC, datetime
from uuid import NAMESPACE_OID, uuid5

from commands.application import CaselogApplication
from commands.ports import AppendConflict
from commands.unit_of_work import Cause, UnitOfWork
from domain import calendar, desk, plan, sla_policy
from domain.calendar import DEFAULT_HOURS, DESK_CALENDAR, PublishCalendar
from domain.desk import Desk, DeskCreated
from domain.plan import DEFAULT_PLAN, PublishPlan, default_terms
from domain.sla_policy import DEFAULT_TARGETS, PublishSlaPolicy

FOUNDED = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a desk's first settings are in force: before any work that could be recorded."""

DEFAULT_POLICY = "standard"


def found_desk(application: CaselogApplication, *, now: datetime, zone: str, currency: str) -> Desk:
    """Return the desk, which this creates if the log is empty. Of several that try at once, one creates it."""
    while True:
        name = str(uuid5(NAMESPACE_OID, "found-desk"))
        work = UnitOfWork(application, now=now, cause=Cause(actor="caselog", correlation_id=name, command_id=name))
        stream = work.stream("desk", desk.evolve)
        if stream.state is not None:
            return stream.state
        stream.add([DeskCreated(occurred_at=now, zone=zone, currency=currency)])
        _add_settings(work, now, zone, currency)
        try:
            work.commit(lambda _: None)
        except AppendConflict:
            continue
        return Desk(zone=zone, currency=currency)


def _add_settings(work: UnitOfWork, now: datetime, zone: str, currency: str) -> None:
    """Decide the default calendar, SLA policy and plan (SUPPORT_POLICY R6, T5, B)."""
    calendars = work.stream(f"calendar-{DESK_CALENDAR}", calendar.evolve)
    calendars.add(
        calendar.decide(
            PublishCalendar(
                now=now,
                calendar=DESK_CALENDAR,
                tz=zone,
                hours=DEFAULT_HOURS,
                effective_from=FOUNDED,
                founding=True,
            ),
            calendars.state,
        )
    )
    policies = work.stream("sla_policy", sla_policy.evolve)
    policies.add(
        sla_policy.decide(
            PublishSlaPolicy(
                now=now,
                policy=DEFAULT_POLICY,
                targets=DEFAULT_TARGETS,
                calendars={DESK_CALENDAR: FOUNDED},
                effective_from=FOUNDED,
                founding=True,
            ),
            policies.state,
        )
    )
    plans = work.stream(f"plan-{DEFAULT_PLAN}", plan.evolve)
    plans.add(
        plan.decide(
            PublishPlan(
                now=now,
                plan=DEFAULT_PLAN,
                terms=default_terms(currency),
                effective_from=FOUNDED,
                currency=currency,
                founding=True,
            ),
            plans.state,
        )
    )
