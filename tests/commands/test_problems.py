"""Each failure of a command has its problem document; a fault of the program has none."""

import msgspec
import pytest
from eventsourcing.persistence import DataError, InterfaceError, OperationalError, PersistenceError

from commands.errors import Conflict, IdempotencyKeyReused, UnknownTicket, VersionMismatch
from commands.ports import OutcomeUnknown
from commands.problems import problem_of
from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.json_text import MalformedJson
from domain.calendar import InvalidCalendar
from domain.refusal import Refusal


class TooLateInTheDay(Refusal):
    """Nothing is decided after dusk."""

    code = "too_late_in_the_day"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (MalformedJson("truncated"), 400, "malformed_json"),
        (InvalidData([FieldError("/a", "is required")]), 422, "invalid_data"),
        (UnknownTicket("no ticket C-000009"), 404, "unknown_ticket"),
        (Conflict("ten in a row"), 409, "conflict"),
        (VersionMismatch("at version 4"), 412, "version_mismatch"),
        (IdempotencyKeyReused("another body"), 422, "idempotency_key_reused"),
        (TooLateInTheDay("it is dark"), 422, "too_late_in_the_day"),
        (InvalidCalendar([("/tz", "no such zone")]), 422, "invalid_calendar"),
        (OperationalError("down"), 503, "unavailable"),
        (InterfaceError("closed"), 503, "unavailable"),
        (OutcomeUnknown("lost"), 503, "outcome_unknown"),
    ],
)
def test_a_failure_has_the_status_and_the_code_that_clients_rely_on(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error, "corr-1")
    assert problem is not None
    assert (problem.status, problem.code, problem.correlation_id) == (status, code, "corr-1")
    assert problem.type == f"/problems/{code}"


@pytest.mark.parametrize("error", [ValueError("bug"), PersistenceError("odd"), DataError("a value PostgreSQL refuses")])
def test_a_fault_of_the_program_has_no_problem_document_of_its_own(error: Exception) -> None:
    assert problem_of(error, "corr-1") is None


def test_what_the_database_said_is_not_told_to_the_client() -> None:
    problem = problem_of(OperationalError("connection to 10.0.0.5 as caselog failed"), "corr-1")
    assert problem is not None
    assert "10.0.0.5" not in problem.detail


def test_a_refused_rule_names_the_field_at_fault_where_one_is() -> None:
    with_field = problem_of(TooLateInTheDay("it is dark", pointer="/at"), "corr-1")
    without = problem_of(TooLateInTheDay("it is dark"), "corr-1")
    assert with_field is not None
    assert without is not None
    assert with_field.errors == (FieldError("/at", "it is dark"),)
    assert "errors" not in msgspec.json.decode(msgspec.json.encode(without))


def test_every_wrong_field_of_a_setting_is_named() -> None:
    problem = problem_of(InvalidCalendar([("/tz", "no such zone"), ("/hours/mon", "ends before it begins")]), "corr-1")
    assert problem is not None
    assert [error.pointer for error in problem.errors] == ["/tz", "/hours/mon"]


def test_the_title_belongs_to_the_code_and_the_detail_to_the_occasion() -> None:
    one, other = problem_of(TooLateInTheDay("it is dark"), "1"), problem_of(TooLateInTheDay("nearly"), "2")
    assert one is not None
    assert other is not None
    assert one.title == other.title == "Too late in the day"
    assert one.detail != other.detail
