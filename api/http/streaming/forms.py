"""In which form does a list leave: JSON page by page, or all of it as CSV or NDJSON?

A cell of CSV is the value that JSON has there: a text without its quotes, anything nested as JSON, nothing where the
field is absent. (An empty text is `""`, so that it can be told from that.) Form: RFC 4180 with a header row.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from flask import request

from api.http.replies import JSON
from api.http.requests import check_acceptable
from infra.reporting.formulas import BEGINNINGS

CSV = "text/csv"
NDJSON = "application/x-ndjson"
STREAMED = (CSV, NDJSON)
CONTENT_TYPES = {CSV: "text/csv; charset=utf-8", NDJSON: NDJSON}

Lines = Callable[[Iterable[Any]], bytes]

FORMULAS = BEGINNINGS.encode()

_encode = msgspec.json.Encoder().encode
_objects = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_text = msgspec.json.Decoder(str).decode
_needs_quotes = re.compile(rb'[",\r\n]').search
_ABSENT = msgspec.Raw(b"null")


def asked_form(*, is_list: bool) -> str:
    """Return the form that the request's Accept header likes best; ends the request with 406 if it admits none."""
    if not is_list:
        check_acceptable(JSON)
        return JSON
    check_acceptable(JSON, *STREAMED)
    best = request.accept_mimetypes.best_match([JSON, *STREAMED])
    return best or JSON


def csv_header(columns: Sequence[str]) -> bytes:
    """Return the first row."""
    return ",".join(columns).encode() + b"\r\n"


def csv_lines(columns: Sequence[str]) -> Lines:
    """Return what makes rows of items, one a line."""

    def lines(items: Iterable[Any]) -> bytes:
        rows = [[fields.get(name, _ABSENT) for name in columns] for fields in _objects(_encode(items))]
        return b"".join([b",".join([_cell(bytes(value)) for value in row]) + b"\r\n" for row in rows])

    return lines


def ndjson_lines(items: Iterable[Any]) -> bytes:
    """Return one JSON object a line."""
    return b"".join([_encode(item) + b"\n" for item in items])


def _cell(value: bytes) -> bytes:
    """Return a JSON value as a cell."""
    if value == b"null":
        return b""
    if value[0] == 0x22:
        value = value[1:-1] if b"\\" not in value else _text(value).encode()
        if not value:
            return b'""'
        if value[0] in FORMULAS:
            value = b"'" + value
    if _needs_quotes(value):
        return b'"' + value.replace(b'"', b'""') + b'"'
    return value
