from datetime import UTC, datetime

import msgspec
import pytest

from domain.customer import (
    Customer,
    CustomerCommand,
    CustomerEvent,
    CustomerExists,
    CustomerNotRegistered,
    CustomerRegistered,
    CustomerUpdated,
    RegisterCustomer,
    UpdateCustomer,
    decide,
    evolve,
)
from domain.personal import Person, Personal
from tests.spec import Decider

customer: Decider[CustomerCommand, Customer, CustomerEvent] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
ANN = Person(name=Personal("Ann"), email=Personal("ann@inn.example"))
BOB = Person(name=Personal("Bob"), email=Personal("bob@inn.example"))

REGISTER = RegisterCustomer(
    now=NOW,
    customer_id="c-1",
    name=Personal("The Inn"),
    contacts=(ANN,),
    products=("website", "hub"),
    account_manager="Max",
)
REGISTERED = CustomerRegistered(
    occurred_at=NOW,
    customer_id="c-1",
    name=Personal("The Inn"),
    contacts=(ANN,),
    products=("website", "hub"),
    account_manager="Max",
)
RENAMED = CustomerUpdated(
    occurred_at=LATER,
    customer_id="c-1",
    name=Personal("The Grand Inn"),
    contacts=(ANN,),
    products=("website", "hub"),
    account_manager="Max",
)


def test_a_customer_is_registered_with_all_that_is_known() -> None:
    customer.given().when(REGISTER).then(REGISTERED)


def test_the_same_registration_again_changes_nothing() -> None:
    later = msgspec.structs.replace(REGISTER, now=LATER)
    customer.given(REGISTERED).when(later).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(REGISTER, name=Personal("The Other Inn")),
        msgspec.structs.replace(REGISTER, contacts=()),
        msgspec.structs.replace(REGISTER, products=("website",)),
        msgspec.structs.replace(REGISTER, account_manager=None),
    ],
)
def test_an_id_with_other_data_is_refused(other: RegisterCustomer) -> None:
    customer.given(REGISTERED).when(other).then_refused(CustomerExists)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (UpdateCustomer(now=LATER, name=Personal("The Grand Inn")), "name", Personal("The Grand Inn")),
        (UpdateCustomer(now=LATER, contacts=(ANN, BOB)), "contacts", (ANN, BOB)),
        (UpdateCustomer(now=LATER, contacts=()), "contacts", ()),
        (UpdateCustomer(now=LATER, products=("boost",)), "products", ("boost",)),
        (UpdateCustomer(now=LATER, account_manager="Mia"), "account_manager", "Mia"),
    ],
)
def test_an_update_changes_what_it_names_and_keeps_the_rest(change: UpdateCustomer, field: str, value: object) -> None:
    updated = msgspec.structs.replace(RENAMED, **{"name": REGISTERED.name, field: value})
    customer.given(REGISTERED).when(change).then(updated)


def test_an_update_builds_on_the_update_before_it() -> None:
    customer.given(REGISTERED, RENAMED).when(UpdateCustomer(now=LATER, contacts=(BOB,))).then(
        msgspec.structs.replace(RENAMED, contacts=(BOB,))
    )


@pytest.mark.parametrize("same", [UpdateCustomer(now=LATER), UpdateCustomer(now=LATER, name=RENAMED.name)])
def test_an_update_to_what_is_known_changes_nothing(same: UpdateCustomer) -> None:
    customer.given(REGISTERED, RENAMED).when(same).then_nothing()


def test_the_registration_and_the_present_data_may_come_again_after_an_update() -> None:
    customer.given(REGISTERED, RENAMED).when(REGISTER).then_nothing()
    customer.given(REGISTERED, RENAMED).when(msgspec.structs.replace(REGISTER, name=RENAMED.name)).then_nothing()
    third = msgspec.structs.replace(REGISTER, name=Personal("A third name"))
    customer.given(REGISTERED, RENAMED).when(third).then_refused(CustomerExists)


def test_nobody_is_updated_before_being_registered() -> None:
    customer.given().when(UpdateCustomer(now=NOW, name=Personal("The Inn"))).then_refused(CustomerNotRegistered)
