"""The shapes of events, settings and views."""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from api.http.shapes.common import Position, Shape


class ProjectionShape(Shape, kw_only=True):
    """How far a view has come, and in which database where there is one for views beside the desk's own."""

    view: str
    version: int
    position: Position
    lag_events: int
    lag_seconds: float
    state: Literal["live", "building", "ready", "stopped"]
    building: dict[str, int] | UnsetType = UNSET
    parked_keys: int
    database: Literal["desk", "views"] | UnsetType = UNSET


class CloudEvent(Shape, kw_only=True):
    """An event of the log as a CloudEvent 1.0."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["/caselog"]
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]
    position: Position
    streamversion: int
    recordedat: datetime
    correlationid: str
    causationid: str | UnsetType = UNSET
    traceparent: str | UnsetType = UNSET
    actor: str
    commandid: str
    customerid: str | UnsetType = UNSET
    imported: str | UnsetType = UNSET


class SettingVersion(Shape, kw_only=True):
    """A published version of a setting."""

    kind: str
    name: str
    version: int
    effective_from: datetime
    content: dict[str, Any]
    position: Position
