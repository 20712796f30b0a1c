"""What changed between two moments? Told from the log itself, whatever the views have seen."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from api.differences import Backwards, case_difference, statement_difference
from api.http.cloud_events import cloud_event
from api.http.parameters import InstantParameter, NumberParameter, Parameters
from api.http.queries.query import Asked, Query
from api.http.shapes.differences import StatementDiff, TicketDiff
from commands.errors import UnknownCustomer, UnknownSubscription, UnknownTicket
from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.fields import Period
from commands.wire.headers import GREATEST_VERSION
from commands.wire.json_text import GREATEST_INTEGER
from projections.moment import Moment

_KINDS = ("", "_version", "_position")


class DiffParameters(Parameters):
    """From when to when: two instants, two versions or two positions.

    Without a `to` it is the desk's now, which `from` is never after.
    """

    begin = InstantParameter(data_key="from", metadata={"description": "The earlier instant: what happened by then."})
    end = InstantParameter(data_key="to", metadata={"description": "The later instant; without it, now."})
    from_version = NumberParameter(least=1, most=GREATEST_VERSION, metadata={"description": "Or the earlier version."})
    to_version = NumberParameter(
        least=1, most=GREATEST_VERSION, metadata={"description": "With from_version; without it, now."}
    )
    from_position = NumberParameter(
        least=0, most=GREATEST_INTEGER, metadata={"description": "Or the earlier position of the log."}
    )
    to_position = NumberParameter(
        least=0, most=GREATEST_INTEGER, metadata={"description": "With from_position; without it, now."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _one_pair(self, data: dict[str, Any], **_: Any) -> None:
        given = [kind for kind in _KINDS if f"from{kind}" in _named(data) or f"to{kind}" in _named(data)]
        if not given:
            raise ValidationError("is missing: give from, from_version or from_position", "from")
        if len(given) > 1:
            names = [name for kind in given for name in (f"from{kind}", f"to{kind}") if name in _named(data)]
            raise ValidationError({name: ["must be given with its like, not with another kind"] for name in names})
        (kind,) = given
        first, last = _named(data).get(f"from{kind}"), _named(data).get(f"to{kind}")
        if first is None:
            raise ValidationError("is missing", f"from{kind}")
        if last is not None and last < first:
            raise ValidationError(f"must not be after to{kind}", f"from{kind}")


class StatementDiffParameters(Parameters):
    """Of which month, from when to when; without `to` it is the desk's now, which `from` is never after."""

    period = Period(required=True, metadata={"example": "2026-11"})
    begin = InstantParameter(
        data_key="from", required=True, metadata={"description": "The earlier instant: what happened by then."}
    )
    end = InstantParameter(data_key="to", metadata={"description": "The later instant; without it, now."})

    @validates_schema(skip_on_field_errors=True)
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        if "end" in data and data["end"] < data["begin"]:
            raise ValidationError("must not be after to", "from")


def _named(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters by the names that they have in the address."""
    return {{"begin": "from", "end": "to"}.get(name, name): value for name, value in data.items()}


def _ticket_diff(asked: Asked) -> Any:
    wanted = asked.parameters
    begin = Moment(as_of=wanted.get("begin"), version=wanted.get("from_version"), position=wanted.get("from_position"))
    end = Moment(as_of=wanted.get("end"), version=wanted.get("to_version"), position=wanted.get("to_position"))
    try:
        told = case_difference(asked.connection, asked.path["ticket"], begin, end, asked.now())
    except Backwards as error:
        (name,) = (name for name in _named(wanted) if name in {"from", "from_version", "from_position"})
        raise _backwards(name, error) from error
    return {**told, "events": [cloud_event(each) for each in told["events"]]}


def _statement_diff(asked: Asked) -> Any:
    wanted, now = asked.parameters, asked.now()
    begin, end = wanted["begin"], wanted.get("end", now)
    try:
        told = statement_difference(asked.connection, asked.path["customer"], wanted["period"], begin, end, now)
    except Backwards as error:
        raise _backwards("from", error) from error
    return {**told, "events": [cloud_event(each) for each in told["events"]]}


def _backwards(name: str, error: Backwards) -> InvalidData:
    return InvalidData([FieldError(f"/{name}", f"must not be after what it is compared with: {error}")])


QUERIES = (
    Query(
        path="/v1/customers/<customer>/statement/diff",
        name="statement-diff",
        summary="Why a customer's bill changed between two instants: lines and sums before and after, and the events.",
        views=(),
        parameters=StatementDiffParameters(),
        shapes=(StatementDiff,),
        answer=_statement_diff,
        failures=(UnknownCustomer, UnknownSubscription),
    ),
    Query(
        path="/v1/tickets/<ticket>/diff",
        name="ticket-diff",
        summary="What changed on a ticket between two instants, versions or positions, and the events that did it.",
        views=(),
        parameters=DiffParameters(),
        shapes=(TicketDiff,),
        answer=_ticket_diff,
        failures=(UnknownTicket,),
    ),
)
