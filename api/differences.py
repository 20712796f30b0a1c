"""What changed between two moments, from the log; the same answer over HTTP and in a shell."""

from collections.abc import Sequence
from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.case_file import CaseFile, calendar_records, calendars_of, history_of, read_case, stood
from commands.errors import UnknownCustomer, UnknownSubscription
from domain.recorded import RecordedEvent
from infra.feed import head_position, holder_of, read_streams
from projections.case_diff import Side, case_diff
from projections.moment import Moment, until
from projections.reading import Json, without_nulls
from projections.statement_diff import Seen, statement_diff


class Backwards(ValueError):
    """The first moment is after the second, or after the desk's now."""


def case_difference(connection: Connection, name: str, begin: Moment, end: Moment, now: datetime) -> Json:
    """Return what changed on a case from one moment to another; its `events` as they were recorded.

    An `end` that says nothing is `now`, as is one ahead of it. The case need not exist at the first. Raises
    `UnknownTicket` where it does not exist at the second, or has no such version, and `Backwards`.
    """
    end = _at_most(end, now)
    if begin.as_of is not None and end.as_of is not None and begin.as_of > end.as_of:
        raise Backwards(f"{begin.as_of.isoformat()} is after {end.as_of.isoformat()}")
    case = read_case(connection, name)
    after = _side(case, stood(case.records, name, end), end)
    if begin.version is not None:
        stood(case.records, name, begin)
    before = _side(case, until(case.records, begin), begin)
    if not {each.position for each in before.records} <= {each.position for each in after.records}:
        raise Backwards(f"what had happened {begin} had not all happened {end}")
    calendars = calendars_of(calendar_records(connection, sorted(_calendars(case.records))))
    told = case_diff(before, after, calendars)
    late = [each.position for each in told["events"] if end.as_of is not None and _recorded_after(each, end.as_of)]
    return {
        "ticket_id": case.ticket_id,
        "case_number": case.case_number,
        "from": _told(before),
        "to": _told(after),
        **told,
        "late": late,
        "as_of_position": case.head,
    }


def statement_difference(
    connection: Connection, customer_id: str, period: str, begin: datetime, end: datetime, now: datetime
) -> Json:
    """Return what changed on a customer's statement of a month from one instant to a later one, `events` as recorded.

    The subscription need not exist at the first instant; a second one ahead of `now` is taken for it. Raises
    `UnknownCustomer`, `UnknownSubscription` where there is none at the second, and `Backwards`.
    """
    end = min(end, now)
    if begin > end:
        raise Backwards(f"{begin.isoformat()} is after {end.isoformat()}")
    head = head_position(connection)
    stream_id = holder_of(connection, "live_subscription", customer_id)
    if stream_id is None and not read_streams(connection, [f"customer-{customer_id}"]):
        raise UnknownCustomer(f"there is no customer {customer_id!r}")
    streams = [] if stream_id is None else [stream_id]
    records = [each for each in read_streams(connection, streams) if (each.position or 0) <= head]
    before, after = (until(records, Moment(as_of=instant)) for instant in (begin, end))
    told = statement_diff(Seen(before, begin), Seen(after, end), period)
    if told is None:
        raise UnknownSubscription(f"customer {customer_id!r} had no subscription by {end.isoformat()}")
    lines = (told["changes"], told["entries"], told["purchases"], told["credits"])
    named = {position for several in lines for each in several for position in each["positions"]}
    events = [each for each in after if each.position in named]
    return {
        "customer_id": customer_id,
        "period": period,
        "from": _told(Side(before, (), begin if before else None)),
        "to": _told(Side(after, (), end)),
        **told,
        "events": events,
        "late": [each.position for each in events if _recorded_after(each, end)],
        "as_of_position": head,
    }


def _at_most(end: Moment, now: datetime) -> Moment:
    """The second moment: now where none is named, and where it lies ahead: what is still to come is not told."""
    if end.version is not None or end.position is not None:
        return end
    return Moment(as_of=now if end.as_of is None else min(end.as_of, now))


def _side(case: CaseFile, records: Sequence[RecordedEvent], moment: Moment) -> Side:
    """What stood then, and the instant that it is read at: of a version or a position, that of what it ended with."""
    if moment.as_of is not None:
        return Side(records, until(case.billing, moment), moment.as_of if records else None)
    if moment.version is not None:
        # Together with the version's event its command wrote what the subscription drew.
        last = records[-1]
        return Side(records, [each for each in case.billing if _in_step(each, last)], _instant(records))
    billing = until(case.billing, moment)
    return Side(records, billing, _instant([*records, *billing]) if records else None)


def _in_step(record: RecordedEvent, last: RecordedEvent) -> bool:
    return (record.position or 0) <= (last.position or 0) or record.metadata.command_id == last.metadata.command_id


def _instant(records: Sequence[RecordedEvent]) -> datetime | None:
    return max((each.event.occurred_at for each in records), default=None)


def _recorded_after(record: RecordedEvent, instant: datetime) -> bool:
    return record.recorded_at is not None and record.recorded_at > instant


def _calendars(records: Sequence[RecordedEvent]) -> set[str]:
    """The calendars that the case's clocks count by."""
    history = history_of(records)
    instances = () if history is None else (*history.former, *history.clocks.latest)
    return {segment.calendar for instance in instances for segment in instance.segments}


def _told(side: Side) -> Json:
    last = side.records[-1] if side.records else None
    return without_nulls(
        {
            "at": side.now,
            "existed": last is not None,
            "version": last and last.originator_version,
            "position": last and last.position,
        }
    )
