"""How every question is answered: check, wait for the view, look, answer."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from typing import Any

import msgspec
import psycopg2
from flask import Blueprint, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.access.identity import identity
from api.http.access.own import confine_path, confined
from api.http.parameters import AS_OF, read_parameters
from api.http.problems.types import VIEW_BEHIND
from api.http.queries.catalogue import QUERIES
from api.http.queries.lists import stream
from api.http.queries.past import tables_as_of
from api.http.queries.place import Place, place_of
from api.http.queries.query import Asked, Query
from api.http.replies import JSON, ProblemRaised, json_reply
from api.http.services import Services
from api.http.streaming.body import Streams
from api.http.streaming.forms import CONTENT_TYPES, asked_form
from api.http.waiting import Waiting
from commands.answers import etag
from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.fields import IDENTIFIER_PATTERN
from infra.feed import desk_zone, head_position
from projections import ticket
from projections.progress import not_readable
from projections.reading import InvalidCursor, as_of, position_of

FOLLOWER = ticket.VIEW.name
"""A view whose position tells where the log is at least."""

_identifier = re.compile(IDENTIFIER_PATTERN)


def queries_blueprint(services: Services) -> Blueprint:
    """Return the routes of all queries."""
    blueprint = Blueprint("queries", __name__)
    waiting = Waiting(services.most_waiting)
    streams = Streams(services.streams)
    for query in QUERIES:
        blueprint.add_url_rule(query.path, query.name, _route(query, services, waiting, streams), methods=["GET"])
    return blueprint


def _route(query: Query, services: Services, waiting: Waiting, streams: Streams) -> Callable[..., Response]:
    def answer(**path: str) -> Response:
        form = asked_form(is_list=bool(query.pages))
        for name, value in path.items():
            # What cannot be an id or case number is unknown; a NUL among it would be an error of the database.
            if _identifier.fullmatch(value) is None:
                raise query.failures[0](f"there is no {name} {value!r}")
        parameters = read_parameters(query.parameters)
        place = place_of(query, services, parameters)
        _wait(query, place, waiting, parameters)
        if place.other is not None and identity().customer_id is not None:
            with services.connections.connection() as connection:  # whose a case is, the log tells
                confine_path(connection, path)
        if form != JSON:
            reply = streams.send if query.of_log else streams.put_by
            return reply(CONTENT_TYPES[form], lambda stack: _stream(stack, place, path, parameters, form))
        with place.connection() as connection, ExitStack() as stack:
            body = _look(query, _ask(stack, place, connection, path, parameters))
        return json_reply(body, headers={"ETag": etag(body["version"])} if query.tagged else None)

    def _ask(
        stack: ExitStack, place: Place, connection: Connection, path: Mapping[str, str], parameters: Mapping[str, Any]
    ) -> Asked:
        def zone() -> str:
            if place.other is None:
                return desk_zone(connection)
            with services.connections.connection() as desk:
                return desk_zone(desk)

        asked = Asked(
            services=services,
            path=path,
            parameters=confined(parameters, query.parameters.fields),
            connection=connection,
            now=cache(services.clock.now),
            zone=cache(zone),
        )
        _check_position(query, asked)
        if query.views and (position := parameters.get(AS_OF)) is not None:
            stack.enter_context(as_of(connection, position, tables_as_of(connection, query.views, position)))
        if place.other is None:
            confine_path(connection, path)
        return asked

    def _stream(
        stack: ExitStack, place: Place, path: Mapping[str, str], parameters: Mapping[str, Any], form: str
    ) -> tuple[int, Iterator[bytes]]:
        lend = place.connection
        with ExitStack() as brief:
            lasting = brief if query.of_log else stack
            asked = _ask(lasting, place, lasting.enter_context(lend()), path, parameters)
        return stream(query, asked, form, lambda page: _look(query, page), lend)

    return answer


def _wait(query: Query, place: Place, waiting: Waiting, parameters: Mapping[str, Any]) -> None:
    """Wait for what the query reads to pass a position; ends the request with 503 if that takes too long."""
    position = _wanted(parameters)
    if position is None:
        return
    if query.views:
        waiting.wait_for(place.views, query.views, position, parameters["wait_ms"])
        return
    with place.connection() as connection:
        if head_position(connection) >= position:
            return
    try:
        # What a view has seen is in the log; who waits for it is told at once.
        waiting.wait_for(place.views, (FOLLOWER,), position, parameters["wait_ms"])
    except ProblemRaised:
        with place.connection() as connection:
            if head_position(connection) < position:  # else the log was here in time, and only the view was not
                raise


def _wanted(parameters: Mapping[str, Any]) -> int | None:
    """Return the position that what is read must have passed."""
    return max((parameters[name] for name in ("min_position", AS_OF) if name in parameters), default=None)


def _look(query: Query, asked: Asked) -> Any:
    try:
        return query.answer(asked)
    except (InvalidCursor, psycopg2.DataError) as error:
        # A cursor is opaque, so its content is checked only where it is used; everything else was checked before.
        if "cursor" not in asked.parameters:
            raise
        raise InvalidData([FieldError("/cursor", "is no cursor of this list")]) from error
    except (msgspec.ValidationError, psycopg2.ProgrammingError) as error:
        asked.connection.rollback()
        waited_for = not_readable(asked.connection, query.views)
        if not waited_for:
            raise
        # On a desk whose projector has never run, and between the start of a release and the switch to what it makes of
        # the log (docs/adr/0041-builds.md).
        names = " and ".join(waited_for)
        raise ProblemRaised(VIEW_BEHIND, f"{names} is not built yet in the form of this release; ask again") from error


def _check_position(query: Query, asked: Asked) -> None:
    """Look at the position once more, with what is read: a crash of the database takes a view's last moment back."""
    wanted = _wanted(asked.parameters)
    if wanted is None or not query.views:
        return  # the log never goes back
    position = position_of(asked.connection, *query.views)
    if position < wanted:
        raise ProblemRaised(VIEW_BEHIND, f"the view has gone back to {position} and follows again")
