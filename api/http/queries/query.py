"""A question that can be asked: its address, its parameters, and who answers it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, get_args, get_origin

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.parameters import Parameters
from api.http.services import Services
from api.http.shapes.common import Page as PageShape
from commands.errors import RequestError
from commands.wire.schema import WireSchema
from projections.reading import Page


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One question as it was asked: the names in its address, its parameters, and what may be looked into.

    `connection` is in a read-only transaction that sees one state of the views and of their positions. `now` gives the
    desk's instant, one and the same however often it is called, `zone` its time zone.
    """

    services: Services
    path: Mapping[str, str]
    parameters: Mapping[str, Any]
    connection: Connection
    now: Callable[[], datetime]
    zone: Callable[[], str]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question: `views` are those it reads (none: the log itself), `shapes` the types an answer may be of.

    `tagged` answers carry their `version` as entity tag. `path` is written as Flask has it; schema
    instances are shared.

    One of whose shapes is a page also answers with the whole list as CSV or NDJSON: `item` tells which items that has
    by the parameters (left out: those of its only page), none where such a question is not answered by a list.
    `next_is` is the parameter that asks for what follows a page. `of_log`: what the list shows never changes, so that
    its pages need no common transaction. `of_desk`: it reads beside its views what only the desk's own database has.
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
    item: Callable[[Mapping[str, Any]], type[msgspec.Struct] | None] | None = None
    next_is: str = "cursor"
    of_log: bool = False
    of_desk: bool = False

    @property
    def pages(self) -> tuple[type[msgspec.Struct], ...]:
        """The items of the pages that it may be answered with."""
        # a page with more fields than the others is a class of its own, made from `Page[item]`
        bases = (base for shape in self.shapes for base in getattr(shape, "__orig_bases__", (shape,)))
        return tuple(get_args(base)[0] for base in bases if get_origin(base) is PageShape)

    def item_of(self, parameters: Mapping[str, Any]) -> type[msgspec.Struct] | None:
        """Return the type of the items that it is answered with. Raises `InvalidData` where one must be chosen."""
        if self.item is not None:
            return self.item(parameters)
        return self.pages[0] if self.pages else None


def choose(parameters: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those of the parameters that were given, of the ones named."""
    return {name: parameters[name] for name in names if name in parameters}


def page_of(page: Page) -> dict[str, Any]:
    """Return a page as the contract has it: without `next` at the end."""
    body: dict[str, Any] = {"items": page.items, "as_of_position": page.as_of_position}
    if page.next is not None:
        body["next"] = page.next
    return body
