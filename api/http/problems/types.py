"""Problems that HTTP itself has, beside those of commands."""

from commands.problems import FORBIDDEN, INTERNAL_ERROR, ProblemType

NOT_FOUND = ProblemType("not_found", 404, "There is nothing at that address.")
METHOD_NOT_ALLOWED = ProblemType(
    "method_not_allowed", 405, "The address takes other methods; the Allow header names them."
)
NOT_ACCEPTABLE = ProblemType("not_acceptable", 406, "The Accept header admits no form that the address answers in.")
LENGTH_REQUIRED = ProblemType("length_required", 411, "A body comes with its Content-Length, not in chunks.")
BODY_TOO_LARGE = ProblemType("body_too_large", 413, "The body is larger than the address takes.")
URI_TOO_LONG = ProblemType("uri_too_long", 414, "The address is longer than any that the service has.")
UNSUPPORTED_MEDIA_TYPE = ProblemType("unsupported_media_type", 415, "The body is not application/json in UTF-8.")
INCOMPLETE_BODY = ProblemType(
    "incomplete_body", 400, "The body ended before its Content-Length; nothing of it was used."
)
INVALID_HEADER = ProblemType(
    "invalid_header", 400, "A header's value does not have the form that the contract gives it."
)
UNAUTHENTICATED = ProblemType(
    "unauthenticated", 401, "The request brings no key or token that lets its sender in; `detail` says what is wrong."
)
TOO_MANY_REQUESTS = ProblemType(
    "too_many_requests", 429, "The sender has made all requests of this minute; Retry-After says when the next begins."
)
IDENTITY_UNAVAILABLE = ProblemType(
    "identity_unavailable", 503, "The keys of the tokens' issuer cannot be had now, so the token cannot be checked."
)
OVERLOADED = ProblemType(
    "overloaded",
    503,
    "The service has as much to do as it can finish in time. Nothing was done; Retry-After says when to try again.",
)
BAD_REQUEST = ProblemType("bad_request", 400, "The request is no proper HTTP.")
VIEW_BEHIND = ProblemType(
    "view_behind",
    503,
    "The view has not yet passed `min_position`, or is not built yet in the form of this release; ask again.",
)
NO_ROOM = ProblemType(
    "no_room", 503, "There is no room to put the list by before it is sent; ask again later, or page by page."
)
POSITION_GONE = ProblemType(
    "position_gone",
    410,
    "So much has been recorded since `as_of_position` that the list is no longer told as of it; begin again, or ask for"
    " the whole of it as CSV or NDJSON.",
)
TOO_MANY_STREAMS = ProblemType(
    "too_many_streams", 503, "As many lists as the service streams at once are being streamed; ask again."
)
CLOCK_BACKWARDS = ProblemType("clock_backwards", 422, "The test clock moves forward only.")
CLOCK_STILL_BEHIND = ProblemType(
    "clock_still_behind",
    503,
    "The test clock is set, but what fell due on the way is not done yet; setting the same instant waits again.",
)

HTTP_PROBLEM_TYPES = (
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    LENGTH_REQUIRED,
    BODY_TOO_LARGE,
    URI_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    INCOMPLETE_BODY,
    INVALID_HEADER,
    UNAUTHENTICATED,
    FORBIDDEN,
    TOO_MANY_REQUESTS,
    IDENTITY_UNAVAILABLE,
    OVERLOADED,
    BAD_REQUEST,
    VIEW_BEHIND,
    POSITION_GONE,
    TOO_MANY_STREAMS,
    NO_ROOM,
    CLOCK_BACKWARDS,
    CLOCK_STILL_BEHIND,
    INTERNAL_ERROR,
)
