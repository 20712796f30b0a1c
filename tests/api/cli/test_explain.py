"""`caselog explain`: due instants and statement lines in words, which people check by hand."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.cli.words.clocks import clocks_in_words
from api.cli.words.lines import line_in_words
from domain.sla_policy import ClockName
from domain.ticket.commands import TicketCommand
from tests.api.cli.conftest import Cli, CliHere
from tests.desk import MONDAY, PERSON, Desk, body_of
from tests.domain.clocks.test_explain import T8, history_of
from tests.domain.subscription.sentences import allowance
from tests.domain.ticket.cases import (
    DENVER,
    LEVELS,
    closed,
    customer_writes,
    due_recorded,
    emergency_accepted,
    emergency_declined,
    emergency_requested,
    nov,
    opened,
    policy,
    resolved,
    staff_replies,
    waits_for_partner,
    with_policy,
)
from tests.projections.subscription_events import credit
from tests.projections.test_explanation import after_the_close


def told(now: datetime, *commands: TicketCommand, only: ClockName | None = "resolution") -> list[str]:
    """The words on the clocks after these commands, without the spaces that only align them."""
    levels = commands[-1].levels
    lines = clocks_in_words(history_of(*commands), levels.calendars, now, DENVER, only)
    return [" ".join(line.split()) for line in lines if line]


def test_the_example_of_t8_is_told_stretch_by_stretch_up_to_the_due_instant() -> None:
    assert told(nov(30, 10), *T8) == [
        "resolution 1: running",
        "due Tue 2026-12-01 13:30:00 MST",
        "target 18 h, calendar business 1, SLA policy 1",
        "Wed 2026-11-25 15:00:00 MST counted 1 h 1 h event 1",
        "Wed 2026-11-25 16:00:00 MST waiting for the customer 41 h event 2",
        "Fri 2026-11-27 09:00:00 MST counted 3 h 4 h event 4",
        "Fri 2026-11-27 12:00:00 MST closed 68 h 30 min",
        "Mon 2026-11-30 08:30:00 MST counted 1 h 30 min 5 h 30 min",
        "Mon 2026-11-30 10:00:00 MST now: 5 h 30 min of 18 h, 12 h 30 min left",
        "Mon 2026-11-30 10:00:00 MST counted 7 h 30 min 13 h",
        "Mon 2026-11-30 17:30:00 MST closed 15 h",
        "Tue 2026-12-01 08:30:00 MST counted 5 h 18 h",
        "Tue 2026-12-01 13:30:00 MST due: 18 h counted",
    ]


def test_a_holiday_is_told_as_one() -> None:
    lines = told(nov(30, 10), *T8, only="first_response")
    assert "Thu 2026-11-26 00:00:00 MST holiday 24 h" in lines


def test_each_segment_says_what_it_counts_by() -> None:
    levels = with_policy(policy(2, nov(23, 12), first_response=3600, next_response=3600, resolution=36_000))
    lines = told(nov(23, 13), opened(nov(23, 10), levels), due_recorded(nov(23, 13), levels))
    assert [line for line in lines if line.startswith("target")] == [
        "target 18 h, calendar business 1, SLA policy 1",
        "target 10 h, calendar business 1, SLA policy 2",
    ]
    assert "Mon 2026-11-23 12:00:00 MST counted 1 h 3 h event 2" in lines


def test_a_missed_target_is_told_with_its_event() -> None:
    lines = told(nov(24, 12), opened(nov(23, 10)), due_recorded(nov(24, 12)), only="first_response")
    assert lines[:2] == [
        "first_response 1: its target was missed, and it has not ended",
        "missed the target of 9 h on Tue 2026-11-24 10:00:00 MST event 2",
    ]
    assert lines[-1] == "Tue 2026-11-24 12:00:00 MST now: 11 h of 9 h, 2 h over"


def test_a_target_that_passed_unrecorded_is_told_as_such() -> None:
    lines = told(nov(24, 12), opened(nov(23, 10)), only="first_response")
    assert lines[1] == "was due Tue 2026-11-24 10:00:00 MST, which is not recorded as missed yet"


def test_a_target_can_be_met_in_the_second_that_it_is_due_in() -> None:
    at_due = nov(24, 10) + timedelta(milliseconds=999)
    lines = told(at_due, opened(nov(23, 10)), only="first_response")
    assert lines[1] == "due Tue 2026-11-24 10:00:00 MST"
    assert lines[-1] == "Tue 2026-11-24 10:00:00 MST due: 9 h counted"


def test_a_target_that_was_met_is_told_with_when_it_was_due() -> None:
    lines = told(nov(24, 12), opened(nov(23, 10)), staff_replies(nov(23, 11)), only="first_response")
    assert lines[:2] == [
        "first_response 1: fulfilled Mon 2026-11-23 11:00:00 MST",
        "met: due Tue 2026-11-24 10:00:00 MST",
    ]
    assert lines[-1] == "Mon 2026-11-23 11:00:00 MST fulfilled: 1 h of 9 h counted"


def test_a_resolution_is_judged_once_the_case_is_closed() -> None:
    life = (opened(nov(23, 10)), resolved(nov(23, 11)))
    assert told(nov(23, 12), *life)[1] == "was due Wed 2026-11-25 10:00:00 MST; judged once the case is closed"
    assert told(nov(23, 12), *life, closed(nov(23, 12)))[1] == "met: due Wed 2026-11-25 10:00:00 MST"


def test_a_cancelled_clock_is_not_judged() -> None:
    life: list[TicketCommand] = [opened(nov(23, 9)), emergency_requested(nov(23, 9)), emergency_accepted(nov(23, 10))]
    assert told(nov(23, 12), *life, emergency_declined(nov(23, 10, 30)), only="periodic_update")[:2] == [
        "periodic_update 1: cancelled Mon 2026-11-23 10:30:00 MST",
        "was due Mon 2026-11-23 11:00:00 MST; cancelled, so it is not judged",
    ]


def test_a_paused_clock_has_nothing_ahead() -> None:
    lines = told(nov(23, 12), opened(nov(23, 10)), waits_for_partner(nov(23, 11)))
    assert lines[:2] == ["resolution 1: paused, waiting for a partner", "nothing falls due as it stands"]
    assert lines[-1] == "Mon 2026-11-23 12:00:00 MST now: 1 h of 18 h, 17 h left"


def test_a_clock_without_a_target_says_so() -> None:
    lines = told(nov(23, 12), opened(nov(23, 10), category="enhancement"))
    assert lines[1:3] == ["no target, so nothing falls due", "no target, calendar business 1, SLA policy 1"]
    assert lines[-1] == "Mon 2026-11-23 12:00:00 MST now: 2 h"


def test_instances_that_ended_are_told_as_well() -> None:
    life: list[TicketCommand] = [
        opened(nov(23, 9)),
        staff_replies(nov(23, 10)),
        customer_writes(nov(23, 11)),
        staff_replies(nov(23, 12)),
    ]
    lines = told(nov(23, 14), *life, customer_writes(nov(23, 13)), only="next_response")
    assert [line for line in lines if line.startswith("next_response")] == [
        "next_response 1: fulfilled Mon 2026-11-23 12:00:00 MST",
        "next_response 2: running",
    ]


def test_times_are_those_of_the_desk() -> None:
    lines = clocks_in_words(history_of(*T8), LEVELS.calendars, nov(30, 10), ZoneInfo("Europe/Rome"), "resolution")
    assert "due Tue 2026-12-01 21:30:00 CET" in " ".join(lines)


def test_a_credit_is_told_by_the_comparison_that_decides_and_not_as_rated() -> None:
    found = after_the_close(30, credits=(credit(allowance(60), 30, "2026-11"),))
    lines = [" ".join(line.split()) for line in line_in_words(found, "USD", DENVER)]
    assert "B8 closed months drew 1 h, and 30 min is billed now: 30 min is given back, last draw first event 5" in lines
    assert "B7 nothing of it is rated in 2026-12" in lines
    assert [line for line in lines if "rated as of" in line or " left" in line] == []


# From a shell


@pytest.fixture
def worked(database: str, schema: str) -> Iterator[Desk]:
    """A desk with a case of a customer that was worked on for 40 minutes, and a second one."""
    desk = Desk(database, schema)
    desk.send("register-customer", customer_id="alpine", name="Alpine", contacts=[PERSON], products=["website"])
    desk.send("start-subscription", customer_id="alpine", plan="standard", starts_on=MONDAY.date().replace(day=1))
    first = desk.ticket("alpine", category="new_feature")
    desk.ticket("alpine")
    desk.clock.forward(hours=1)
    entry: dict[str, Any] = {
        "entry_id": "w-1",
        "agent": "kim",
        "started_at": MONDAY,
        "duration_seconds": 2400,
        "activity": "work",
    }
    desk.send("log-work", ticket=first, **entry)
    yield desk
    desk.application.close()


def test_a_line_is_explained_with_its_facts_its_rules_and_its_amount(here: CliHere, worked: Desk) -> None:
    shown = here("explain", "line", "alpine", "2026-11", "w-1")
    assert shown.returncode == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0] == "w-1 work of kim on C-000001, begun Mon 2026-11-02 10:00:00 MST"
    assert any("40 min, rounded up to the next 15 min: 45 min" in line for line in lines)
    (drawn,) = (line for line in lines if line.startswith("B5, B9"))
    assert "45 min that no grant covers, on demand: 112.50 USD at 150.00 an hour event" in drawn
    assert lines[-1] == "in all 45 min, 112.50 USD"


def test_a_bill_is_explained_sum_by_sum_with_its_parts(here: CliHere, worked: Desk) -> None:
    shown = here("explain", "statement", "alpine", "2026-11")
    assert shown.returncode == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    (rated,) = (each for each in lines if each.startswith("on demand 112.50 event"))
    position = rated.split()[-1]
    assert f"112.50 45 min of w-1 on C-000001 event {position}" in lines
    assert f"billed 45 min event {position}" in lines
    assert "in all 262.50" in lines


def test_work_that_moved_is_explained_with_the_case_it_stands_on(here: CliHere, worked: Desk) -> None:
    worked.send("merge-ticket", ticket="C-000001", into="C-000002")
    shown = here("explain", "line", "alpine", "2026-11", "w-1")
    assert "w-1  work of kim on C-000002" in shown.stdout
    assert "it moved to case C-000002" in shown.stdout
    before = here("explain", "line", "alpine", "2026-11", "w-1", "--as-of", (MONDAY + timedelta(hours=1)).isoformat())
    assert before.returncode == 0, before.stderr


def test_the_clocks_of_a_case_are_explained_from_a_shell(cli: Cli, worked: Desk) -> None:
    position = body_of(worked.send("assign-ticket", ticket="C-000001", agent="kim"))["position"]
    shown = cli("explain", "due", "C-000001", "--clock", "first_response", "--as-of", "2026-11-02T11:30:00-07:00")
    assert shown.returncode == 0, shown.stderr
    assert "C-000001  Rates" in shown.stdout
    assert "first_response 1: running" in shown.stdout
    assert "due Tue 2026-11-03 10:00:00 MST" in shown.stdout
    assert "resolution" not in shown.stdout
    assert f"event {position}" not in shown.stdout, "it had not happened then, and moves no clock"


def test_the_clocks_of_a_merged_case_are_told_as_cancelled(here: CliHere, worked: Desk) -> None:
    worked.send("merge-ticket", ticket="C-000002", into="C-000001")
    shown = here("explain", "due", "C-000002")
    assert "merged into C-000001" in shown.stdout
    assert "first_response 1: cancelled Mon 2026-11-02 11:00:00 MST" in shown.stdout
    assert "merged into C-000001" in here("history", "C-000002").stdout


def test_a_clock_that_never_ran_is_told_as_such(here: CliHere, worked: Desk) -> None:
    shown = here("explain", "due", "C-000001", "--clock", "next_response")
    assert shown.returncode == 0
    assert shown.stdout.endswith("it has no next_response so far\n")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("due", "C-999999"), "C-999999"),
        (("due", "C-000001", "--as-of", "2026-11-01T00:00:00Z"), "2026-11-01"),
        (("due", "C-000001", "--clock", "first_reply"), "first_reply"),
        (("line", "nobody", "2026-11", "w-1"), "nobody"),
        (("line", "alpine", "2026-13", "w-1"), "2026-13"),
        (("line", "alpine", "2026-10", "w-1"), "2026-10"),
        (("line", "alpine", "2026-11", "w-9"), "w-9"),
        (("statement", "nobody", "2026-11"), "nobody"),
        (("statement", "alpine", "2026-13"), "2026-13"),
        (("statement", "alpine", "2026-11", "--as-of", "2026-01-01T00:00:00Z"), "2026-01-01"),
    ],
)
def test_what_cannot_be_explained_is_named(here: CliHere, worked: Desk, arguments: tuple[str, ...], named: str) -> None:
    wrong = here("explain", *arguments)
    assert wrong.returncode == 2, wrong.stdout
    assert named in wrong.stderr
    assert "Traceback" not in wrong.stderr
