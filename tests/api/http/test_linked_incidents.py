"""Cases linked with the incident that caused them, over HTTP (SUPPORT_POLICY R15)."""

from tests.api.http.conftest import Api, problem_of
from tests.api.http.shapes import fits
from tests.api.http.test_incidents import declare


def test_a_case_is_linked_with_the_incident_that_caused_it_by_one_append(api: Api) -> None:
    incident = declare(api)
    case = api.ticket(api.customer())
    answer = api.done("link-incident", ticket=case["case_number"], incident=incident)
    assert [event["type"] for event in answer["events"]] == ["TicketLinkedToIncident.v1", "TicketLinked.v1"]
    assert answer["stream_id"] == f"ticket-{case['ticket_id']}"
    shown = fits("incident", api.answer(f"/v1/incidents/{incident}"))
    assert shown["ticket_count"] == 1
    assert shown["tickets"] == [case]
    for name in case.values():
        found = api.answer("/v1/incidents", ticket=name)["items"]
        assert [each["incident_id"] for each in found] == [incident]
    assert api.answer("/v1/incidents", ticket="C-999999")["items"] == []
    assert api.done("link-incident", ticket=case["ticket_id"], incident=incident)["events"] == []
    api.done("resolve-incident", incident=incident)
    assert api.done("link-incident", ticket=case["ticket_id"], incident=incident)["events"] == []
    other = {"ticket": api.ticket(api.customer())["ticket_id"], "incident": incident}
    assert problem_of(api.post("link-incident", other), 422)["code"] == "incident_resolved"
    assert {"kind": "incident", "incident_id": incident} in api.answer(f"/v1/tickets/{case['ticket_id']}")["links"]


def test_the_public_status_tells_nothing_of_customers_and_cases(api: Api) -> None:
    incident = declare(api, "Listings are gone")
    customer = api.customer()
    case = api.ticket(customer)
    api.done("link-incident", ticket=case["ticket_id"], incident=incident)
    text = api.get("/v1/status").text
    assert incident in text
    assert not any(secret in text for secret in (customer, case["ticket_id"], case["case_number"], "Alpine", "Ann"))
    assert all("ticket" not in name for item in api.answer("/v1/status")["incidents"] for name in item)
