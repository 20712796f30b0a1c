"""A question that can be asked: its address, its parameters, and who answers it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.parameters import Parameters
from api.http.services import Services
from commands.errors import RequestError
from commands.wire.schema import WireSchema
from projections.reading import Page


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One question as it was asked: the names in its address, its parameters, and what may be looked into.

    `connection` is in a read-only transaction that sees one state of the views and of their positions.
    """

    services: Services
    path: Mapping[str, str]
    parameters: Mapping[str, Any]
    connection: Connection


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question: `views` are those it reads (none: the log itself), `shapes` the types an answer may be of.

    `tagged` answers carry their `version` as entity tag. `path` is written as Flask has it; schema
    instances are shared.
    """

    path: str
    name: str
    summary: str
    views: tuple[str, ...]
    shapes: tuple[Any, ...]
    answer: Callable[[Asked], Any]
    parameters: WireSchema = Parameters()
    failures: tuple[type[RequestError], ...] = ()
    tagged: bool = False


def choose(parameters: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those of the parameters that were given, of the ones named."""
    return {name: parameters[name] for name in names if name in parameters}


def page_of(page: Page) -> dict[str, Any]:
    """Return a page as the contract has it: without `next` at the end."""
    body: dict[str, Any] = {"items": page.items, "as_of_position": page.as_of_position}
    if page.next is not None:
        body["next"] = page.next
    return body
