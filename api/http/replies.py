"""How an answer leaves: its bytes and its headers."""

from typing import Any

import msgspec
from flask import Response

from api.http.correlation import correlation_id
from commands.problems import MEDIA_TYPE, Problem, ProblemType, make_problem
from commands.wire.field_errors import FieldError

JSON = "application/json"
RETRY_AFTER_SECONDS = 1

_encode = msgspec.json.Encoder().encode


class ProblemRaised(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str | None = None,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(kind.code)
        self.kind = kind
        self.detail = detail or kind.description
        self.errors = errors
        self.headers = headers or {}

    def problem(self) -> Problem:
        """Return the document."""
        return make_problem(self.kind, self.detail, correlation_id(), self.errors)


def json_reply(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with a value as JSON, or with JSON text given as bytes."""
    content = body if isinstance(body, bytes) else _encode(body)
    return Response(content, status=status, headers=headers, content_type=JSON)


def problem_reply(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Answer with a problem document; for a passing trouble it says when to try again."""
    headers = dict(headers or {})
    if problem.status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return Response(_encode(problem), status=problem.status, headers=headers, content_type=MEDIA_TYPE)
