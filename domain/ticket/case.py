"""What every case has, whatever its state: the request, its clocks, its work, and what staff said of it."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from domain.clocks.state import Clocks
from domain.personal import Personal
from domain.sla_policy import Traits
from domain.subscription.events import Purpose, WorkClass
from domain.ticket.events import (
    CallLogged,
    CallScheduled,
    Category,
    CauseScope,
    Complexity,
    EmergencyKind,
    EmergencyRequested,
    ScopeDecision,
    Symptom,
    TicketOpened,
    Urgency,
    WorkLogged,
)

EmergencyState = Literal["requested", "accepted", "declined"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A work entry that stands on the case: as it was logged, and what was said of it since (B1).

    `kept_class` and `kept_purpose` are there on one that a split or a merge moved here: it keeps them until this case
    gets a decision (B4).
    """

    entry_id: str
    agent: str
    started_at: datetime
    logged_seconds: int
    duration_seconds: int
    activity: str
    note: Personal | None = None
    voided: bool = False
    kept_class: WorkClass | None = None
    kept_purpose: Purpose | None = None


class Emergency(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Emergency support asked for last, and what became of it; `reason` is that of the decision (R10-R14)."""

    kind: EmergencyKind
    symptom: Symptom
    state: EmergencyState = "requested"
    reason: Personal | None = None
    cause: CauseScope | None = None
    cause_reason: Personal | None = None


class Scope(msgspec.Struct, frozen=True, gc=False):
    """The latest decision on how work on the case is billed (R22)."""

    scope: ScopeDecision
    reason: Personal


class Case(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every case has.

    `opened` and `asked_emergency` are kept as they were asked for: a request that comes again is compared with them. So
    are `calls` and `alternatives`, and `moved_away`: the entries that a split or a merge took elsewhere. `incidents`
    caused the case; the customer was told of the end of those `announced`.
    """

    opened: TicketOpened
    clocks: Clocks
    category: Category
    urgency: Urgency
    complexity: Complexity
    assignee: str | None = None
    escalation: tuple[str, Personal] | None = None
    asked_emergency: EmergencyRequested | None = None
    emergency: Emergency | None = None
    scope: Scope | None = None
    entries: tuple[Entry, ...] = ()
    moved_away: tuple[Entry, ...] = ()
    calls: tuple[CallScheduled | CallLogged, ...] = ()
    target_period: str | None = None
    alternatives: tuple[Personal, ...] = ()
    incidents: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()

    @property
    def ticket_id(self) -> str:
        """The case's id."""
        return self.opened.ticket_id

    @property
    def customer_id(self) -> str:
        """Whose case it is."""
        return self.opened.customer_id

    @property
    def is_emergency(self) -> bool:
        """Whether emergency support stands accepted."""
        return self.emergency is not None and self.emergency.state == "accepted"

    @property
    def traits(self) -> Traits:
        """What the case's targets depend on."""
        return Traits(
            urgency=self.urgency, complexity=self.complexity, category=self.category, emergency=self.is_emergency
        )


def begun(event: TicketOpened, clocks: Clocks) -> Case:
    """The case as its request makes it."""
    return Case(
        opened=event,
        clocks=clocks,
        category=event.category,
        urgency=event.urgency,
        complexity=event.complexity,
    )


def logged(event: WorkLogged) -> Entry:
    """The entry that work makes."""
    return Entry(
        entry_id=event.entry_id,
        agent=event.agent,
        started_at=event.started_at,
        logged_seconds=event.duration_seconds,
        duration_seconds=event.duration_seconds,
        activity=event.activity,
        note=event.note,
    )


def decided(case: Case) -> Case:
    """The case once it has got a decision on its billing: entries that moved here have its class from now on (B4)."""
    if not keeps_classes(case):
        return case
    return replace(case, entries=tuple([replace(each, kept_class=None, kept_purpose=None) for each in case.entries]))


def keeps_classes(case: Case) -> bool:
    """Whether an entry that moved here still has the class of the case it came from."""
    return any(each.kept_class is not None or each.kept_purpose is not None for each in case.entries)
