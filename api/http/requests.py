"""What a request says in its headers and its body, read with care.

The server joins headers that come twice with a comma, and gives a value with bytes outside ASCII as an empty one; both
are refused where a header matters. A name with underscores replaces the one with hyphens before we see either: whoever
stands in front of the service drops such names (docs/adr/0051-reading-requests.md).
"""

import re
from typing import Any

from flask import g, request

from api.http.access.identity import is_known
from api.http.problems.types import (
    BODY_TOO_LARGE,
    INCOMPLETE_BODY,
    INVALID_HEADER,
    LENGTH_REQUIRED,
    NOT_ACCEPTABLE,
    UNSUPPORTED_MEDIA_TYPE,
)
from api.http.replies import JSON, ProblemRaised
from commands.errors import VersionMismatch
from commands.problems import MEDIA_TYPE
from commands.wire.headers import LONGEST_BODY, is_idempotency_key
from commands.wire.json_text import decode_json

MOST_DISCARDED = 32 * LONGEST_BODY

_PART = 64 * 1024

_version = re.compile(r'"([0-9]{1,9})"')
_entity_tag = re.compile(r'(W/)?"[!#-~]*"')


def check_acceptable(*media_types: str) -> None:
    """End the request with 406 if its Accept header admits none of these forms."""
    accepted = request.accept_mimetypes
    if accepted and not any(accepted[media_type] > 0 for media_type in (*media_types, MEDIA_TYPE)):
        raise ProblemRaised(NOT_ACCEPTABLE, f"the address answers in {' or '.join(media_types)}")


def read_json(most_bytes: int) -> Any:
    """Return the value of the JSON body.

    Ends the request with 415, 411, 413 or 400; raises `MalformedJson` for a text that is no sound JSON.
    """
    _check_content_type()
    length = request.content_length
    if length is None:
        raise ProblemRaised(LENGTH_REQUIRED)
    if length > most_bytes:
        raise ProblemRaised(BODY_TOO_LARGE, f"the body has {length} bytes, at most {most_bytes} are taken")
    body = request.environ["wsgi.input"].read(length)
    g.body_was_read = True
    if len(body) != length:
        raise ProblemRaised(INCOMPLETE_BODY, f"the body ended after {len(body)} of {length} bytes")
    return decode_json(body)


def discard_unread_body() -> None:
    """Read a body that was refused unread: else its sender, still writing, meets a broken connection and no answer.

    Not that of a stranger, who could keep a place for ever by sending nothing; nor one that is longer than
    `MOST_DISCARDED` by its own account, or of a sender who waits for `100 Continue` and so has sent nothing.
    """
    length = request.content_length
    in_chunks = "HTTP_TRANSFER_ENCODING" in request.environ
    if not is_known() or "body_was_read" in g or "HTTP_EXPECT" in request.environ:
        return
    if in_chunks or (length is not None and length <= MOST_DISCARDED):
        left = MOST_DISCARDED
        while left > 0 and (part := request.environ["wsgi.input"].read(min(_PART, left))):
            left -= len(part)


def idempotency_key() -> str | None:
    """Return the Idempotency-Key; ends the request with 400 if it is none, or comes twice."""
    sent: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if sent is None:
        return None
    if not is_idempotency_key(sent):
        raise ProblemRaised(
            INVALID_HEADER,
            "Idempotency-Key must be one header of 1 to 255 visible ASCII characters without a comma",
        )
    return sent


def expected_version() -> int | None:
    """Return the version that If-Match asks for; ends the request with 400 if it is no entity tag.

    Raises `VersionMismatch` for a tag that no version of ours can have: by RFC 9110 13.1.1 the condition is then false.
    """
    sent: str | None = request.environ.get("HTTP_IF_MATCH")
    if sent is None:
        return None
    if (match := _version.fullmatch(sent)) is not None:
        return int(match[1])
    if _entity_tag.fullmatch(sent) is not None:
        raise VersionMismatch(f"If-Match {sent} is not a version of a ticket or subscription")
    raise ProblemRaised(INVALID_HEADER, 'If-Match must be one version in quotes, such as "3"')


def _check_content_type() -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoded = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity"
    if request.mimetype != JSON or charset not in ("utf-8", "utf8") or encoded:
        raise ProblemRaised(UNSUPPORTED_MEDIA_TYPE)
