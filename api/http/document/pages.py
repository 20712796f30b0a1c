"""The service's own documentation: the OpenAPI and AsyncAPI documents, a page to read, and what each problem means.

The page is ours, over the files that the flask-swagger-ui wheel carries: nothing comes from another host, and its
content security policy lets nothing else in.
"""

from functools import cache
from importlib.resources import files

import msgspec
from flask import Blueprint, Response

from api.http.document.asyncapi import asyncapi_document
from api.http.document.openapi import openapi_document
from api.http.problems.catalogue import all_problem_types
from api.http.problems.types import NOT_FOUND
from api.http.replies import ProblemRaised, json_reply
from infra.kafka.names import DEFAULT_NAMES, Names
from infra.kafka.settings import NO_BROKER, KafkaSettings

_ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INDEX = {
    "name": "caselog",
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
    "commands": "/v1/commands/<command>",
    "queue": "/v1/queue",
    "tickets": "/v1/tickets",
    "customers": "/v1/customers",
    "status": "/v1/status",
    "articles": "/v1/articles",
    "events": "/v1/events",
    "projections": "/v1/projections",
    "health": "/health/ready",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Caselog API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="document"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#document",
  deepLinking: true,
  validatorUrl: null,
});
"""


@cache
def _document(*, test_clock: bool) -> bytes:
    """Return the OpenAPI document as JSON: the code's, so the same for every application of a process."""
    return msgspec.json.encode(openapi_document(test_clock=test_clock))


@cache
def _messages(names: Names, settings: KafkaSettings) -> bytes:
    """Return the AsyncAPI document as JSON."""
    return msgspec.json.encode(asyncapi_document(names, settings))


def docs_blueprint(
    *,
    test_clock: bool = False,
    kafka: KafkaSettings = NO_BROKER,
    kafka_names: Names = DEFAULT_NAMES,
) -> Blueprint:
    """Return the routes of the documentation of a desk with or without a test clock, whose topics are called so."""
    blueprint = Blueprint("docs", __name__)
    document = _document(test_clock=test_clock)
    described = {kind.code: kind for kind in all_problem_types()}
    wheel = files("flask_swagger_ui") / "dist"

    @blueprint.get("/")
    def index() -> Response:
        return json_reply(_INDEX)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_reply(document)

    @blueprint.get("/asyncapi.json")
    def asyncapi() -> Response:
        return json_reply(_messages(kafka_names, kafka))

    @blueprint.get("/problems/<code>")
    def problem(code: str) -> Response:
        kind = described.get(code)
        if kind is None:
            raise ProblemRaised(NOT_FOUND)
        return json_reply(
            {
                "type": kind.uri,
                "code": kind.code,
                "title": kind.title,
                "status": kind.status,
                "description": kind.description,
            }
        )

    @blueprint.get("/docs")
    def page() -> Response:
        return Response(_PAGE, headers={"Content-Security-Policy": _POLICY}, content_type="text/html; charset=utf-8")

    @blueprint.get("/docs/start.js")
    def start() -> Response:
        return Response(_START, content_type="text/javascript; charset=utf-8")

    @blueprint.get("/docs/<name>")
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise ProblemRaised(NOT_FOUND)
        return Response(
            (wheel / name).read_bytes(), headers={"Cache-Control": "max-age=3600"}, content_type=_ASSETS[name]
        )

    return blueprint
