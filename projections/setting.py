"""Which settings were published? Every version of calendars, SLA policies and plans, and the desk's own facts."""

from datetime import datetime

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.business_time import ALWAYS, ROUND_THE_CLOCK
from domain.calendar import CalendarPublished, compiled
from domain.clocks.levels import Calendars
from domain.desk import DeskCreated
from domain.event import Event
from domain.plan import PlanPublished
from domain.recorded import RecordedEvent
from domain.sla_policy import SlaPolicyPublished
from projections.reading import Json, position_of, select
from projections.view import Key, Row, Table, View


class SettingRow(Row, frozen=True, kw_only=True):
    """A version of a setting; `content` is its event. `kind` is calendar, sla_policy, plan or desk."""

    kind: str
    name: str
    version: int
    effective_from: datetime
    content: msgspec.Raw
    position: int


settings = Table("setting", SettingRow, key=("kind", "name", "version"))
VIEW = View("setting", version=1, tables=(settings,))


def _row(kind: str, name: str, version: int, effective_from: datetime, event: Event, at: RecordedEvent) -> SettingRow:
    return SettingRow(
        kind=kind,
        name=name,
        version=version,
        effective_from=effective_from,
        content=msgspec.Raw(msgspec.json.encode(event)),
        position=at.position or 0,
    )


@settings.on_each(CalendarPublished, keys=lambda event: [("calendar", event.calendar, event.version)])
def calendar_published(_: SettingRow | None, event: CalendarPublished, at: RecordedEvent, __: Key) -> SettingRow:
    """A calendar's version stays as published."""
    return _row("calendar", event.calendar, event.version, event.effective_from, event, at)


@settings.on_each(SlaPolicyPublished, keys=lambda event: [("sla_policy", "sla_policy", event.version)])
def policy_published(_: SettingRow | None, event: SlaPolicyPublished, at: RecordedEvent, __: Key) -> SettingRow:
    """A desk has one line of policies, whatever each is called."""
    return _row("sla_policy", "sla_policy", event.version, event.effective_from, event, at)


@settings.on_each(PlanPublished, keys=lambda event: [("plan", event.plan, event.version)])
def plan_published(_: SettingRow | None, event: PlanPublished, at: RecordedEvent, __: Key) -> SettingRow:
    """A plan's version stays as published."""
    return _row("plan", event.plan, event.version, event.effective_from, event, at)


@settings.on_each(DeskCreated, keys=lambda _: [("desk", "desk", 1)])
def desk_created(_: SettingRow | None, event: DeskCreated, at: RecordedEvent, __: Key) -> SettingRow:
    """Zone and currency never change."""
    return _row("desk", "desk", 1, event.occurred_at, event, at)


def calendars(connection: Connection) -> Calendars:
    """Return every version of every calendar, ready to count with, and the round-the-clock one as version 0."""
    rows = select(connection, SettingRow, "FROM setting t WHERE kind = 'calendar'")
    found = {(row.name, row.version): compiled(_decode_calendar(row.content)) for row in rows}
    return {(ROUND_THE_CLOCK, 0): ALWAYS, **found}


def published(connection: Connection) -> Json:
    """Return all versions of all settings by kind and name, newest last."""
    position = position_of(connection, VIEW.name)
    items = [
        {"kind": row.kind, "name": row.name, "version": row.version, "effective_from": row.effective_from}
        | {"content": row.content, "position": row.position}
        for row in select(connection, SettingRow, "FROM setting t ORDER BY kind, name, version")
    ]
    return {"items": items, "as_of_position": position}


_decode_calendar = msgspec.json.Decoder(CalendarPublished).decode
