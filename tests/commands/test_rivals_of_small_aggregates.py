"""What another process does between a decision and its append, for the small aggregates."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from commands.dispatch import Handler
from commands.errors import UnknownArticle, UnknownCustomer, UnknownIncident
from commands.handlers.catalogue import HANDLERS
from domain.article import ArticleIsRetired
from domain.incident import IncidentIsResolved
from domain.tags import tag_of
from domain.webhook.refusals import WebhookIsDeleted
from tests.desk import Desk, body_of

Rival = Callable[[Handler, Callable[[], object]], Handler]


def types_of(desk: Desk, stream_id: str) -> list[str]:
    return [tag_of(type(recorded.event)) for recorded in desk.events(stream_id)]


def incident(desk: Desk) -> str:
    answer = desk.send("declare-incident", title="Searches fail", text="We look into it.")
    incident_id: str = body_of(answer)["result"]["incident_id"]
    return incident_id


def test_a_case_is_not_linked_with_an_incident_that_is_resolved_in_between(
    desk: Desk, ticket: str, rival: Rival
) -> None:
    incident_id = incident(desk)
    handler = rival(HANDLERS["link-incident"], lambda: desk.send("resolve-incident", incident=incident_id))
    with pytest.raises(IncidentIsResolved):
        desk.send(
            "link-incident", via=desk.dispatcher_with({"link-incident": handler}), ticket=ticket, incident=incident_id
        )
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1"]
    assert types_of(desk, f"incident-{incident_id}") == ["IncidentDeclared.v1", "IncidentResolved.v1"]


def test_two_cases_are_linked_with_an_incident_at_once(desk: Desk, customer: str, ticket: str, rival: Rival) -> None:
    incident_id, other = incident(desk), desk.ticket(customer)
    handler = rival(HANDLERS["link-incident"], lambda: desk.send("link-incident", ticket=other, incident=incident_id))
    desk.send(
        "link-incident", via=desk.dispatcher_with({"link-incident": handler}), ticket=ticket, incident=incident_id
    )
    linked = [getattr(each.event, "ticket_id", None) for each in desk.events(f"incident-{incident_id}")]
    assert linked == [None, other, ticket]


def test_a_resolution_does_not_cite_an_article_that_is_retired_in_between(
    desk: Desk, ticket: str, rival: Rival
) -> None:
    desk.send("publish-article", article_id="a", title="A", body="B", topics=[])
    handler = rival(HANDLERS["resolve-ticket"], lambda: desk.send("retire-article", article_id="a"))
    with pytest.raises(ArticleIsRetired):
        desk.send(
            "resolve-ticket",
            via=desk.dispatcher_with({"resolve-ticket": handler}),
            ticket=ticket,
            resolution="See there",
            article="a",
        )
    assert types_of(desk, f"ticket-{ticket}") == ["TicketOpened.v1"]


def test_an_update_builds_on_the_update_that_came_in_between(desk: Desk, customer: str, rival: Rival) -> None:
    handler = rival(
        HANDLERS["update-customer"], lambda: desk.send("update-customer", customer_id=customer, name="The Grand Inn")
    )
    desk.send(
        "update-customer",
        via=desk.dispatcher_with({"update-customer": handler}),
        customer_id=customer,
        account_manager="Mia",
    )
    last: Any = desk.events(f"customer-{customer}")[-1].event
    assert (last.name.text, last.account_manager) == ("The Grand Inn", "Mia")


def test_a_threshold_is_told_once_by_two_that_note_it_at_once(desk: Desk, customer: str, rival: Rival) -> None:
    budget: dict[str, Any] = {
        "cadence": "monthly",
        "scope": "all",
        "amount_cents": 300_00,
        "starts_on": date(2026, 11, 1),
    }
    desk.send("set-budget", customer_id=customer, **budget)
    handler = rival(HANDLERS["note-budget-use"], lambda: desk.send("note-budget-use", customer_id=customer))
    desk.send("note-budget-use", via=desk.dispatcher_with({"note-budget-use": handler}), customer_id=customer)
    assert types_of(desk, f"budget-{customer}") == ["BudgetSet.v1", "BudgetThresholdReached.v1"]


def test_each_of_two_rotations_at_once_makes_a_secret_of_its_own(desk: Desk, rival: Rival) -> None:
    desk.send("create-webhook", webhook_id="crm", url="https://crm.example.com/")
    rotate: dict[str, Any] = {"webhook": "crm", "overlap_seconds": 60}
    handler = rival(HANDLERS["rotate-webhook-secret"], lambda: desk.send("rotate-webhook-secret", **rotate))
    answer = desk.send("rotate-webhook-secret", via=desk.dispatcher_with({"rotate-webhook-secret": handler}), **rotate)
    assert body_of(answer)["result"]["secret_generation"] == 3
    generations = [getattr(each.event, "generation", 1) for each in desk.events("webhook-crm")]
    assert generations == [1, 2, 3]


def test_a_webhook_is_not_enabled_that_is_deleted_in_between(desk: Desk, rival: Rival) -> None:
    desk.send("create-webhook", webhook_id="crm", url="https://crm.example.com/")
    desk.send("disable-webhook", webhook="crm", reason="it moves")
    handler = rival(HANDLERS["enable-webhook"], lambda: desk.send("delete-webhook", webhook="crm"))
    with pytest.raises(WebhookIsDeleted):
        desk.send("enable-webhook", via=desk.dispatcher_with({"enable-webhook": handler}), webhook="crm", missed="send")
    assert types_of(desk, "webhook-crm")[-1] == "WebhookDeleted.v1"


def test_an_address_that_is_mended_in_between_is_not_given_up(desk: Desk, rival: Rival) -> None:
    desk.send("create-webhook", webhook_id="crm", url="https://crm.example.com/")
    handler = rival(
        HANDLERS["give-webhook-up"],
        lambda: desk.send("update-webhook", webhook="crm", url="https://crm.example.com/v2"),
    )
    desk.send(
        "give-webhook-up",
        via=desk.dispatcher_with({"give-webhook-up": handler}),
        webhook="crm",
        url="https://crm.example.com/",
        cause="gone",
        reason="it answered 410",
    )
    assert types_of(desk, "webhook-crm") == ["WebhookCreated.v1", "WebhookUpdated.v1"]


def test_what_nobody_knows_is_named(desk: Desk, ticket: str) -> None:
    with pytest.raises(UnknownCustomer):
        desk.send("update-customer", customer_id="nobody", name="N")
    with pytest.raises(UnknownIncident):
        desk.send("link-incident", ticket=ticket, incident="none")
    with pytest.raises(UnknownArticle):
        desk.send("resolve-ticket", ticket=ticket, resolution="R", article="none")


def test_events_of_a_budget_and_a_customer_are_marked_as_that_customers(desk: Desk, customer: str) -> None:
    desk.send("update-customer", customer_id=customer, name="N")
    desk.send(
        "set-budget",
        customer_id=customer,
        cadence="annual",
        scope="all",
        amount_cents=1,
        starts_on=date(2026, 11, 1),
    )
    for stream_id in (f"customer-{customer}", f"budget-{customer}"):
        assert {recorded.metadata.customer_id for recorded in desk.events(stream_id)} == {customer}
