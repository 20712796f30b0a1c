"""Who sets the test clock finds everything done that fell due on the way, however far it was."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from domain.budget import BudgetThresholdReached
from domain.subscription.events import AllowanceExhausted, GrantExpired, MonthStarted
from domain.ticket.events import CustomerReminded, IncidentResolutionAnnounced, ServiceLevelBreached
from infra import awaited_clock, policies, timekeeper
from infra.awaited_clock import StillBehind
from tests.standing import MONDAY, Standing


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Standing]:
    with ExitStack() as stack:
        standing = Standing(database, schema, stack)
        standing.work()
        yield standing


def test_months_breaches_and_what_policies_make_of_them_are_done_when_the_clock_is_set(desk: Standing) -> None:
    desk.at(MONDAY)
    customer = desk.customer(pack_validity_days=30)
    ticket = desk.ticket(customer)
    desk.send(
        "set-budget", customer_id=customer, cadence="monthly", scope="all", amount_cents=15_000, starts_on=MONDAY.date()
    )
    desk.send("declare-incident", incident_id="storm", title="Storm", text="…")
    desk.send("link-incident", ticket=ticket, incident="storm")
    desk.send("resolve-incident", incident="storm", text="Over.")
    desk.send("buy-hours", customer_id=customer, hours=5)
    waiting = desk.ticket(customer)
    desk.send("wait-for-customer", ticket=waiting, reason="Which room?")
    desk.send(
        "log-work",
        ticket=waiting,
        agent="kim",
        started_at=MONDAY - timedelta(hours=1),
        duration_seconds=3600,
        activity="research",
    )

    desk.at(MONDAY + timedelta(days=95))

    months = desk.of(desk.subscription(customer), MonthStarted)
    assert [month.month for month in months] == ["2037-11", "2037-12", "2038-01", "2038-02"]
    assert [month.starts_at for month in months[1:]] == [month.ends_at for month in months[:-1]]
    breaches = desk.of(f"ticket-{ticket}", ServiceLevelBreached)
    assert [(breach.clock, breach.breached_at) for breach in breaches] == [
        ("first_response", MONDAY + timedelta(days=1)),
        ("resolution", MONDAY + timedelta(days=2)),
    ]
    assert len(desk.of(f"ticket-{ticket}", IncidentResolutionAnnounced)) == 1
    reminders = desk.of(f"ticket-{waiting}", CustomerReminded)
    assert [(each.due_at - MONDAY).days for each in reminders] == [2, 4, 8], "business days"
    assert [each.month for each in desk.of(desk.subscription(customer), AllowanceExhausted)] == ["2037-11"]
    ended = [(each.expired.source, each.expired.seconds) for each in desk.of(desk.subscription(customer), GrantExpired)]
    assert ended == [("allowance", 0), ("pack", 5 * 3600), ("allowance", 3600), ("allowance", 3600)]
    told = desk.of(f"budget-{customer}", BudgetThresholdReached)
    assert {each.span_starts for each in told} >= {"2037-11"}
    assert len(told) == len({(each.span_starts, each.threshold_percent) for each in told})


def test_all_of_it_shows_in_every_view_when_the_answer_comes(desk: Standing) -> None:
    desk.at(MONDAY)
    customer = desk.customer()
    for number in range(8):
        incident = f"incident {number}"
        desk.send("declare-incident", incident_id=incident, title="Storm", text="…")
        for ticket in [desk.ticket(customer) for _ in range(4)]:
            desk.send("link-incident", ticket=ticket, incident=incident)
        desk.at(MONDAY)
        desk.send("resolve-incident", incident=incident, text="Over.")
        desk.at(MONDAY)
        assert desk.everybody_has_seen_the_log()


def test_what_fell_due_while_nobody_was_there_is_done_before_the_answer(desk: Standing) -> None:
    desk.at(MONDAY)
    ticket = desk.ticket(desk.customer())
    desk.rest()
    coming_back = threading.Thread(target=desk.work)
    coming_back.start()
    desk.at(MONDAY + timedelta(days=2))
    coming_back.join()
    assert len(desk.of(f"ticket-{ticket}", ServiceLevelBreached)) == 1


def test_without_anybody_to_do_it_the_setting_says_so(desk: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.at(MONDAY)
    desk.ticket(desk.customer())
    desk.rest()
    monkeypatch.setattr(awaited_clock, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(StillBehind):
        desk.at(MONDAY + timedelta(days=2))


def test_nobody_waits_for_the_next_look_that_would_come_anyway(
    database: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timekeeper, "IDLE_SECONDS", 3600)
    monkeypatch.setattr(policies, "IDLE_SECONDS", 3600)
    monkeypatch.setattr(awaited_clock, "PATIENCE_SECONDS", 20)
    with ExitStack() as stack:
        desk = Standing(database, schema, stack)
        desk.work()
        desk.at(MONDAY)
        customer = desk.customer()
        for days in range(40, 160, 40):
            desk.at(MONDAY + timedelta(days=days))
        assert len(desk.of(desk.subscription(customer), MonthStarted)) == 5
