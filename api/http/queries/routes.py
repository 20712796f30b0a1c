"""How every question is answered: check, wait for the view, look, answer."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg2
from flask import Blueprint, Response

from api.http.access.own import confine_path, confined
from api.http.parameters import read_parameters
from api.http.problem_types import VIEW_BEHIND
from api.http.queries.catalogue import QUERIES
from api.http.queries.query import Asked, Query
from api.http.replies import JSON, ProblemRaised, etag, json_reply
from api.http.requests import check_acceptable
from api.http.services import Services
from api.http.waiting import Waiting
from commands.wire.fields import IDENTIFIER_PATTERN
from commands.wire.schema import FieldError, InvalidData
from projections.progress import not_readable
from projections.reading import InvalidCursor, position_of

_identifier = re.compile(IDENTIFIER_PATTERN)


def queries_blueprint(services: Services) -> Blueprint:
    """Return the routes of all queries."""
    blueprint = Blueprint("queries", __name__)
    waiting = Waiting(services.views, services.most_waiting)
    for query in QUERIES:
        blueprint.add_url_rule(query.path, query.name, _route(query, services, waiting), methods=["GET"])
    return blueprint


def _route(query: Query, services: Services, waiting: Waiting) -> Callable[..., Response]:
    def answer(**path: str) -> Response:
        check_acceptable(JSON)
        for name, value in path.items():
            # What cannot be an id or case number is unknown; a NUL among it would be an error of the database.
            if _identifier.fullmatch(value) is None:
                raise query.failures[0](f"there is no {name} {value!r}")
        parameters = read_parameters(query.parameters)
        if query.views and (position := parameters.get("min_position")) is not None:
            waiting.wait_for(query.views, position, parameters["wait_ms"])
        with services.connections.connection() as connection:
            asked = Asked(
                services=services,
                path=path,
                parameters=confined(parameters, query.parameters.fields),
                connection=connection,
            )
            confine_path(connection, path)
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
    wanted = asked.parameters.get("min_position")
    if wanted is None or not query.views:
        return
    position = position_of(asked.connection, *query.views)
    if position < wanted:
        raise ProblemRaised(VIEW_BEHIND, f"the view has gone back to {position} and follows again")
