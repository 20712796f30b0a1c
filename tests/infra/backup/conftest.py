"""A desk with a few cases, some of its views built, and another schema to restore it into."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from infra.projection.rebuild import rebuild
from projections import ledger, queue
from tests.desk import Desk


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Desk]:
    """A desk with three cases, work that is billed, answers that are kept, and the views queue and ledger."""
    made = Desk(database, schema)
    with closing(made.application):
        customer_id = made.customer()
        for number in range(3):
            ticket = made.ticket(customer_id, subject=f"Case {number}\twith a tab, a \\ and a line\nbreak, and é")
            made.send(
                "log-work",
                ticket=ticket,
                agent="kim",
                duration_seconds=1800,
                activity="research",
                started_at=made.clock.now() - timedelta(hours=1),
                key=f"work {number}",
            )
        for view in (queue.VIEW, ledger.VIEW):
            rebuild(database, schema, view)
        yield made


@pytest.fixture
def empty(schema_elsewhere: str) -> str:
    """The name of a schema that is not there."""
    return schema_elsewhere
