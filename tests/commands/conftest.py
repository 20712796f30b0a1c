"""A desk founded for each test, with a customer and a case."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from commands.dispatch import Handler
from tests.desk import Desk


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Desk]:
    """A desk founded in a schema of its own."""
    opened = Desk(database, schema)
    yield opened
    opened.application.close()


@pytest.fixture
def customer(desk: Desk) -> str:
    """Return the id of a customer with a subscription."""
    return desk.customer()


@pytest.fixture
def ticket(desk: Desk, customer: str) -> str:
    """Return the id of a customer's open case."""
    return desk.ticket(customer)


@pytest.fixture
def rival() -> Callable[[Handler, Callable[[], object]], Handler]:
    """Return a maker of handlers between whose decision and append somebody else is quicker, once."""

    def make(handler: Handler, quicker: Callable[[], object]) -> Handler:
        pending = [quicker]

        def handle(work: Any, settings: Any, data: Mapping[str, Any]) -> Any:
            outcome = handler(work, settings, data)
            if pending:
                pending.pop()()
            return outcome

        return handle

    return make
