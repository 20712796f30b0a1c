"""Customers: who they are and which products they have."""

from datetime import datetime
from typing import Literal, assert_never

from msgspec import UNSET, UnsetType

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


class UpdateCustomer(Value, frozen=True, kw_only=True):
    """Change what the desk knows of a customer; what is left out stays as it is."""

    now: datetime
    name: Personal | UnsetType = UNSET
    contacts: tuple[Person, ...] | UnsetType = UNSET
    products: tuple[Product, ...] | UnsetType = UNSET
    account_manager: str | UnsetType = UNSET


CustomerCommand = RegisterCustomer | UpdateCustomer
CustomerEvent = CustomerRegistered | CustomerUpdated


class Profile(Value, frozen=True, kw_only=True):
    """What the desk knows of a customer."""

    name: Personal
    contacts: tuple[Person, ...]
    products: tuple[Product, ...]
    account_manager: str | None


class Customer(Value, frozen=True, kw_only=True):
    """A customer as it is now, and as it was registered: a registration that comes again is compared with both."""

    customer_id: str
    profile: Profile
    registered: Profile


class CustomerExists(Refusal):
    """An id names one customer; registering it again with other data is no way to change them."""

    code = "customer_exists"
    pointer = "/customer_id"


class CustomerNotRegistered(Refusal):
    """Only a customer that was registered can be changed."""

    code = "customer_not_registered"
    pointer = "/customer_id"


def decide(command: CustomerCommand, state: Customer | None) -> list[CustomerEvent]:
    """Decide a command. Raises `CustomerExists` or `CustomerNotRegistered`."""
    match command:
        case RegisterCustomer():
            return _register(command, state)
        case UpdateCustomer():
            return _update(command, state)
        case _ as never:
            assert_never(never)


def _register(command: RegisterCustomer, state: Customer | None) -> list[CustomerEvent]:
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
    if _profile(event) in (state.registered, state.profile):
        return []
    raise CustomerExists(f"customer {command.customer_id} is registered with other data")


def _update(command: UpdateCustomer, state: Customer | None) -> list[CustomerEvent]:
    if state is None:
        raise CustomerNotRegistered("the customer has not been registered")
    known = state.profile
    event = CustomerUpdated(
        occurred_at=command.now,
        customer_id=state.customer_id,
        name=known.name if command.name is UNSET else command.name,
        contacts=known.contacts if command.contacts is UNSET else command.contacts,
        products=known.products if command.products is UNSET else command.products,
        account_manager=known.account_manager if command.account_manager is UNSET else command.account_manager,
    )
    return [] if _profile(event) == known else [event]


def evolve(state: Customer | None, event: CustomerEvent) -> Customer:
    """Fold an event; each has the whole profile."""
    profile = _profile(event)
    registered = profile if state is None else state.registered
    return Customer(customer_id=event.customer_id, profile=profile, registered=registered)


def _profile(event: CustomerEvent) -> Profile:
    return Profile(
        name=event.name,
        contacts=event.contacts,
        products=event.products,
        account_manager=event.account_manager,
    )
