"""Every failure becomes a problem document: no HTML, no stack trace, and no fault without a trace in the log."""

import traceback

import psycopg2
import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from api.http.correlation import correlation_id
from api.http.problems import types as http
from api.http.replies import ProblemRaised, problem_reply
from commands.problems import INTERNAL_ERROR, TIMED_OUT, UNAVAILABLE, Problem, ProblemType, make_problem, problem_of
from infra.postgres.pool import TOOK_TOO_LONG, DatabaseUnavailable, PoolClosed, PoolTimeout

_BY_STATUS: dict[int, ProblemType] = {
    404: http.NOT_FOUND,
    405: http.METHOD_NOT_ALLOWED,
    406: http.NOT_ACCEPTABLE,
    411: http.LENGTH_REQUIRED,
    413: http.BODY_TOO_LARGE,
    414: http.URI_TOO_LONG,
    415: http.UNSUPPORTED_MEDIA_TYPE,
}
_UNAVAILABLE = (DatabaseUnavailable, PoolTimeout, PoolClosed, psycopg2.OperationalError, psycopg2.InterfaceError)

log = structlog.get_logger()


def answer_failures(app: Flask) -> None:
    """Answer every exception of a request with its problem document."""
    app.register_error_handler(ProblemRaised, lambda raised: problem_reply(raised.problem(), raised.headers))
    app.register_error_handler(HTTPException, _http_failure)
    app.register_error_handler(Exception, lambda error: problem_reply(problem_of_any(error)))


def problem_of_any(error: Exception) -> Problem:
    """Return the problem document of whatever went wrong with a request; what nobody foresaw is logged."""
    if isinstance(error, ProblemRaised):
        return error.problem()
    problem = problem_of(error, correlation_id())
    if problem is None and isinstance(error, TOOK_TOO_LONG):
        problem = make_problem(TIMED_OUT, TIMED_OUT.description, correlation_id())
    if problem is None and isinstance(error, _UNAVAILABLE):
        problem = make_problem(UNAVAILABLE, UNAVAILABLE.description, correlation_id())
    if problem is None:
        log.error(
            "request failed",
            correlation_id=correlation_id(),
            method=request.method,
            path=request.path,
            # As text: a renderer of its own might show the local variables, and so what people wrote.
            trace="".join(traceback.format_exception(error)),
        )
        return make_problem(INTERNAL_ERROR, INTERNAL_ERROR.description, correlation_id())
    if problem.status == UNAVAILABLE.status:
        log.warning("database not available or too slow", correlation_id=correlation_id(), error=str(error).strip())
    return problem


def _http_failure(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return problem_reply(problem_of_any(getattr(error, "original_exception", None) or error))
    kind = _BY_STATUS.get(status, http.BAD_REQUEST)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return problem_reply(make_problem(kind, kind.description, correlation_id()), headers)
