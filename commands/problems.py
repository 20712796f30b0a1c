"""What to tell the sender of a command that failed: the problem document (RFC 9457) of each failure.

HTTP sends it as an answer, Kafka and the import as a record of what was refused.
"""

import msgspec
from eventsourcing.persistence import InterfaceError, OperationalError

from commands.errors import Conflict, IdempotencyKeyReused, RequestError, UnknownAggregate, VersionMismatch
from commands.ports import OutcomeUnknown, TookTooLong
from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.json_text import MalformedJson
from domain.refusal import Refusal
from domain.setting import InvalidSetting

MEDIA_TYPE = "application/problem+json"


class ProblemType(msgspec.Struct, frozen=True):
    """What a `code` stands for, whatever the occasion."""

    code: str
    status: int
    description: str

    @property
    def uri(self) -> str:
        """The problem's `type`: an address at which the service describes it."""
        return f"/problems/{self.code}"

    @property
    def title(self) -> str:
        """The code as a phrase; the same in every document of the type, as RFC 9457 3.1.3 asks."""
        return self.code.replace("_", " ").capitalize()


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document. `errors` names the fields at fault, where fields are."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldError, ...] = ()
    correlation_id: str


class KeptRefusal(Exception):
    """A repeat of a request that was refused the first time is refused again; `problem` is the first document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


MALFORMED_JSON = ProblemType("malformed_json", 400, "The body is no JSON, or JSON that readers understand differently.")
INVALID_DATA = ProblemType("invalid_data", 422, "Fields are missing, unknown or wrong; `errors` names every one.")
UNKNOWN_COMMAND = ProblemType("unknown_command", 404, "There is no command of that name.")
FORBIDDEN = ProblemType("forbidden", 403, "The sender's role may not do this.")
UNAVAILABLE = ProblemType("unavailable", 503, "The database cannot be had now. Nothing was recorded; try again later.")
TIMED_OUT = ProblemType(
    "timed_out",
    503,
    "The database took too long over it, and the request was given up. Nothing was recorded; try again later.",
)
OUTCOME_UNKNOWN = ProblemType(
    "outcome_unknown",
    503,
    "The connection to the database broke while the command was recorded: it may be in the log or not. "
    "A request with an Idempotency-Key never ends so, and may be repeated safely.",
)
INTERNAL_ERROR = ProblemType(
    "internal_error", 500, "A fault of the service, not of the request; its log has the particulars by correlation id."
)

_STATUS_OF: tuple[tuple[type[RequestError], int], ...] = (
    (UnknownAggregate, 404),
    (Conflict, 409),
    (VersionMismatch, 412),
    (IdempotencyKeyReused, 422),
)


def make_problem(kind: ProblemType, detail: str, correlation_id: str, errors: tuple[FieldError, ...] = ()) -> Problem:
    """Return the problem document of one occurrence."""
    return Problem(
        type=kind.uri,
        title=kind.title,
        status=kind.status,
        detail=detail,
        code=kind.code,
        errors=errors,
        correlation_id=correlation_id,
    )


def type_of_refusal(refusal: type[Refusal]) -> ProblemType:
    """Return what a refused rule's code stands for: the rule, as its class states it."""
    return ProblemType(refusal.code, 422, _statement(refusal))


def type_of_request_error(error: type[RequestError]) -> ProblemType:
    """Return what the code of a request that cannot be carried out stands for."""
    status = next(status for kind, status in _STATUS_OF if issubclass(error, kind))
    return ProblemType(error.code, status, _statement(error))


def problem_of(error: Exception, correlation_id: str) -> Problem | None:
    """Return the problem document of a failed command, or None for a failure that is a fault of the program."""
    match error:
        case InvalidData():
            count = len(error.errors)
            detail = f"{count} field{'s are' if count > 1 else ' is'} wrong; see errors"
            return make_problem(INVALID_DATA, detail, correlation_id, tuple(error.errors))
        case MalformedJson():
            return make_problem(MALFORMED_JSON, str(error), correlation_id)
        case Refusal():
            return make_problem(type_of_refusal(type(error)), error.detail, correlation_id, _at_fault(error))
        case RequestError():
            return make_problem(type_of_request_error(type(error)), error.detail, correlation_id, _at_fault(error))
        case KeptRefusal():
            return msgspec.structs.replace(error.problem, correlation_id=correlation_id)
        case OutcomeUnknown():
            return make_problem(OUTCOME_UNKNOWN, OUTCOME_UNKNOWN.description, correlation_id)
        case TookTooLong():
            return make_problem(TIMED_OUT, TIMED_OUT.description, correlation_id)
        case OperationalError() | InterfaceError():
            return make_problem(UNAVAILABLE, UNAVAILABLE.description, correlation_id)
        case _:
            return None


def _at_fault(error: Refusal | RequestError) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidSetting):
        return tuple(FieldError(pointer, detail) for pointer, detail in error.errors)
    return () if error.pointer is None else (FieldError(error.pointer, error.detail),)


def _statement(kind: type[Exception]) -> str:
    """Return the first line of a class's own docstring; a class without one is told by the one it derives from."""
    documented = next(ancestor for ancestor in kind.__mro__ if ancestor.__doc__)
    return (documented.__doc__ or "").strip().splitlines()[0]
