"""What is common to every event: when it happened."""

from datetime import datetime

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A fact that the business would state, never changed once it is recorded.

    `occurred_at` is the desk's clock (UTC) when the command was decided; facts with an
    instant of their own (work done, an outage noticed) carry that beside it.
    """

    occurred_at: datetime


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A part of an event or of a state without an identity of its own."""
