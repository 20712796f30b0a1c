"""Commands are measured around whoever carries them out."""

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from commands.answers import Answer
from commands.dispatch import Request
from commands.problems import UNKNOWN_COMMAND, KeptRefusal, make_problem
from infra.metrics.measured import MeasuredCommands, outcome_of

REQUEST = Request(command="add-note", data={}, fingerprint="", caller="test", actor="test", correlation_id="work-7")


class Talking:
    """Says something on the way, and fails."""

    def execute(self, _: Request) -> Answer:
        structlog.get_logger().info("on the way")
        raise ZeroDivisionError


def test_what_is_logged_on_the_way_names_the_work_and_nothing_after_it_does() -> None:
    with capture_logs(processors=[merge_contextvars]) as logged:
        with pytest.raises(ZeroDivisionError):
            MeasuredCommands(Talking()).execute(REQUEST)
        structlog.get_logger().info("afterwards")
    assert [(line["event"], line.get("correlation_id"), line.get("command")) for line in logged] == [
        ("on the way", "work-7", "add-note"),
        ("afterwards", None, None),
    ]


def test_a_refusal_that_is_given_again_counts_as_a_replay_and_is_no_fault() -> None:
    refused = make_problem(UNKNOWN_COMMAND, "it was refused before", "work-7")
    assert outcome_of(KeptRefusal(refused)) == "replayed"
