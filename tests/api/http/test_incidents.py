"""Incidents over HTTP: declared, told of, resolved, and what everybody may see of them (SUPPORT_POLICY R15)."""

from typing import Any

import pytest

from commands.wire.examples import EXAMPLES
from tests.api.http.conftest import Api, json_of, problem_of
from tests.api.http.shapes import fits


def declare(api: Api, title: str = "Searches fail", text: str = "We look into it.") -> str:
    incident_id: str = api.done("declare-incident", title=title, text=text)["result"]["incident_id"]
    return incident_id


def test_an_incident_is_told_of_from_its_declaration_to_its_end(api: Api) -> None:
    declared_at = api.clock.now()
    answer = api.post("declare-incident", EXAMPLES["declare-incident"])
    assert answer.status_code == 201
    path = answer.headers["Location"]
    api.clock.forward(minutes=20)
    api.done("post-incident-update", incident="search-2026-11", text="The cause is found.")
    running = fits("incident", api.answer(path))
    assert (running["state"], running["text"]) == ("open", "We are looking into it.")
    assert [each["text"] for each in running["updates"]] == ["The cause is found."]
    api.clock.forward(minutes=20)
    api.done("resolve-incident", incident="search-2026-11", text="Searches work.")
    over = fits("incident", api.answer(path))
    assert (over["state"], over["resolution"], over["version"]) == ("resolved", "Searches work.", 3)
    assert over["declared_at"] == f"{declared_at:%Y-%m-%dT%H:%M:%SZ}"
    assert over["resolved_at"] == f"{api.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    assert api.get(path).headers["ETag"] == '"3"'


def test_the_same_declaration_update_and_resolution_again_change_nothing(api: Api) -> None:
    incident = declare(api)
    api.done("declare-incident", incident_id="twice", title="Twice", text="It is down.")
    for command, data in (
        ("declare-incident", {"incident_id": "twice", "title": "Twice", "text": "It is down."}),
        ("post-incident-update", {"incident": incident, "text": "News"}),
        ("resolve-incident", {"incident": incident}),
    ):
        api.done(command, **data)
        again = api.post(command, data)
        assert again.status_code == 200
        assert json_of(again)["events"] == []


def test_a_resolved_incident_takes_no_more_news(api: Api) -> None:
    incident = declare(api)
    api.done("resolve-incident", incident=incident)
    refused = problem_of(api.post("post-incident-update", {"incident": incident, "text": "More"}), 422)
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("incident_resolved", "/incident")


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("post-incident-update", {"text": "News"}),
        ("resolve-incident", {}),
        ("link-incident", {"ticket": "C-000001"}),
    ],
)
def test_an_incident_that_nobody_declared_is_unknown(api: Api, command: str, data: dict[str, Any]) -> None:
    api.ticket(api.customer())
    refused = problem_of(api.post(command, {**data, "incident": "nothing"}), 404)
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("unknown_incident", "/incident")
    assert problem_of(api.get("/v1/incidents/nothing"), 404)["code"] == "unknown_incident"


def test_an_incident_is_changed_only_at_the_version_expected(api: Api) -> None:
    incident = declare(api)
    news = {"incident": incident, "text": "News"}
    assert problem_of(api.post("post-incident-update", news, If_Match='"7"'), 412)["code"] == "version_mismatch"
    assert api.post("post-incident-update", news, If_Match='"1"').status_code == 200


def test_incidents_are_listed_newest_first_page_by_page_and_by_state(api: Api) -> None:
    made = []
    for number in range(5):
        api.clock.forward(minutes=1)
        made.append(declare(api, f"Incident {number}"))
    api.done("resolve-incident", incident=made[1])
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 2, "state": "open"}
    while len(seen) < 4:
        page = fits("incidents", api.answer("/v1/incidents", **parameters))
        seen += [item["incident_id"] for item in page["items"]]
        parameters["cursor"] = page.get("next")
    assert seen[:4] == [made[4], made[3], made[2], made[0]]
    assert made[1] in [item["incident_id"] for item in api.answer("/v1/incidents", state="resolved")["items"]]


def test_the_public_status_tells_of_open_incidents_and_for_seven_days_of_resolved_ones(api: Api) -> None:
    api.clock.forward(days=8)
    for item in api.answer("/v1/incidents", state="open", limit=500)["items"]:
        api.done("resolve-incident", incident=item["incident_id"])
    api.clock.forward(days=7)
    assert api.answer("/v1/status")["state"] == "operational"
    assert api.answer("/v1/status")["resolved"] == []
    running, over = declare(api, "Bookings fail"), declare(api, "Mail is late")
    api.done("post-incident-update", incident=running, text="Half of them work.")
    api.done("resolve-incident", incident=over)
    status = fits("status", api.answer("/v1/status"))
    assert status["state"] == "disrupted"
    assert [(each["incident_id"], each["updates"][0]["text"]) for each in status["incidents"]] == [
        (running, "Half of them work.")
    ]
    assert [each["incident_id"] for each in status["resolved"]] == [over]
    api.clock.forward(days=7, microseconds=-1)
    assert len(api.answer("/v1/status")["resolved"]) == 1
    api.clock.forward(microseconds=1)
    assert api.answer("/v1/status")["resolved"] == []
