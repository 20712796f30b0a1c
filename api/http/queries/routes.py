"""How every question is answered: check, wait for the view, look, answer."""

from collections.abc import Callable
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
from commands.wire.schema import FieldError, InvalidData
from projections.reading import InvalidCursor


def queries_blueprint(services: Services) -> Blueprint:
    """Return the routes of all queries."""
    blueprint = Blueprint("queries", __name__)
    for query in QUERIES:
        blueprint.add_url_rule(query.path, query.name, _route(query, services), methods=["GET"])
    return blueprint


def _route(query: Query, services: Services) -> Callable[..., Response]:
    def answer(**path: str) -> Response:
        check_acceptable(JSON)
        parameters = read_parameters(query.parameters)
        _wait(query, services, parameters.get("min_position"), parameters.get("wait_ms", 0))
        with services.connections.connection() as connection:
            body = _look(query, Asked(services=services, path=path, parameters=parameters, connection=connection))
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


def _wait(query: Query, services: Services, position: int | None, wait_ms: int) -> None:
    """Wait until what the query reads has passed the position; ends the request with 503 if that takes too long."""
    if position is None:
        return
    if query.views:
        passed = services.views.wait_for(query.views, position, wait_ms)
    else:
        passed = services.events.head() >= position
    if not passed:
        raise ProblemRaised(VIEW_BEHIND, f"position {position} was not reached within {wait_ms} ms")
