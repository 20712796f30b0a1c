"""The shapes of clocks, breaches and deadlines."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.http.shapes.common import Position, Positions, Seconds, Shape
from domain.sla_policy import ClockName


class Stretch(Shape, kw_only=True):
    """A stretch of a clock's life and how it counted (SUPPORT_POLICY T8)."""

    begins: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    kind: Literal["paused", "holiday", "closed", "counted"]
    seconds: Seconds
    reason: Literal["customer", "partner", "resolved"] | UnsetType = UNSET
    target_seconds: Seconds | UnsetType = UNSET
    calendar: str
    calendar_version: int
    policy_version: int
    positions: Positions


class ClockPositions(Shape, kw_only=True):
    """The events behind each figure of a clock that is there."""

    started_at: Positions
    ended_at: Positions | UnsetType = UNSET
    target_seconds: Positions | UnsetType = UNSET
    elapsed_seconds: Positions
    remaining_seconds: Positions | UnsetType = UNSET
    due_at: Positions | UnsetType = UNSET
    verdict: Positions | UnsetType = UNSET
    breached_at: Positions | UnsetType = UNSET


class ClockShape(Shape, kw_only=True):
    """A clock of a ticket: where it stands, and why."""

    clock: ClockName
    instance: int
    state: Literal["not_started", "running", "paused", "out_of_hours", "fulfilled", "breached", "cancelled"]
    started_at: datetime
    ended_at: datetime | UnsetType = UNSET
    target_seconds: Seconds | UnsetType = UNSET
    calendar: str
    policy_version: int
    elapsed_seconds: Seconds
    remaining_seconds: Seconds | UnsetType = UNSET
    due_at: datetime | UnsetType = UNSET
    verdict: Literal["met", "breached"] | UnsetType = UNSET
    breached_at: datetime | UnsetType = UNSET
    why: list[Stretch]
    positions: Positions
    figure_positions: ClockPositions


class TicketSla(Shape, kw_only=True):
    """The clocks of one ticket."""

    ticket_id: str
    clocks: list[ClockShape]


class BreachShape(Shape, kw_only=True):
    """A target that was missed (SUPPORT_POLICY T7)."""

    ticket_id: str
    customer_id: str
    clock: ClockName
    instance: int
    target_seconds: Seconds
    due_at: datetime
    breached_at: datetime
    calendar: str
    calendar_version: int
    policy_version: int
    position: Position


class DueShape(Shape, kw_only=True):
    """The next deadline of a running ticket."""

    ticket_id: str
    case_number: str
    customer_id: str
    clock: ClockName
    instance: int
    due_at: datetime
    target_seconds: Seconds
    positions: Positions


class SlaOverview(Shape, kw_only=True):
    """The first `limit` of both lists, and how many there are.

    What follows is asked for with `show=breaches` or `show=due_soon` and the `cursor` `breaches_next` or
    `due_soon_next`, which is absent where nothing follows.
    """

    breaches: list[BreachShape]
    breaches_total: int
    breaches_next: str | UnsetType = UNSET
    due_soon: list[DueShape]
    due_soon_total: int
    due_soon_next: str | UnsetType = UNSET
    as_of_position: Position
