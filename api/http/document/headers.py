"""The headers of requests and answers that many operations share, for the OpenAPI document: told once, referred to."""

from typing import Any

from apispec import APISpec

from api.http.admission import NEVER_SHED
from api.http.correlation import HEADER

Json = dict[str, Any]

_CORRELATION, _TRACEPARENT = "CorrelationId", "Traceparent"

_PARAMETERS: dict[str, Json] = {
    _CORRELATION: {
        "in": "header",
        "name": HEADER,
        "description": "Your name for what this request is part of: 1 to 128 visible ASCII characters, no space among"
        " them. It comes back in the answer and stands in every event that follows and in the service's log. Anything"
        " else is not refused: it is replaced by a new id.",
        "required": False,
        "schema": {"type": "string"},
    },
    _TRACEPARENT: {
        "in": "header",
        "name": "traceparent",
        "description": "The span that the request comes from (W3C Trace Context), such as"
        " `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; kept with its events. What is none is ignored.",
        "required": False,
        "schema": {"type": "string"},
    },
}

_HEADERS: dict[str, Json] = {
    _CORRELATION: {
        "description": "As sent, or made here where none was sent that is 1 to 128 visible ASCII characters.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    },
    "RateLimit": {
        "description": "How many requests the sender has left (`r`) and in how many seconds it has all again (`t`)."
        " Absent where requests are not counted: by a key without a limit, and in answers given before the counting.",
        "schema": {"type": "string", "pattern": '^"default";r=[0-9]+;t=[0-9]+$'},
    },
    "RateLimit-Policy": {
        "description": "How many requests (`q`) the sender may make in how many seconds (`w`); absent as RateLimit is.",
        "schema": {"type": "string", "pattern": '^"default";q=[0-9]+;w=[0-9]+$'},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "How to say who you are.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Allow": {
        "description": "The methods that the address takes.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}},
}

_BEFORE_THE_COUNTING = (401, 403)


def describe_headers(spec: APISpec) -> None:
    """Add them to the components."""
    for name, header in _HEADERS.items():
        spec.components.header(name, header)
    for name, parameter in _PARAMETERS.items():
        spec.components.parameter(name, "header", parameter)


def parameters_of(path: str) -> list[str]:
    """Return the names of the headers that every request to an address may have."""
    return [_CORRELATION] if path.startswith(NEVER_SHED) else [_CORRELATION, _TRACEPARENT]


def header(name: str) -> Json:
    """Return a reference to a header of answers."""
    return {"$ref": f"#/components/headers/{name}"}


def headers_of(status: int, *, counted: bool) -> Json:
    """Return the headers of an answer; `counted`: by an operation that counts the sender's requests."""
    headers = {HEADER: header(_CORRELATION)}
    if counted and status not in _BEFORE_THE_COUNTING:
        headers |= {name: header(name) for name in ("RateLimit", "RateLimit-Policy")}
    if status in (429, 503):
        headers["Retry-After"] = header("Retry-After")
    if status == 401:
        headers["WWW-Authenticate"] = header("WWW-Authenticate")
    if status == 405:
        headers["Allow"] = header("Allow")
    return headers
