"""Commands about customers and what they subscribed to."""

from collections.abc import Mapping
from typing import Any

import uuid_utils
from msgspec import UNSET

from commands.errors import UnknownPlan
from commands.handlers.personal import person, personal
from commands.handlers.streams import customer_stream, existing_customer, subscription_of, subscription_with_id
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain import customer as customers
from domain.customer import RegisterCustomer, UpdateCustomer
from domain.plan import Plan, TermsChange
from domain.subscription import decider as subscriptions
from domain.subscription.commands import BuyHours, CancelSubscription, ChangePlan, ClosePeriod, StartSubscription
from domain.subscription.state import Subscription, evolve


def register_customer(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Make a customer known. Result: `customer_id`. Refused: `customer_exists`."""
    customer_id = data.get("customer_id") or str(uuid_utils.uuid7())
    stream = customer_stream(work, customer_id)
    command = RegisterCustomer(
        now=work.now,
        customer_id=customer_id,
        name=personal(data["name"]),
        contacts=tuple(person(contact) for contact in data["contacts"]),
        products=tuple(data["products"]),
        account_manager=data.get("account_manager"),
    )
    stream.add(customers.decide(command, stream.state))
    return Outcome(
        stream=stream, location=f"/v1/customers/{customer_id}", result={"customer_id": customer_id}, created=True
    )


def update_customer(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Change what is known of a customer; what is left out stays. Result: `customer_id`."""
    customer_id = data["customer_id"]
    existing_customer(work, customer_id)
    stream = customer_stream(work, customer_id)
    work.expect(stream)
    command = UpdateCustomer(
        now=work.now,
        name=personal(data["name"]) if "name" in data else UNSET,
        contacts=tuple(person(contact) for contact in data["contacts"]) if "contacts" in data else UNSET,
        products=tuple(data["products"]) if "products" in data else UNSET,
        account_manager=data.get("account_manager", UNSET),
    )
    stream.add(customers.decide(command, stream.state))
    return Outcome(stream=stream, location=f"/v1/customers/{customer_id}", result={"customer_id": customer_id})


def start_subscription(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Subscribe a customer to a plan; after a cancellation the same subscription starts again (SUPPORT_POLICY B2).

    Result: `subscription_id`. Refused: `subscription_exists`, `plan_not_in_force`, `starts_too_early`, `invalid_terms`,
    `wrong_currency`.
    """
    customer_id = data["customer_id"]
    existing_customer(work, customer_id)
    plan = _plan(work, settings, data["plan"])
    desk = settings.desk()
    stream_id = work.holder("live_subscription", customer_id)
    is_first = stream_id is None
    if stream_id is None:
        stream_id = f"subscription-{uuid_utils.uuid7()}"
        work.claim("live_subscription", customer_id, stream_id)
    stream = work.stream(stream_id, evolve, customer_id=customer_id)
    command = StartSubscription(
        now=work.now,
        subscription_id=stream_id.removeprefix("subscription-"),
        customer_id=customer_id,
        plan=plan,
        terms=TermsChange(**data.get("terms", {})),
        zone=desk.zone,
        currency=desk.currency,
        starts_on=data.get("starts_on"),
    )
    stream.add(subscriptions.decide(command, stream.state))
    return _outcome(stream, customer_id, created=is_first)


def change_plan(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Let a subscription go on by other terms from the first day of a month (SUPPORT_POLICY B2).

    Result: `subscription_id`. Refused: `no_subscription`, `not_first_of_month`, `month_has_begun`, `plan_not_in_force`,
    `invalid_terms`, `wrong_currency`.
    """
    stream, customer_id = _subscription_named(work, data)
    command = ChangePlan(
        now=work.now,
        plan=_plan(work, settings, data["plan"]),
        terms=TermsChange(**data.get("terms", {})),
        currency=settings.desk().currency,
        effective_on=data.get("effective_on"),
    )
    stream.add(subscriptions.decide(command, stream.state))
    return _outcome(stream, customer_id)


def cancel_subscription(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """End a subscription with a month (SUPPORT_POLICY B2).

    Result: `subscription_id`. Refused: `no_subscription`, `month_has_ended`, `ends_before_start`.
    """
    stream, customer_id = _subscription_named(work, data)
    command = CancelSubscription(now=work.now, reason=personal(data["reason"]), effective_on=data.get("effective_on"))
    stream.add(subscriptions.decide(command, stream.state))
    return _outcome(stream, customer_id)


def close_period(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Freeze a customer's oldest open month, once it has ended (SUPPORT_POLICY B8).

    Result: `subscription_id`. Refused: `no_subscription`, `period_not_ended`, `period_not_oldest`,
    `period_before_start`.
    """
    stream, customer_id = _subscription_named(work, data)
    stream.add(subscriptions.decide(ClosePeriod(now=work.now, period=data["period"]), stream.state))
    return _outcome(stream, customer_id)


def buy_hours(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Buy a pack of hours. Result: `pack_id`. Refused: `no_subscription`, `hours_not_in_steps` and others."""
    stream, customer_id = _subscription_named(work, data)
    pack_id = str(uuid_utils.uuid7())
    command = BuyHours(now=work.now, pack_id=pack_id, hours=data["hours"], effective_from=data.get("effective_from"))
    stream.add(subscriptions.decide(command, stream.state))
    return Outcome(stream=stream, location=f"/v1/customers/{customer_id}/subscription", result={"pack_id": pack_id})


def _subscription_named(work: UnitOfWork, data: Mapping[str, Any]) -> tuple[Stream[Subscription], str]:
    """Load the subscription that a request names, by its id or its customer's, and hold it against `If-Match`.

    Returns its customer's id too. Raises `UnknownSubscription`, `UnknownCustomer`, `NoSubscription` or
    `VersionMismatch`.
    """
    if "subscription_id" in data:
        stream, state = subscription_with_id(work, data["subscription_id"])
        customer_id = state.customer_id
    else:
        customer_id = data["customer_id"]
        existing_customer(work, customer_id)
        stream = subscription_of(work, customer_id)
    work.expect(stream)
    return stream, customer_id


def _plan(work: UnitOfWork, settings: Settings, name: str) -> Plan:
    """Return a plan, which must not have changed when the decision is appended. Raises `UnknownPlan`."""
    plan = settings.plan(name)
    if plan is None:
        raise UnknownPlan(f"there is no plan {name!r}", pointer="/plan")
    work.guard([plan.guard])
    return plan.state


def _outcome(stream: Stream[Subscription], customer_id: str, *, created: bool = False) -> Outcome:
    return Outcome(
        stream=stream,
        location=f"/v1/customers/{customer_id}/subscription",
        result={"subscription_id": stream.id.removeprefix("subscription-")},
        created=created,
    )
