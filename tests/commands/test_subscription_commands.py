"""Plans changed, subscriptions cancelled and begun again, months closed: what a request of each comes to."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from commands.answers import Answer
from commands.dispatch import Handler
from commands.errors import UnknownCustomer, UnknownPlan, UnknownSubscription, VersionMismatch
from commands.handlers.catalogue import HANDLERS
from domain.subscription.refusals import NoSubscription, PeriodNotEnded, PeriodNotOldest
from tests.desk import PERSON, Desk, body_of

DECEMBER = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)


def types_of(answer: Answer) -> list[str]:
    return [event["type"].removesuffix(".v1") for event in body_of(answer)["events"]]


def subscription_of(desk: Desk, customer: str) -> str:
    """The id of a customer's subscription, from a repeat that changes nothing."""
    started = desk.send("start-subscription", customer_id=customer, plan="standard", starts_on=date(2026, 11, 1))
    assert types_of(started) == []
    subscription_id: str = body_of(started)["result"]["subscription_id"]
    return subscription_id


def test_a_subscription_is_named_by_its_id_or_by_its_customer(desk: Desk, customer: str) -> None:
    subscription_id = subscription_of(desk, customer)
    changed = desk.send(
        "change-plan", subscription_id=subscription_id, plan="standard", terms={"allowance_seconds": 60}
    )
    assert types_of(changed) == ["PlanChanged"]
    assert body_of(changed)["result"] == {"subscription_id": subscription_id}
    assert (changed.status, changed.location) == (200, f"/v1/customers/{customer}/subscription")
    again = desk.send("change-plan", customer_id=customer, plan="standard", terms={"allowance_seconds": 60})
    assert (again.status, types_of(again)) == (200, [])
    cancelled = desk.send("cancel-subscription", customer_id=customer, reason="moved away")
    assert types_of(cancelled) == ["SubscriptionCancelled"]
    assert body_of(cancelled)["result"] == {"subscription_id": subscription_id}
    assert types_of(desk.send("cancel-subscription", subscription_id=subscription_id, reason="moved away")) == []


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("change-plan", {"plan": "standard"}),
        ("cancel-subscription", {"reason": "r"}),
        ("close-period", {"period": "2026-11"}),
    ],
)
def test_the_customer_must_be_there_and_have_a_subscription(desk: Desk, command: str, data: dict[str, Any]) -> None:
    with pytest.raises(UnknownCustomer):
        desk.send(command, customer_id="unheard-of", **data)
    desk.send("register-customer", customer_id="bare", name="Bare", contacts=[PERSON], products=[])
    with pytest.raises(NoSubscription):
        desk.send(command, customer_id="bare", **data)


@pytest.mark.parametrize(
    ("command", "data"), [("change-plan", {"plan": "standard"}), ("cancel-subscription", {"reason": "r"})]
)
def test_the_subscription_must_be_there(desk: Desk, command: str, data: dict[str, Any]) -> None:
    with pytest.raises(UnknownSubscription) as unknown:
        desk.send(command, subscription_id="unheard-of", **data)
    assert unknown.value.pointer == "/subscription_id"


def test_the_plan_must_be_there(desk: Desk, customer: str) -> None:
    with pytest.raises(UnknownPlan) as unknown:
        desk.send("change-plan", customer_id=customer, plan="unheard-of")
    assert unknown.value.pointer == "/plan"


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("change-plan", {"plan": "standard"}),
        ("cancel-subscription", {"reason": "r"}),
        ("close-period", {"period": "2026-11"}),
        ("buy-hours", {"hours": 5}),
    ],
)
def test_a_request_can_expect_a_version(desk: Desk, customer: str, command: str, data: dict[str, Any]) -> None:
    desk.clock.instant = DECEMBER
    with pytest.raises(VersionMismatch):
        desk.send(command, customer_id=customer, if_match=1, **data)
    assert desk.send(command, customer_id=customer, if_match=2, **data).status == 200


def test_a_change_is_decided_by_the_plan_as_it_is_when_it_is_recorded(
    desk: Desk, customer: str, rival: Callable[[Handler, Callable[[], object]], Handler]
) -> None:
    terms = {
        "currency": "USD",
        "monthly_fee_cents": 1,
        "allowance_seconds": 60,
        "regular_rate_cents": 1,
        "pack_rate_cents": 1,
        "pack_step_hours": 1,
        "pack_validity_days": None,
        "emergency_multiplier": 2,
        "billing_increment_seconds": 60,
        "minimum_charge_seconds": 0,
        "rollover_cap_seconds": 0,
    }
    quicker = rival(HANDLERS["change-plan"], lambda: desk.send("publish-plan", plan="standard", terms=terms))
    desk.send("change-plan", via=desk.dispatcher_with({"change-plan": quicker}), customer_id=customer, plan="standard")
    changed: Any = desk.events(f"subscription-{subscription_of(desk, customer)}")[-1].event
    assert (changed.plan_version, changed.terms.allowance_seconds) == (2, 60)


def test_a_cancelled_subscription_starts_again_in_its_own_stream_and_is_not_created_anew(
    desk: Desk, customer: str
) -> None:
    subscription_id = subscription_of(desk, customer)
    desk.send("cancel-subscription", customer_id=customer, reason="moved away")
    desk.clock.instant = DECEMBER + timedelta(days=9)
    again = desk.send("start-subscription", customer_id=customer, plan="standard")
    assert again.status == 200
    assert body_of(again)["result"] == {"subscription_id": subscription_id}
    assert types_of(again) == ["GrantExpired", "SubscriptionStarted", "MonthStarted", "MonthStarted"]
    assert types_of(desk.send("start-subscription", customer_id=customer, plan="standard")) == []


def test_months_are_closed_oldest_first_when_they_have_ended(desk: Desk, customer: str) -> None:
    with pytest.raises(PeriodNotEnded):
        desk.send("close-period", customer_id=customer, period="2026-11")
    desk.clock.instant = DECEMBER + timedelta(days=40)
    with pytest.raises(PeriodNotOldest):
        desk.send("close-period", customer_id=customer, period="2026-12")
    closed = desk.send("close-period", customer_id=customer, period="2026-11")
    assert types_of(closed)[-1] == "PeriodClosed"
    assert types_of(desk.send("close-period", customer_id=customer, period="2026-11")) == []
    assert types_of(desk.send("close-period", customer_id=customer, period="2026-12")) == ["PeriodClosed"]


def test_the_reason_of_a_cancellation_is_kept_as_personal_data(desk: Desk, customer: str) -> None:
    desk.send("cancel-subscription", customer_id=customer, reason="Ada is ill")
    cancelled: Any = desk.events(f"subscription-{subscription_of(desk, customer)}")[-1].event
    assert cancelled.reason.text == "Ada is ill"


def test_work_of_a_case_after_a_close_is_settled_in_the_same_append(desk: Desk, customer: str) -> None:
    ticket = desk.ticket(customer)
    desk.clock.forward(hours=2)
    logged = desk.send(
        "log-work",
        ticket=ticket,
        entry_id="w-1",
        agent="kim",
        started_at=desk.clock.instant - timedelta(hours=1),
        duration_seconds=3600,
        activity="research",
    )
    assert "WorkRated" in types_of(logged)
    desk.clock.instant = DECEMBER
    desk.send("close-period", customer_id=customer, period="2026-11")
    corrected = desk.send("correct-work", ticket=ticket, entry_id="w-1", duration_seconds=1800, reason="a slip")
    assert {"WorkCorrected", "WorkRevised"} <= set(types_of(corrected))
    revised: Any = desk.events(f"subscription-{subscription_of(desk, customer)}")[-1].event
    assert [(credit.source, credit.seconds) for credit in revised.credits] == [("allowance", 1800)]
