"""The problems that operations may be answered with, for the OpenAPI document, and an example of each code.

What several operations answer alike is told once, among the components.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from apispec import APISpec

from api.http.document.headers import headers_of
from api.http.problems.catalogue import all_problem_types
from api.http.problems.types import BAD_REQUEST, METHOD_NOT_ALLOWED, TOO_MANY_REQUESTS, URI_TOO_LONG
from commands.problems import (
    INVALID_DATA,
    MEDIA_TYPE,
    UNKNOWN_COMMAND,
    Problem,
    ProblemType,
    make_problem,
    problem_of,
    type_of_refusal,
)
from commands.wire.field_errors import FieldError, InvalidData
from domain.calendar import InvalidCalendar
from domain.plan import InvalidTerms
from domain.sla_policy import InvalidSlaPolicy

Json = dict[str, Any]

OF_ANY_ADDRESS = (BAD_REQUEST, METHOD_NOT_ALLOWED, URI_TOO_LONG, UNKNOWN_COMMAND)
"""What is answered before there is an operation: each is a response among the components, by its code."""

_CORRELATION_ID = "order-77"
_AT_FAULT = {
    type_of_refusal(InvalidCalendar).code: FieldError("/hours/sat", "must be spans such as 09:00-12:00"),
    type_of_refusal(InvalidTerms).code: FieldError("/terms/pack_step_hours", "must be at least 1"),
    type_of_refusal(InvalidSlaPolicy).code: FieldError("/targets/0/target_seconds", "must be at least 1"),
}
_WRONG_DATA = InvalidData([FieldError("/colour", "is not a field"), FieldError("/customer_id", "is missing")])


def example_of(kind: ProblemType) -> Problem:
    """Return a document of one occurrence of a problem."""
    if kind == INVALID_DATA and (problem := problem_of(_WRONG_DATA, _CORRELATION_ID)) is not None:
        return problem
    errors = (_AT_FAULT[kind.code],) if kind.code in _AT_FAULT else ()
    return make_problem(kind, kind.description, _CORRELATION_ID, errors)


class ProblemResponses:
    """The responses for problems, by status, with the codes that each status may come with."""

    def __init__(self, spec: APISpec) -> None:
        self._spec = spec
        self._names: dict[tuple[int, bool, tuple[str, ...]], str] = {}
        self._numbers: Counter[int] = Counter()
        for kind in all_problem_types():
            spec.components.example(kind.code, {"value": msgspec.to_builtins(example_of(kind))})
        for kind in OF_ANY_ADDRESS:
            spec.components.response(kind.code, _response(kind.status, (kind,), counted=False))

    def of(self, kinds: Iterable[ProblemType]) -> dict[str, str]:
        """Return the names of the components for problems that one operation may be answered with, by status."""
        by_code = {kind.code: kind for kind in kinds}
        counted = TOO_MANY_REQUESTS.code in by_code
        by_status: dict[int, list[ProblemType]] = {}
        for _, kind in sorted(by_code.items()):
            by_status.setdefault(kind.status, []).append(kind)
        return {str(status): self._name(status, tuple(found), counted) for status, found in sorted(by_status.items())}

    def _name(self, status: int, found: tuple[ProblemType, ...], counted: bool) -> str:
        key = (status, counted, tuple(kind.code for kind in found))
        if key not in self._names:
            self._numbers[status] += 1
            self._names[key] = f"problems-{status}-{self._numbers[status]}"
            self._spec.components.response(self._names[key], _response(status, found, counted=counted))
        return self._names[key]


def _response(status: int, found: tuple[ProblemType, ...], *, counted: bool) -> Json:
    codes = [kind.code for kind in found]
    return {
        "description": "\n".join(f"- `{kind.code}`: {kind.description}" for kind in found),
        "headers": headers_of(status, counted=counted),
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": codes}}}]
                },
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }
