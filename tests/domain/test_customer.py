from datetime import UTC, datetime

import msgspec
import pytest

from domain.customer import Customer, CustomerExists, CustomerRegistered, RegisterCustomer, decide, evolve
from domain.personal import Person, Personal
from tests.spec import Decider

customer: Decider[RegisterCustomer, Customer, CustomerRegistered] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANN = Person(name=Personal("Ann"), email=Personal("ann@inn.example"))

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


def test_a_customer_is_registered_with_all_that_is_known() -> None:
    customer.given().when(REGISTER).then(REGISTERED)


def test_the_same_registration_again_changes_nothing() -> None:
    later = msgspec.structs.replace(REGISTER, now=datetime(2027, 1, 1, tzinfo=UTC))
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
