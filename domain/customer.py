"""Customers: who they are and which products they have."""

from typing import Literal

from domain.event import Event
from domain.personal import Person, Personal

Product = Literal["website", "distribution", "boost", "hub"]


class CustomerRegistered(Event, frozen=True, kw_only=True):
    """A customer became known to the desk."""

    customer_id: str
    name: Personal
    contacts: tuple[Person, ...] = ()
    products: tuple[Product, ...] = ()
    account_manager: str | None = None
