"""Commands about customers and what they subscribed to."""

from collections.abc import Mapping
from typing import Any

import uuid_utils
from msgspec import UNSET

from commands.errors import UnknownPlan
from commands.handlers.personal import person, personal
from commands.handlers.streams import customer_stream, existing_customer, subscription_of
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import UnitOfWork
from domain import customer as customers
from domain.customer import RegisterCustomer, UpdateCustomer
from domain.plan import TermsChange
from domain.subscription import decider as subscriptions
from domain.subscription.commands import BuyHours, StartSubscription
from domain.subscription.state import evolve


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
    """Subscribe a customer to a plan. Result: `subscription_id`.

    Refused: `subscription_exists`, `plan_not_in_force`, `invalid_terms`, `wrong_currency`.
    """
    customer_id = data["customer_id"]
    existing_customer(work, customer_id)
    plan = settings.plan(data["plan"])
    if plan is None:
        raise UnknownPlan(f"there is no plan {data['plan']!r}", pointer="/plan")
    desk = settings.desk()
    stream_id = work.holder("live_subscription", customer_id)
    if stream_id is None:
        stream_id = f"subscription-{uuid_utils.uuid7()}"
        work.claim("live_subscription", customer_id, stream_id)
    stream = work.stream(stream_id, evolve, customer_id=customer_id)
    subscription_id = stream_id.removeprefix("subscription-")
    work.guard([plan.guard])
    command = StartSubscription(
        now=work.now,
        subscription_id=subscription_id,
        customer_id=customer_id,
        plan=plan.state,
        terms=TermsChange(**data.get("terms", {})),
        zone=desk.zone,
        currency=desk.currency,
        starts_on=data.get("starts_on"),
    )
    stream.add(subscriptions.decide(command, stream.state))
    return Outcome(
        stream=stream,
        location=f"/v1/customers/{customer_id}/subscription",
        result={"subscription_id": subscription_id},
        created=True,
    )


def buy_hours(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Buy a pack of hours. Result: `pack_id`. Refused: `no_subscription`, `hours_not_in_steps` and others."""
    customer_id = data["customer_id"]
    existing_customer(work, customer_id)
    stream = subscription_of(work, customer_id)
    work.expect(stream)
    pack_id = str(uuid_utils.uuid7())
    command = BuyHours(now=work.now, pack_id=pack_id, hours=data["hours"], effective_from=data.get("effective_from"))
    stream.add(subscriptions.decide(command, stream.state))
    return Outcome(stream=stream, location=f"/v1/customers/{customer_id}/subscription", result={"pack_id": pack_id})
