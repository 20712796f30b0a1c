"""One case as a document that needs nothing else, and that can be held against the log it was made from.

Two exports with the same `head_position`, `as_of` and `exported_at` are the same: a document is checked by making it
once more (`checked`).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.case_file import calendar_records, calendars_of, history_of, read_case, stood
from api.http.cloud_events import cloud_event
from domain.calendar import CalendarPublished
from domain.clocks.explain import History, readings
from domain.clocks.levels import Calendars
from domain.desk import DeskCreated
from domain.plan import PlanPublished
from domain.recorded import RecordedEvent
from domain.sla_policy import SlaPolicyPublished
from domain.subscription.events import HourPackPurchased, MonthStarted, SubscriptionStarted
from domain.tags import tag_of
from domain.ticket.events import CustomerReplied, NoteAdded, StaffReplied, TicketOpened
from infra.feed import head_position, read_streams
from projections import ticket
from projections.case_diff import Side, entries_of
from projections.folding import fold
from projections.moment import Moment, until
from projections.reading import Json, without_nulls

FORMAT = "caselog-case/1"
_START = "0" * 64


class NotAnExport(ValueError):
    """The file holds no export of a case, or one of a form that this release does not know."""


def export_case(
    connection: Connection, name: str, *, as_of: datetime | None, now: datetime, head: int | None = None
) -> Json:
    """Return a case as a document of plain JSON values, as of the log's head or of an earlier position of it.

    With `as_of` it holds what had happened by then. Raises `UnknownTicket`.
    """
    case = read_case(connection, name, head)
    moment = Moment(as_of=as_of)
    at = now if as_of is None else min(as_of, now)
    records = stood(case.records, name, moment)
    billing = until(case.billing, moment)
    history = history_of(records)
    calendars = calendar_records(connection, sorted(segment.calendar for segment in _segments(history)))
    desk, *_ = read_streams(connection, ["desk"])
    entries = entries_of(Side(records, billing, at))
    own = _billing_of(billing, entries)
    settings = _settings(connection, history, calendars, own, case.head)
    events = [_plain(cloud_event(each)) for each in sorted([*records, *own], key=lambda each: each.position or 0)]
    (row,) = fold(ticket.VIEW, records).rows(ticket.ticket)
    document = {
        "format": FORMAT,
        "exported_at": now,
        "as_of": as_of,
        "head_position": case.head,
        "desk": _desk(desk),
        "ticket": ticket.shape(row),
        "messages": list(_messages(records)),
        "clocks": _clocks(history, calendars_of(calendars), at),
        "work": entries,
        "settings": settings,
        "events": events,
        "integrity": {"algorithm": "sha256", "events": len(events), "digest": digest_of(events)},
    }
    plain: Json = _plain(without_nulls(document))
    return plain


def digest_of(events: Sequence[Json]) -> str:
    """Return the last link of the chain over events: each is SHA-256 of the link before and the event.

    The first link before is 64 zeros. An event's text is its JSON with sorted keys, no spaces, and ASCII only, so that
    a reader needs nothing but a JSON library.
    """
    link = _START
    for event in events:
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        link = hashlib.sha256(f"{link}\n{text}".encode()).hexdigest()
    return link


class Checked(msgspec.Struct, frozen=True):
    """A document held against the log: what it has otherwise, each in a line that names the field; none: it is sound.

    `known` is the document that the log gives instead; none where the log does not reach so far.
    """

    found: list[str]
    known: Json | None


def checked(connection: Connection, document: Json) -> Checked:
    """Hold a document against the log, up to the position that it names.

    Raises `NotAnExport` where it lacks what it is to be checked by, and `UnknownTicket`.
    """
    if document.get("format") != FORMAT:
        raise NotAnExport(f"its format is {document.get('format')!r}, not {FORMAT!r}")
    try:
        name = document["ticket"]["ticket_id"]
        head = int(document["head_position"])
        now = datetime.fromisoformat(document["exported_at"])
        as_of = datetime.fromisoformat(document["as_of"]) if "as_of" in document else None
        events, digest = list(document["events"]), document["integrity"]["digest"]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotAnExport(f"it lacks what it is checked by, or has it in another form: {error}") from error
    if (
        not isinstance(name, str)
        or not (name.isascii() and name.isprintable())
        or now.tzinfo is None
        or (as_of is not None and as_of.tzinfo is None)
    ):
        raise NotAnExport("its ticket_id or its instants have another form")
    found = []
    if digest_of(events) != digest:
        found.append("/integrity/digest: is not that of the events in the file; it was changed after the export")
    last = head_position(connection)
    if head > last:
        return Checked([*found, f"/head_position: {head} is beyond the log, which ends at {last}"], None)
    known = export_case(connection, name, as_of=as_of, now=now, head=head)
    return Checked([*found, *_differing("", document, known)], known)


def _differing(pointer: str, told: Any, known: Any) -> Iterator[str]:
    if isinstance(told, dict) and isinstance(known, dict):
        for name in {**known, **told}:
            step = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in told:
                yield f"{step}: is missing in the file; the log has {_short(known[name])}"
            elif name not in known:
                yield f"{step}: is in the file only: {_short(told[name])}"
            else:
                yield from _differing(step, told[name], known[name])
    elif isinstance(told, list) and isinstance(known, list):
        for index, (one, other) in enumerate(zip(told, known, strict=False)):
            yield from _differing(f"{pointer}/{index}", one, other)
        for index in range(len(known), len(told)):
            yield f"{pointer}/{index}: is in the file only: {_short(told[index])}"
        for index in range(len(told), len(known)):
            yield f"{pointer}/{index}: is missing in the file; the log has {_short(known[index])}"
    elif told != known or type(told) is not type(known):
        yield f"{pointer}: the file has {_short(told)}, the log {_short(known)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _plain(value: Any) -> Any:
    """The value as plain JSON has it: instants as texts, structs as objects."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _desk(record: RecordedEvent) -> Json:
    created = record.event
    return {"zone": created.zone, "currency": created.currency} if isinstance(created, DeskCreated) else {}


def _segments(history: History | None) -> list[Any]:
    instances = () if history is None else (*history.former, *history.clocks.latest)
    return [segment for instance in instances for segment in instance.segments]


def _clocks(history: History | None, calendars: Calendars, at: datetime) -> list[Any]:
    return [] if history is None else list(readings(history, calendars, at))


def _messages(records: Sequence[RecordedEvent]) -> Iterator[Json]:
    """The request, replies and notes, in order."""
    for record in records:
        event = record.event
        told: Json = {"position": record.position, "at": event.occurred_at}
        match event:
            case TicketOpened():
                yield told | {
                    "kind": "request",
                    "author": event.requester.name.text,
                    "email": event.requester.email.text,
                    "body": event.description.text,
                }
            case CustomerReplied() | StaffReplied() | NoteAdded():
                kind = {CustomerReplied: "customer", StaffReplied: "staff", NoteAdded: "note"}[type(event)]
                yield told | {
                    "kind": kind,
                    "author": event.author.name.text,
                    "email": event.author.email.text,
                    "body": event.body.text,
                }
            case _:
                pass


def _billing_of(billing: Sequence[RecordedEvent], entries: Sequence[Json]) -> list[RecordedEvent]:
    """The subscription's events about these entries, and about the months and packs that they draw from."""
    ids = {each["entry_id"] for each in entries}
    draws = [draw for each in entries for draw in each.get("draws", ())]
    months = {draw["posted_month"] for draw in draws} | {draw["month"] for draw in draws if "month" in draw}
    packs = {draw["pack_id"] for draw in draws if "pack_id" in draw}
    return [
        record
        for record in billing
        if getattr(record.event, "entry_id", None) in ids
        or (isinstance(record.event, SubscriptionStarted) and ids)
        or (isinstance(record.event, MonthStarted) and record.event.month in months)
        or (isinstance(record.event, HourPackPurchased) and record.event.pack_id in packs)
    ]


def _settings(
    connection: Connection,
    history: History | None,
    calendars: Sequence[RecordedEvent],
    billing: Sequence[RecordedEvent],
    head: int,
) -> list[Json]:
    """The versions of settings that the case's clocks count by and that its work is billed by."""
    segments = _segments(history)
    wanted = {("calendar", each.calendar, each.calendar_version) for each in segments}
    wanted |= {("sla_policy", "sla_policy", each.policy_version) for each in segments}
    for record in billing:
        if isinstance(record.event, SubscriptionStarted | MonthStarted) and record.event.plan is not None:
            wanted.add(("plan", record.event.plan, record.event.plan_version or 0))
    plans = sorted({f"plan-{name}" for kind, name, _ in wanted if kind == "plan"})
    published = [*calendars, *read_streams(connection, ["sla_policy", *plans])]
    return [
        {
            "kind": key[0],
            "name": key[1],
            "version": key[2],
            "effective_from": getattr(record.event, "effective_from", None),
            "position": record.position,
            "type": tag_of(type(record.event)),
            "content": record.event,
        }
        for record in sorted(published, key=lambda each: each.position or 0)
        if (key := _setting_key(record)) in wanted and (record.position or 0) <= head
    ]


def _setting_key(record: RecordedEvent) -> tuple[str, str, int]:
    event = record.event
    match event:
        case CalendarPublished():
            return "calendar", event.calendar, event.version
        case SlaPolicyPublished():
            return "sla_policy", "sla_policy", event.version
        case PlanPublished():
            return "plan", event.plan, event.version
        case _:
            return "", "", 0
