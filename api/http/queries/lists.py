"""The whole of a list, page after page, as CSV or NDJSON."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any

import msgspec
from flask import request
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.problems.types import NOT_ACCEPTABLE
from api.http.queries.query import Asked, Query
from api.http.replies import ProblemRaised
from api.http.streaming.forms import CSV, Lines, csv_header, csv_lines, ndjson_lines

STREAMED_ROWS = 250
"""The most items of a page while a list is streamed: what is in memory at once."""
STREAMED_BYTES = 1 << 18
"""And how many bytes a page should have, whatever the size of an item."""
_FIRST_ROWS = 25

Look = Callable[[Asked], Any]
Lend = Callable[[], AbstractContextManager[Connection]]


def stream(query: Query, asked: Asked, form: str, look: Look, lend: Lend) -> tuple[int, Iterator[bytes]]:
    """Return the position that a list shows and its chunks.

    `look` answers one page; `lend` gives a connection to a list that needs no common transaction. Raises what the first
    page raises. Ends the request with 406 where the question is not answered by a list.
    """
    item = query.item_of(asked.parameters)
    if item is None:
        raise ProblemRaised(NOT_ACCEPTABLE, "what these parameters ask for is not a list; it comes as application/json")
    head, lines = _written(item, form)
    pace = _Pace()
    left = asked.parameters["limit"] if "limit" in request.args else None
    pages = _pages(query, asked, pace, left, look, lend)
    first = next(pages)
    return first["as_of_position"], _chunks(head, lines, pace, chain([first], pages))


class _Pace:
    """How many items to read next, by what those read last came to."""

    def __init__(self) -> None:
        self.rows = min(_FIRST_ROWS, STREAMED_ROWS)

    def note(self, rows: int, size: int) -> None:
        """So many items came to so many bytes."""
        if rows:
            self.rows = max(1, min(STREAMED_ROWS, STREAMED_BYTES * rows // size))


def _written(item: type[msgspec.Struct], form: str) -> tuple[bytes, Lines]:
    if form != CSV:
        return b"", ndjson_lines
    columns = [field.encode_name for field in msgspec.structs.fields(item)]
    return csv_header(columns), csv_lines(columns)


def _chunks(head: bytes, lines: Lines, pace: _Pace, pages: Iterator[Any]) -> Iterator[bytes]:
    for page in pages:
        chunk = head + lines(page["items"])
        pace.note(len(page["items"]), len(chunk))
        head = b""
        if chunk:
            yield chunk


def _pages(query: Query, asked: Asked, pace: _Pace, left: int | None, look: Look, lend: Lend) -> Iterator[Any]:
    """Yield page after page, with no more than so many items where a number is given."""
    while True:
        rows = pace.rows if left is None else min(left, pace.rows)
        asked = replace(asked, parameters={**asked.parameters, "limit": rows})
        with lend() if query.of_log else nullcontext(asked.connection) as connection:
            page = look(replace(asked, connection=connection))
        yield page
        if left is not None:
            left -= len(page["items"])
        if "next" not in page or left == 0:
            return
        # What is recorded meanwhile is not part of it.
        following = {query.next_is: page["next"], "as_of_position": page["as_of_position"]}
        asked = replace(asked, parameters={**asked.parameters, **following})
