"""Views that workers keep in another database than the desk's: what is there is what the log makes, also under load."""

from contextlib import ExitStack, closing

import msgspec
import pytest
from structlog.testing import capture_logs

from infra.kafka.reconcile.views import Progress, reconcile_view
from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from infra.projection.comparing import Difference
from infra.projection.positions import ViewPositions
from infra.projection.projector import Projector
from infra.projection.rebuild import take_back
from projections import ledger, queue, ticket
from projections.view import View
from tests.infra.kafka.workers.conftest import WAIT_SECONDS, FedDesk
from tests.waiting import eventually

VIEWS = (ticket.VIEW, queue.VIEW, ledger.VIEW)


@pytest.fixture
def there(fed: FedDesk, other_database: str, stack: ExitStack) -> ViewPositions:
    """How far the views are that workers keep in the other database."""
    migrate(other_database, fed.schema)
    positions = ViewPositions(other_database, fed.schema)
    positions.start()
    stack.callback(positions.stop)
    return positions


def reconciled(
    fed: FedDesk, other: str, view: View, progress: Progress = lambda _phase, _done, _total: None
) -> tuple[int, list[Difference]]:
    told: list[Difference] = []
    found = reconcile_view(other, fed.dsn, fed.schema, view, differs=told.append, progress=progress)
    assert found is not None
    assert sum(found.rows.values()) > 0
    return found.position, told


def test_views_in_another_database_are_what_the_log_makes_while_they_go_on(
    fed: FedDesk, other_database: str, there: ViewPositions, stack: ExitStack
) -> None:
    head = fed.append(1_500)
    projector = Projector(fed.dsn, fed.schema, VIEWS)
    here = ViewPositions(fed.dsn, fed.schema)
    for part in (projector, here):
        part.start()
        stack.callback(part.stop)
    stack.enter_context(fed.relaying())
    stack.enter_context(fed.working(*VIEWS, site=msgspec.structs.replace(fed.site, views=other_database)))
    names = [view.name for view in VIEWS]
    assert there.wait_for(names, head, WAIT_SECONDS)
    eventually(lambda: there.shows({view.name: view.version for view in VIEWS}))

    def go_on(phase: str, done: int, _total: int) -> None:
        """While the view is compared, let it go on: what is compared is as it stood before."""
        nonlocal head
        if (phase, done) == ("comparing", 0):
            head = fed.append(600)
            assert there.wait_for([view.name], head, WAIT_SECONDS)

    for view in VIEWS:
        before = head
        position, told = reconciled(fed, other_database, view, go_on)
        assert (position, told) == (before, [])
        assert head > before
        assert there.wait_for(names, head, WAIT_SECONDS)
    assert here.wait_for(names, head, WAIT_SECONDS), "the projector left the desk's own views alone"
    for view in VIEWS:
        assert reconciled(fed, other_database, view) == (head, [])


def test_a_view_that_is_taken_back_is_left_alone_by_its_workers(
    fed: FedDesk, other_database: str, there: ViewPositions, stack: ExitStack
) -> None:
    head = fed.append(1_400)
    stack.enter_context(fed.relaying())
    stack.enter_context(fed.working(queue.VIEW, site=msgspec.structs.replace(fed.site, views=other_database)))
    assert there.wait_for(["queue"], head, WAIT_SECONDS)
    with capture_logs() as lines:
        assert take_back(other_database, fed.schema, queue.VIEW) is not None
        fed.append(100)
        eventually(lambda: [line for line in lines if line["event"] == "view left to the log"])
    eventually(lambda: not there.shows({"queue": queue.VIEW.version}))
    with closing(connect(other_database, fed.schema)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT live, state, fed_by FROM projections")
            assert cursor.fetchall() == [(False, "ready", "kafka")]


def test_workers_of_both_databases_share_no_partitions(
    fed: FedDesk, other_database: str, there: ViewPositions, stack: ExitStack
) -> None:
    head = fed.append(200)
    fed.publish()
    stack.enter_context(fed.working(queue.VIEW))
    stack.enter_context(fed.working(queue.VIEW, site=msgspec.structs.replace(fed.site, views=other_database)))
    assert there.wait_for([queue.VIEW.name], head, 20)
    here = fed.await_fed(queue.VIEW)
    with closing(connect(other_database, fed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT build FROM projections WHERE view = %s", (queue.VIEW.name,))
        assert cursor.fetchall() == [(here.build,)], (
            "the builds have one number, so only a name tells their groups apart"
        )
