"""A span for each request, under the caller's where it names one."""

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, reset_contextvars

from api.http.correlation import traceparent
from infra.tracing import Tracer

_NOT_TRACED = ("/health/", "/metrics")


def trace_requests(app: Flask, tracer: Tracer) -> None:
    """Trace every request to the application but those that only ask whether it lives.

    The command, its append and its events belong to the request's span, which `traceparent` gives from now on.
    """

    def begin() -> None:
        if request.path.startswith(_NOT_TRACED):
            return
        route = "" if request.url_rule is None else request.url_rule.rule  # never the path, which holds ids
        span = tracer.begin(f"{request.method} {route}".rstrip(), parent=traceparent(), kind="server")
        span.set("http.request.method", request.method)
        if route:
            span.set("http.route", route)
        g.span = span
        g.traceparent = span.traceparent
        g.log_tokens = bind_contextvars(trace_id=span.trace_id)

    def note_status(response: Response) -> Response:
        if "span" in g:
            g.span.set("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                g.span.fail(str(response.status_code))
        return response

    def end(_: BaseException | None) -> None:
        if "span" in g:
            g.span.end()
            reset_contextvars(**g.log_tokens)

    app.before_request(begin)
    app.after_request(note_status)
    app.teardown_request(end)
