"""How every question is answered: check, wait for the view, look, answer."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from flask import Blueprint, Response

from api.http.parameters import read_parameters
from api.http.problem_types import VIEW_BEHIND
from api.http.queries.catalogue import QUERIES
from api.http.queries.query import Asked, Query
from api.http.replies import JSON, ProblemRaised, etag, json_reply
from api.http.requests import check_acceptable
from api.http.services import Services
from commands.wire.fields import IDENTIFIER_PATTERN
from commands.wire.schema import FieldError, InvalidData
from projections.reading import InvalidCursor, position_of

_identifier = re.compile(IDENTIFIER_PATTERN)


def queries_blueprint(services: Services) -> Blueprint:
    """Return the routes of all queries."""
    blueprint = Blueprint("queries", __name__)
    for query in QUERIES:
        blueprint.add_url_rule(query.path, query.name, _route(query, services), methods=["GET"])
    return blueprint


def _route(query: Query, services: Services) -> Callable[..., Response]:
    def answer(**path: str) -> Response:
        check_acceptable(JSON)
        for name, value in path.items():
            # What cannot be an id or case number is unknown; a NUL among it would be an error of the database.
            if _identifier.fullmatch(value) is None:
                raise query.failures[0](f"there is no {name} {value!r}")
        parameters = read_parameters(query.parameters)
        _wait(query, services, parameters)
        with services.connections.connection() as connection:
            asked = Asked(services=services, path=path, parameters=parameters, connection=connection)
            _check_position(query, asked)
            body = _look(query, asked)
        return json_reply(body, headers={"ETag": etag(body["version"])} if query.tagged else None)

    return answer


def _look(query: Query, asked: Asked) -> Any:
    try:
        return query.answer(asked)
    except (InvalidCursor, psycopg2.DataError) as error:
        # A cursor is opaque, so its content is checked only where it is used; everything else was checked before.
        if "cursor" not in asked.parameters:
            raise
        raise InvalidData([FieldError("/cursor", "is no cursor of this list")]) from error


def _wait(query: Query, services: Services, parameters: Mapping[str, Any]) -> None:
    """Wait until what the query reads has passed the position; ends the request with 503 if that takes too long.

    The log itself has every position that anybody has been told of, so there is nothing to wait for.
    """
    position = parameters.get("min_position")
    if position is None or not query.views:
        return
    wait_ms: int = parameters["wait_ms"]
    if not services.views.wait_for(query.views, position, wait_ms / 1000):
        raise ProblemRaised(VIEW_BEHIND, f"position {position} was not reached within {wait_ms} ms")


def _check_position(query: Query, asked: Asked) -> None:
    """Look at the position once more, with what is read: a crash of the database takes a view's last moment back."""
    wanted = asked.parameters.get("min_position")
    if wanted is None or not query.views:
        return
    position = position_of(asked.connection, *query.views)
    if position < wanted:
        raise ProblemRaised(VIEW_BEHIND, f"the view has gone back to {position} and follows again")
