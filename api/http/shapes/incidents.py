"""The shapes of incidents and of the public status."""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from api.http.shapes.common import Position, Shape
from projections.incident import IncidentState


class NewsShape(Shape, kw_only=True):
    """What was said of an incident at an instant."""

    posted_at: datetime
    text: str


class PublicIncident(Shape, kw_only=True):
    """An incident as everybody sees it."""

    incident_id: str
    title: str
    text: str
    state: IncidentState
    declared_at: datetime
    updates: list[NewsShape]
    resolved_at: datetime | UnsetType = UNSET
    resolution: str | UnsetType = UNSET


class StatusShape(Shape, kw_only=True):
    """The public status: what is wrong now, and what was resolved in the last seven days (SUPPORT_POLICY R15).

    The latest 500 of each at most.
    """

    state: Literal["operational", "disrupted"]
    incidents: list[PublicIncident]
    resolved: list[PublicIncident]
    as_of_position: Position


class IncidentItem(PublicIncident, kw_only=True):
    """An incident as staff see it."""

    ticket_count: int
    version: int
    position: Position


class CaseShape(Shape, kw_only=True):
    """A case by its names."""

    ticket_id: str
    case_number: str


class IncidentShape(IncidentItem, kw_only=True):
    """An incident with the cases it caused, the first 500 of `ticket_count`."""

    tickets: list[CaseShape]
