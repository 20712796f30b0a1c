"""Is an answer of the shape that the document tells of it, with nothing besides?"""

from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Flask, Response, request

from api.http.queries.catalogue import QUERIES

SHAPES = {query.name: query.shapes for query in QUERIES}


def fits(name: str, body: Any) -> Any:
    """Return the body, which must be of one of the shapes that the query `name` promises, and have no field more."""
    failures = []
    for shape in SHAPES[name]:
        try:
            told = msgspec.to_builtins(msgspec.convert(body, shape))
        except msgspec.ValidationError as error:
            failures.append(str(error))
        else:
            unknown = sorted(fields_beyond(body, told))
            if not unknown:
                return body
            failures.append(f"{', '.join(unknown)} not in {shape}")
    raise AssertionError(f"{name}: {failures} in {body}")


def fields_beyond(body: Any, told: Any, at: str = "") -> Iterator[str]:
    """Yield where a body has fields that its shape, read and told again, does not."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name not in told:
                yield f"{at}/{name}"
            else:
                yield from fields_beyond(value, told[name], f"{at}/{name}")
    elif isinstance(body, list):
        for each, shown in zip(body, told, strict=True):
            yield from fields_beyond(each, shown, f"{at}/*")


def held_to_its_shapes(app: Flask) -> Flask:
    """Hold every answer of a query, whatever test asks for it, against the shapes that the document tells."""

    @app.after_request
    def hold(answer: Response) -> Response:
        blueprint, _, name = (request.endpoint or "").rpartition(".")
        is_answer = blueprint == "queries" and request.method == "GET" and answer.status_code == 200
        if is_answer and answer.content_type == "application/json":
            fits(name, msgspec.json.decode(answer.get_data()))
        return answer

    return app
