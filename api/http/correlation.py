"""Which request is this, among all that belong to one piece of work outside."""

from collections.abc import Mapping
from typing import Any

import uuid_utils
from flask import g, request

from commands.wire.headers import is_correlation_id, is_traceparent

HEADER = "X-Correlation-Id"


def correlation_id() -> str:
    """Return the request's correlation id: as sent, or a new one where that is not 1 to 128 visible characters.

    It is the same however often it is asked for, and stands in the answer, in events and in the service's log.
    """
    if "correlation_id" not in g:
        g.correlation_id = correlation_id_of(request.environ)
    known: str = g.correlation_id
    return known


def correlation_id_of(environ: Mapping[str, Any]) -> str:
    """Return the correlation id of a request that no application has in hand, a new one where none was sent."""
    sent = environ.get("HTTP_X_CORRELATION_ID", "")
    return sent if is_correlation_id(sent) else str(uuid_utils.uuid7())


def traceparent() -> str | None:
    """Return the span that the request's events come from (W3C Trace Context): where it is traced, the request's own.

    A header that is none is ignored, as that asks.
    """
    if "traceparent" in g:
        ours: str = g.traceparent
        return ours
    sent = request.environ.get("HTTP_TRACEPARENT", "")
    return sent if is_traceparent(sent) else None
