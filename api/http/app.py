"""The Flask application: which routes there are, and what is true of all of them."""

from time import perf_counter

import structlog
from flask import Flask, Response, g, request

from api.http.access.gate import guard
from api.http.commands import commands_blueprint
from api.http.correlation import HEADER, correlation_id
from api.http.document.pages import docs_blueprint
from api.http.health import health_blueprint
from api.http.metrics import metrics_blueprint
from api.http.problems.errors import answer_failures
from api.http.queries.routes import queries_blueprint
from api.http.requests import discard_unread_body
from api.http.services import Services
from api.http.test_clock import test_clock_blueprint
from api.http.tracing import trace_requests
from commands.wire.headers import LONGEST_BATCH
from infra.tracing import tracer

log = structlog.get_logger()


def create_app(services: Services) -> Flask:
    """Return the WSGI application over these services. It starts nothing and opens nothing."""
    app = Flask("caselog", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BATCH
    app.url_map.merge_slashes = False  # otherwise `//v1/queue` is answered with a redirect, in HTML
    app.register_blueprint(commands_blueprint(services))
    app.register_blueprint(queries_blueprint(services))
    app.register_blueprint(health_blueprint(services))
    app.register_blueprint(metrics_blueprint(services))
    app.register_blueprint(
        docs_blueprint(
            test_clock=services.test_clock is not None, kafka=services.kafka, kafka_names=services.kafka_names
        )
    )
    if services.test_clock is not None:
        app.register_blueprint(test_clock_blueprint(services.test_clock))
    answer_failures(app)
    if services.access_log:
        app.before_request(_note_the_start)  # before whatever may answer in the place of a route
    if (made := tracer()) is not None:
        trace_requests(app, made)
    guard(app, services)
    if services.access_log:
        app.after_request(_log_the_request)
    app.after_request(_say_of_every_answer)
    return app


def _note_the_start() -> None:
    g.started = perf_counter()


def _log_the_request(response: Response) -> Response:
    log.info(
        "request",
        method=request.method,
        path=request.path,  # without the query, which may hold what people wrote
        status=response.status_code,
        milliseconds=round((perf_counter() - g.started) * 1000, 1),
        correlation_id=correlation_id(),
    )
    return response


def _say_of_every_answer(response: Response) -> Response:
    discard_unread_body()
    if not response.is_streamed and not response.data:
        response.headers.remove("Content-Type")  # an answer to OPTIONS would otherwise call its nothing HTML
    response.headers[HEADER] = correlation_id()
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
