"""The shapes of events, settings and views."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.http.shapes.common import Page, Position, Shape


class PartitionShape(Shape, kw_only=True):
    """Where a view that Kafka feeds stands in a partition of the events topic."""

    partition: int
    position: Annotated[int, Meta(description="It has all events of the partition up to here.")]
    lag_events: Annotated[int, Meta(description="Events of the log after that, of whichever partition.")]
    next_offset: Annotated[int, Meta(description="Of the first record that it has not taken.")]
    skipped_records: Annotated[int, Meta(description="Records passed over: no relay of this desk has written them.")]


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
    fed_by: Literal["log", "kafka"]
    partitions: list[PartitionShape] | UnsetType = UNSET
    database: Literal["desk", "views"] | UnsetType = UNSET


class RelayShape(Shape, kw_only=True):
    """How far the log is in Kafka."""

    position: Position
    begun_after: Annotated[
        int, Meta(description="Events up to here were never meant to be: the topic begins after them.")
    ]
    lag_events: int
    lag_seconds: float
    state: Annotated[
        Literal["publishing", "retrying", "halted"],
        Meta(
            description="`retrying`: the last try failed, and the next one comes by itself;"
            " `halted`: somebody has to look at it."
        ),
    ]
    seen_at: Annotated[datetime, Meta(description="When the relay that leads last said so.")]
    last_error: (
        Annotated[
            str,
            Meta(
                description="What a relay that led met last, this one or one before it; also if all has been well since"
                " (`state` tells how it is now)."
            ),
        ]
        | UnsetType
    ) = UNSET
    last_error_at: Annotated[datetime, Meta(description="When that was.")] | UnsetType = UNSET


class ProjectionsPage(Page[ProjectionShape], kw_only=True):
    """How far each view has come; `relay` is there where one has ever run."""

    relay: RelayShape | UnsetType = UNSET


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
