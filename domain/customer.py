"""Customers: who they are and which products they have."""

from datetime import datetime
from typing import Literal

from domain.event import Event, Value
from domain.personal import Person, Personal
from domain.refusal import Refusal

Product = Literal["website", "distribution", "boost", "hub"]


class CustomerRegistered(Event, frozen=True, kw_only=True):
    """A customer became known to the desk."""

    customer_id: str
    name: Personal
    contacts: tuple[Person, ...] = ()
    products: tuple[Product, ...] = ()
    account_manager: str | None = None


class CustomerUpdated(Event, frozen=True, kw_only=True):
    """What the desk knows of a customer changed; all of it is as it is now."""

    customer_id: str
    name: Personal
    contacts: tuple[Person, ...] = ()
    products: tuple[Product, ...] = ()
    account_manager: str | None = None


class RegisterCustomer(Value, frozen=True, kw_only=True):
    """Make a customer known to the desk."""

    now: datetime
    customer_id: str
    name: Personal
    contacts: tuple[Person, ...] = ()
    products: tuple[Product, ...] = ()
    account_manager: str | None = None


class Customer(Value, frozen=True, kw_only=True):
    """A customer as registered."""

    customer_id: str
    name: Personal
    contacts: tuple[Person, ...]
    products: tuple[Product, ...]
    account_manager: str | None


class CustomerExists(Refusal):
    """An id names one customer; registering it again with other data is no way to change them."""

    code = "customer_exists"
    pointer = "/customer_id"


def decide(command: RegisterCustomer, state: Customer | None) -> list[CustomerRegistered]:
    """Register the customer, once. Raises `CustomerExists` if the id is known with other data."""
    event = CustomerRegistered(
        occurred_at=command.now,
        customer_id=command.customer_id,
        name=command.name,
        contacts=command.contacts,
        products=command.products,
        account_manager=command.account_manager,
    )
    if state is None:
        return [event]
    if evolve(None, event) == state:
        return []
    raise CustomerExists(f"customer {command.customer_id} is registered with other data")


def evolve(_state: Customer | None, event: CustomerRegistered) -> Customer:
    """Fold the registration."""
    return Customer(
        customer_id=event.customer_id,
        name=event.name,
        contacts=event.contacts,
        products=event.products,
        account_manager=event.account_manager,
    )
