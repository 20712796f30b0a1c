"""Who sends this request?"""

from typing import cast

import msgspec
from flask import g

from domain.api_key import Role


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was let in. `caller` is unique for ever, `actor` the name that events carry.

    `customer_id`: whose requests a requester makes; none for the other roles.
    """

    caller: str
    actor: str
    role: Role
    customer_id: str | None = None
    requests_per_minute: int | None = None


def identity() -> Identity:
    """Return who sends the request under way; the gate has let them in."""
    return cast("Identity", g.identity)


def let_in(who: Identity) -> None:
    """Take note of who sends the request under way."""
    g.identity = who


def is_known() -> bool:
    """Tell whether the gate knows who sends the request under way."""
    return "identity" in g
