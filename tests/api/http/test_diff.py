"""What changed on a case between two moments, over HTTP: each difference with the events that made it."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from tests.api.http.conftest import Api, pointers_of, problem_of
from tests.api.http.shapes import fits
from tests.api.http.test_queries import log_work

STAFF = {"role": "staff", "name": "Jo", "email": "jo@example.com"}


@pytest.fixture(scope="module")
def changed(api: Api) -> Any:
    """A case that was opened, made urgent, worked on for 50 min of which 30 stayed, answered and resolved."""
    customer = api.customer()
    before = api.clock.now().isoformat()
    api.clock.forward(minutes=1)
    opened = api.ticket(customer)
    ticket = opened["ticket_id"]
    at_first = api.clock.now().isoformat()
    api.clock.forward(minutes=60)
    urgent = api.done("set-urgency", ticket=ticket, urgency="high")
    logged = log_work(api, ticket, 3_000)
    api.clock.forward(minutes=1)
    at_work = api.clock.now().isoformat()
    api.clock.forward(minutes=1)
    entry = logged["result"]["entry_id"]
    corrected = api.done("correct-work", ticket=ticket, entry_id=entry, duration_seconds=1_800, reason="Lunch")
    replied = api.done("add-reply", ticket=ticket, author=STAFF, body="So.")
    return {
        "path": f"/v1/tickets/{ticket}/diff",
        "customer": customer,
        "case": opened["case_number"],
        "entry": entry,
        "before": before,
        "at_first": at_first,
        "at_work": at_work,
        "at_last": api.clock.now().isoformat(),
        "urgent": urgent,
        "logged": logged,
        "corrected": corrected,
        "replied": replied,
    }


def by(items: list[Any], name: str, value: str) -> Any:
    (found,) = [each for each in items if each[name] == value]
    return found


def position_of(answer: Any, event_type: str) -> int:
    (position,) = [each["position"] for each in answer["events"] if each["type"].startswith(event_type)]
    return int(position)


def test_a_field_that_differs_names_the_events_that_changed_it(api: Api, changed: Any) -> None:
    diff = fits("ticket-diff", api.answer(changed["path"], **{"from": changed["at_first"], "to": changed["at_last"]}))
    urgency = by(diff["changes"], "field", "urgency")
    assert urgency == {
        "field": "urgency",
        "before": "normal",
        "after": "high",
        "positions": [position_of(changed["urgent"], "UrgencyChanged")],
    }
    worked = by(diff["changes"], "field", "worked_seconds")
    assert (worked["before"], worked["after"]) == (0, 1_800)
    assert worked["positions"] == [
        position_of(changed["logged"], "WorkLogged"),
        position_of(changed["corrected"], "WorkCorrected"),
    ]
    assert diff["case_number"] == changed["case"]
    assert (diff["from"]["version"], diff["to"]["version"]) == (1, 5)
    assert {each["field"] for each in diff["changes"]} == {"urgency", "worked_seconds", "status"}


def test_a_clock_that_was_stopped_names_what_stopped_it(api: Api, changed: Any) -> None:
    diff = api.answer(changed["path"], **{"from": changed["at_first"], "to": changed["at_last"]})
    answered = by(diff["clocks"], "clock", "first_response")
    state = by(answered["changes"], "field", "state")
    assert (state["before"], state["after"]) == ("running", "fulfilled")
    assert position_of(changed["replied"], "StaffReplied") in answered["positions"]


def test_work_shows_what_it_was_billed_before_and_after(api: Api, changed: Any) -> None:
    diff = api.answer(changed["path"], **{"from": changed["at_work"], "to": changed["at_last"]})
    (work,) = diff["work"]
    assert (work["entry_id"], work["change"]) == (changed["entry"], "changed")
    assert (work["before"]["duration_seconds"], work["after"]["duration_seconds"]) == (3_000, 1_800)
    assert (work["before"]["billed_seconds"], work["after"]["billed_seconds"]) == (3_600, 1_800)
    assert sum(draw["seconds"] for draw in work["before"]["draws"]) == 3_600
    assert sum(draw["seconds"] for draw in work["after"]["draws"]) == 1_800
    assert work["positions"] == [
        position_of(changed["corrected"], "WorkCorrected"),
        position_of(changed["corrected"], "WorkRevised"),
    ]
    types = [each["type"] for each in diff["events"]]
    assert types == ["WorkCorrected.v1", "WorkRevised.v1", "StaffReplied.v1"]


def test_before_the_case_there_was_nothing_and_everything_is_new(api: Api, changed: Any) -> None:
    diff = fits("ticket-diff", api.answer(changed["path"], **{"from": changed["before"], "to": changed["at_last"]}))
    assert diff["from"] == {"existed": False}
    assert "before" not in by(diff["changes"], "field", "subject")
    assert by(diff["work"], "entry_id", changed["entry"])["change"] == "added"
    assert len([each for each in diff["events"] if each["subject"].startswith("ticket-")]) == 5


def test_versions_and_positions_tell_the_same_as_instants(api: Api, changed: Any) -> None:
    by_instant = api.answer(changed["path"], **{"from": changed["at_first"], "to": changed["at_last"]})
    by_version = fits("ticket-diff", api.answer(changed["path"], from_version=1, to_version=5))
    by_position = api.answer(
        changed["path"],
        from_position=by_instant["from"]["position"],
        to_position=position_of(changed["replied"], "StaffReplied"),
    )
    for other in (by_version, by_position):
        for name in ("changes", "clocks", "work", "events"):
            assert other[name] == by_instant[name], name


def elapsed(diff: Any) -> tuple[int, int]:
    """What the case's resolution clock had counted at both moments."""
    found = by(by(diff["clocks"], "clock", "resolution")["changes"], "field", "elapsed_seconds")
    return found["before"], found["after"]


@pytest.mark.parametrize("kind", ["from", "from_version", "from_position"])
def test_to_is_the_desks_now_where_it_is_left_out(api: Api, kind: str) -> None:
    """The last event lies ten minutes back: clocks ran on since then, and stand as they do when one asks."""
    api.clock.forward(minutes=1)
    ticket = api.ticket(api.customer())["ticket_id"]
    opened_at, position = api.clock.now().isoformat(), api.position
    first = {"from": opened_at, "from_version": "1", "from_position": str(position)}[kind]
    now = api.clock.forward(minutes=10)
    diff = fits("ticket-diff", api.answer(f"/v1/tickets/{ticket}/diff", **{kind: first}))
    assert diff["to"]["at"] == now.isoformat().replace("+00:00", "Z")
    assert diff["to"]["at"] > diff["from"]["at"]
    assert diff["events"] == []
    before, after = elapsed(diff)
    assert after - before > 0
    named = api.answer(f"/v1/tickets/{ticket}/diff", **{"from": opened_at, "to": now.isoformat()})
    assert elapsed(named) == (before, after)


def test_a_first_instant_after_the_last_event_looks_ahead_to_now_and_not_back(api: Api) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    first = api.clock.forward(minutes=5).isoformat()
    api.clock.forward(minutes=5)
    diff = api.answer(f"/v1/tickets/{ticket}/diff", **{"from": first})
    before, after = elapsed(diff)
    assert after - before == 300


@pytest.mark.parametrize("to", [{}, {"to": "2099-01-02T00:00:00Z"}])
def test_a_first_instant_that_lies_ahead_is_refused_as_one_after_the_second(
    api: Api, changed: Any, to: dict[str, str]
) -> None:
    ahead = {"from": "2099-01-01T00:00:00Z", **to}
    assert pointers_of(api.get(changed["path"], **ahead)) == {"/from"}
    bill = f"/v1/customers/{changed['customer']}/statement/diff"
    assert pointers_of(api.get(bill, period="2026-11", **ahead)) == {"/from"}


@pytest.mark.parametrize("kind", ["from_version", "from_position"])
def test_what_a_clock_set_back_has_not_reached_yet_is_refused_as_the_first(api: Api, kind: str) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    first = {"from_version": 1, "from_position": api.position}[kind]
    api.clock.forward(hours=-1)
    refused = api.get(f"/v1/tickets/{ticket}/diff", **{kind: first})
    api.clock.forward(hours=1)
    assert refused.status_code in {404, 422}


def test_between_two_equal_moments_nothing_changed(api: Api, changed: Any) -> None:
    same = api.answer(changed["path"], **{"from": changed["at_work"], "to": changed["at_work"]})
    assert same["changes"] == same["clocks"] == same["work"] == same["events"] == same["late"] == []


def test_a_clock_moves_by_time_alone_without_an_event(api: Api) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    first = api.clock.now().isoformat()
    last = api.clock.forward(minutes=5).isoformat()
    diff = api.answer(f"/v1/tickets/{ticket}/diff", **{"from": first, "to": last})
    assert diff["events"] == []
    clock = by(diff["clocks"], "clock", "first_response")
    assert clock["positions"] == []
    elapsed = by(clock["changes"], "field", "elapsed_seconds")
    assert elapsed["after"] - elapsed["before"] == 300


@pytest.mark.parametrize(
    ("parameters", "pointers"),
    [
        ({}, {"/from"}),
        ({"to": "2026-11-02T17:00:00Z"}, {"/from"}),
        ({"from": "2026-11-03T17:00:00Z", "to": "2026-11-02T17:00:00Z"}, {"/from"}),
        ({"from": "yesterday", "to": "2026-11-02T17:00:00"}, {"/from", "/to"}),
        ({"from_version": 2, "to_version": 1}, {"/from_version"}),
        ({"from_version": 0}, {"/from_version"}),
        ({"from_version": 1, "to_position": 2}, {"/from_version", "/to_position"}),
        ({"from_position": 9, "to_position": 8}, {"/from_position"}),
        ({"from": "2026-11-02T17:00:00Z", "colour": "red"}, {"/colour"}),
    ],
)
def test_wrong_moments_are_named(api: Api, changed: Any, parameters: dict[str, Any], pointers: set[str]) -> None:
    assert pointers_of(api.get(changed["path"], **parameters)) == pointers


@pytest.mark.parametrize(
    "parameters",
    [
        {"from": "2026-01-02T17:00:00Z", "to": "2026-01-03T17:00:00Z"},
        {"from_version": 1, "to_version": 99},
        {"from_version": 99},
        {"from_position": 0, "to_position": 1},
    ],
)
def test_a_case_that_was_not_there_yet_is_unknown(api: Api, changed: Any, parameters: dict[str, Any]) -> None:
    assert problem_of(api.get(changed["path"], **parameters), 404)["code"] == "unknown_ticket"


def test_an_unknown_case_is_unknown(api: Api) -> None:
    answer = api.get("/v1/tickets/C-999999/diff", **{"from": "2026-01-02T17:00:00Z"})
    assert problem_of(answer, 404)["code"] == "unknown_ticket"


def test_what_was_recorded_after_the_second_instant_is_told_as_late(api: Api, changed: Any) -> None:
    """The desk's clock stands in 2026; what it says happened then was recorded when the test ran."""
    diff = api.answer(changed["path"], **{"from": changed["at_first"], "to": changed["at_last"]})
    recorded = [datetime.fromisoformat(each["recordedat"]) for each in diff["events"]]
    expected = [
        each["position"]
        for each, at in zip(diff["events"], recorded, strict=True)
        if at > datetime.fromisoformat(changed["at_last"])
    ]
    assert diff["late"] == expected
    assert msgspec.json.encode(diff)


def sums_of(diff: Any) -> dict[str, tuple[Any, Any, list[int]]]:
    return {each["field"]: (each.get("before"), each["after"], each["positions"]) for each in diff["changes"]}


def test_a_bill_that_changed_says_why_line_by_line(api: Api, changed: Any) -> None:
    """60 min became 30: what was the whole allowance is half of it, and only the correction did it."""
    path = f"/v1/customers/{changed['customer']}/statement/diff"
    wanted = {"period": "2026-11", "from": changed["at_work"], "to": changed["at_last"]}
    diff = fits("statement-diff", api.answer(path, **wanted))
    revised = position_of(changed["corrected"], "WorkRevised")
    (line,) = diff["entries"]
    assert (line["change"], line["before"]["entry_id"]) == ("changed", changed["entry"])
    assert (line["before"]["billed_seconds"], line["after"]["billed_seconds"]) == (3_600, 1_800)
    assert line["positions"] == [revised]
    assert sums_of(diff) == {
        "worked_seconds": (3_000, 1_800, [revised]),
        "billed_seconds": (3_600, 1_800, [revised]),
        "used_seconds": (3_600, 1_800, [revised]),
        "left_seconds": (0, 1_800, [revised]),
    }
    assert [each["type"] for each in diff["events"]] == ["WorkRevised.v1"]
    before = api.answer(f"/v1/customers/{changed['customer']}/statement", period="2026-11", as_of=changed["at_work"])
    assert before["totals"]["billed_seconds"] == 3_600


def test_a_bill_grows_by_purchases_and_work_and_names_them(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    first = api.clock.now().isoformat()
    api.clock.forward(minutes=120)
    logged = log_work(api, ticket, 5_400)
    bought = api.done("buy-hours", customer_id=customer, hours=5)
    diff = fits(
        "statement-diff",
        api.answer(f"/v1/customers/{customer}/statement/diff", **{"period": "2026-11", "from": first}),
    )
    rated, purchase = position_of(logged, "WorkRated"), position_of(bought, "HourPackPurchased")
    sums = sums_of(diff)
    assert sums["on_demand_cents"] == (0, 75_00, [rated])
    assert sums["packs_cents"] == (0, 600_00, [purchase])
    assert sums["owed_cents"] == (150_00, 150_00 + 75_00 + 600_00, [rated, purchase])
    assert [each["change"] for each in (*diff["entries"], *diff["purchases"])] == ["added", "added"]


def test_from_before_the_subscription_the_whole_bill_is_new(api: Api, changed: Any) -> None:
    path = f"/v1/customers/{changed['customer']}/statement/diff"
    diff = fits("statement-diff", api.answer(path, **{"period": "2026-11", "from": "2026-01-01T00:00:00Z"}))
    assert diff["from"] == {"existed": False}
    before, after, positions = sums_of(diff)["fee_cents"]
    assert (before, after) == (None, 150_00)
    assert len(positions) == 1


@pytest.mark.parametrize(
    ("parameters", "pointers"),
    [
        ({}, {"/from", "/period"}),
        ({"period": "2026-13", "from": "2026-01-01T00:00:00Z"}, {"/period"}),
        ({"period": "2026-11", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"/from"}),
        ({"period": "2026-11", "from": "2026-01-02T00:00:00Z", "as_of": "2026-01-01T00:00:00Z"}, {"/as_of"}),
    ],
)
def test_a_wrong_question_about_a_bill_is_named(
    api: Api, changed: Any, parameters: dict[str, Any], pointers: set[str]
) -> None:
    assert pointers_of(api.get(f"/v1/customers/{changed['customer']}/statement/diff", **parameters)) == pointers


def test_a_bill_of_nobody_or_before_the_subscription_is_unknown(api: Api, changed: Any) -> None:
    wanted = {"period": "2026-11", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    nobody = api.get("/v1/customers/nobody/statement/diff", **wanted)
    assert problem_of(nobody, 404)["code"] == "unknown_customer"
    early = api.get(f"/v1/customers/{changed['customer']}/statement/diff", **wanted)
    assert problem_of(early, 404)["code"] == "unknown_subscription"
