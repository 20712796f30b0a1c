"""What falls due by itself: an item of the timekeeper's list becomes a command with an id derived from what is due."""

from datetime import datetime
from typing import Literal
from uuid import NAMESPACE_OID, uuid5

import msgspec

from commands.dispatch import Request

TIMEKEEPER = "timekeeper"
EXPIRY = "expiry"


class DueItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stream with something to record at an instant: a case's deadline or reminder, a subscription's month or expiry.

    `what` says what comes due ("first_response:1:32400", "month"), and so tells it from anything else of the stream.
    """

    stream_id: str
    kind: Literal["ticket", "subscription"]
    what: str
    due_at: datetime


def request_for(item: DueItem) -> Request:
    """Return the command that records what is due.

    Its ids follow from the item alone, so that two timekeepers, or one that starts again, are seen to ask for the same.
    A month has an idempotency key as well. A case and an expiry have none: their deciders record a thing once whatever
    is asked, and an answer kept from another time would stand in the way of what they decide by settings, or by hours
    left, that have changed since.
    """
    key = f"{item.stream_id}@{item.due_at.isoformat()}:{item.what}"
    return Request(
        command=f"record-due-{item.kind}",
        data={"id": item.stream_id.removeprefix(f"{item.kind}-")},
        fingerprint=key,
        caller=TIMEKEEPER,
        actor=TIMEKEEPER,
        correlation_id=str(uuid5(NAMESPACE_OID, key)),
        idempotency_key=None if item.kind == "ticket" or item.what == EXPIRY else key,
        keep=True,
    )
