"""Every field that a case can have is in the shape that the document tells, and a column of the lists."""

from typing import Any

import msgspec
import pytest

from api.http.shapes.tickets import QueueItem, TicketShape
from commands.wire.examples import EXAMPLES
from projections.queue import QueueRow
from projections.ticket import TicketRow
from tests.api.http.conftest import Api
from tests.api.http.shapes import fits

STAFF = {"role": "staff", "name": "Jo", "email": "jo@desk.example"}


def names_of(shape: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(shape)}


@pytest.fixture(scope="module")
def life(api: Api) -> list[Any]:
    """A case as it was answered at each station of a life that has everything, and one merged into another."""
    customer = api.customer()
    example = EXAMPLES["open-ticket"] | {"customer_id": customer, "requested_for": "2026-12-01"}
    ticket = api.done("open-ticket", **example)["result"]["ticket_id"]
    other = api.ticket(customer)["ticket_id"]
    article = api.done("publish-article", title="Weeks", body="So.", topics=["calendar"])["result"]["article_id"]
    incident = api.done("declare-incident", title="Down", text="We look.")["result"]["incident_id"]
    started_at = api.clock.now().isoformat()
    api.clock.forward(minutes=30)
    shown: list[Any] = []

    def then(command: str, **data: Any) -> None:
        api.done(command, ticket=ticket, **data)
        shown.append(api.answer(f"/v1/tickets/{ticket}"))

    then("assign-ticket", agent="jo")
    then("escalate-ticket", team="engineering", reason="The import needs a developer")
    then("decide-emergency", accepted=True, reason="No booking can be made")
    then("rule-cause", scope="out_of_scope", reason="The domain had not been renewed")
    then("decide-scope", scope="billable", reason="A change to the design")
    then("log-work", agent="jo", started_at=started_at, duration_seconds=1_800, activity="analysis")
    then("link-incident", incident=incident)
    api.done("merge-ticket", ticket=other, into=ticket)
    shown.append(api.answer(f"/v1/tickets/{other}"))
    shown.append(api.answer("/v1/queue", customer=customer)["items"][0])
    then("set-category", category="enhancement")
    then("plan-enhancement", target_period="2027-Q1")
    then("add-reply", author=STAFF, body="Done.")
    then("resolve-ticket", resolution="Begins on Monday", article=article)
    then("close-ticket", reason="Confirmed")
    return shown


def test_a_life_with_everything_fits_the_shape_and_leaves_no_field_of_it_out(life: list[Any]) -> None:
    tickets = [each for each in life if "rank" not in each]
    for each in tickets:
        fits("ticket", each)
    assert {name for each in tickets for name in each} == names_of(TicketShape)
    assert {each["status"] for each in tickets} >= {"open", "merged", "resolved", "closed"}
    assert {link["kind"] for each in tickets for link in each["links"]} >= {"merged_into", "incident", "article"}


def test_what_the_queue_shows_of_it_leaves_no_field_out_either(life: list[Any]) -> None:
    (item,) = (each for each in life if "rank" in each)
    assert set(item) == names_of(QueueItem)


def test_what_a_view_keeps_of_a_case_is_shown_or_left_out_on_purpose() -> None:
    """A new column of either view has to be told in its shape, or be named here."""
    assert set(TicketRow.__struct_fields__) - {"work_class", "error_told"} == names_of(TicketShape) - {"class"}
    assert set(QueueRow.__struct_fields__) - {"clocks", "open"} == names_of(QueueItem) - {"next_due"}


def test_a_field_that_the_shape_does_not_have_is_found_wherever_it_is(life: list[Any]) -> None:
    for wrong in (life[0] | {"colour": "red"}, life[0] | {"requester": life[0]["requester"] | {"colour": "red"}}):
        with pytest.raises(AssertionError, match="colour"):
            fits("ticket", wrong)
