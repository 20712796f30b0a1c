"""Views in a database beside the desk's own: read there where it shows all that a question needs."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from psycopg2.extensions import parse_dsn

from api.http.parameters import AS_OF
from api.http.queries.catalogue import QUERIES
from api.http.services import ViewsDatabase
from infra.metrics.exposition import Metrics
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool, connect
from infra.projection.builds import begin_build, switch
from infra.projection.feed import MOST_EVENTS, read_batch
from infra.projection.positions import Announcer, ViewPositions
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections import customer, queue, ticket
from projections.catalogue import VIEWS
from projections.view import View
from tests.api.http.conftest import Api, json_of, problem_of
from tests.api.http.test_as_of_position import asked, steps, timeless
from tests.waiting import eventually

OF_ONE = {"ticket", "customer", "budget", "subscription", "ticket-sla"}
"""Questions about one case or customer that are asked."""


class Elsewhere:
    """A database for views on the tests' server, and a client of an application that knows of it."""

    def __init__(self, api: Api, dsn: str, desk: str) -> None:
        self.api, self.dsn, self.desk = api, dsn, desk
        self.pool = ConnectionPool(dsn, api.schema, 4)
        self.positions = ViewPositions(dsn, api.schema, poll_seconds=0.1)
        self.positions.start()
        other = ViewsDatabase(self.pool, self.positions)
        self.client: FlaskClient = api.client_of(replace(api.services, views_database=other))

    def close(self) -> None:
        self.positions.stop()
        self.pool.close()

    def feed(self, view: View, up_to: int | None = None) -> None:
        """Bring a view in the other database up to the log, as workers do it from the topic."""
        with (
            closing(view_connection(self.dsn, self.api.schema, view)) as connection,
            closing(connect(self.desk, self.api.schema)) as desk,
        ):
            with connection, connection.cursor() as cursor:
                build = begin_build(cursor, view, "kafka")
            runner = BuildRunner(connection, view, build)
            batch = read_batch(desk, 0, up_to or MOST_EVENTS)
            runner.apply(batch)
            with connection, connection.cursor() as cursor:
                switch(cursor, view, runner.build_at)
        eventually(lambda: self.positions.shows({view.name: view.version}))
        assert self.positions.wait_for([view.name], batch.position, 10)

    def sql(self, statement: str) -> None:
        with closing(connect(self.dsn, self.api.schema)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def get(self, path: str, **parameters: Any) -> Any:
        return self.client.get(path, query_string={name: str(value) for name, value in parameters.items()})


@pytest.fixture
def elsewhere(api: Api, postgres_dsn: str, other_database: str) -> Iterator[Elsewhere]:
    migrate(other_database, api.schema)
    other = Elsewhere(api, other_database, postgres_dsn)
    yield other
    other.close()


@pytest.fixture(scope="module", autouse=True)
def lived(api: Api) -> None:
    for _ in steps(api):
        pass


def test_every_question_is_answered_from_there_as_from_the_desk(api: Api, elsewhere: Elsewhere) -> None:
    for view in VIEWS:
        elsewhere.feed(view)
    told: set[str] = set()
    for query in QUERIES:
        if not query.views or ("<" in query.path and query.name not in OF_ONE):
            continue
        path = query.path.replace("<ticket>", "C-000001").replace("<customer>", "customer-1")
        for parameters in asked(query.name):
            here, there = api.get(path, **parameters), elsewhere.get(path, **parameters)
            assert there.status_code == here.status_code == 200, (path, there.text)
            assert timeless(json_of(there)) == timeless(json_of(here)), path
            told.add(query.name)
    assert len(told) >= 15, told


def test_what_is_shown_there_is_read_there_and_nothing_else(api: Api, elsewhere: Elsewhere) -> None:
    elsewhere.feed(ticket.VIEW)
    elsewhere.sql(f"UPDATE {_table(elsewhere, 'ticket')} SET subject = 'from there'")
    assert {item["subject"] for item in json_of(elsewhere.get("/v1/tickets"))["items"]} == {"from there"}
    assert json_of(elsewhere.get("/v1/tickets/C-000001"))["subject"] == "from there"
    # the queue is not there; missed deadlines need more than that
    assert json_of(elsewhere.get("/v1/queue")) == api.answer("/v1/queue")
    assert timeless(json_of(elsewhere.get("/v1/tickets/C-000001/sla"))) == timeless(
        api.answer("/v1/tickets/C-000001/sla")
    )


def test_a_whole_list_is_streamed_from_there(elsewhere: Elsewhere) -> None:
    elsewhere.feed(ticket.VIEW)
    elsewhere.sql(f"UPDATE {_table(elsewhere, 'ticket')} SET subject = 'from there'")
    answer = elsewhere.client.get("/v1/tickets", headers={"Accept": "text/csv"}, buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) > 3
    assert {row["subject"] for row in rows} == {"from there"}


def test_the_past_is_made_of_the_log_in_the_desk_s_own_database(api: Api, elsewhere: Elsewhere) -> None:
    elsewhere.feed(ticket.VIEW)
    elsewhere.sql(f"UPDATE {_table(elsewhere, 'ticket')} SET subject = 'from there'")
    earlier = {AS_OF: api.position - 5}
    assert json_of(elsewhere.get("/v1/tickets", **earlier)) == api.answer("/v1/tickets", **earlier)


def test_who_asks_after_a_position_waits_for_the_database_that_is_read(api: Api, elsewhere: Elsewhere) -> None:
    elsewhere.feed(customer.VIEW, up_to=api.position - 3)
    answer = elsewhere.get("/v1/customers", min_position=api.position, wait_ms=0)
    assert problem_of(answer, 503)["code"] == "view_behind"
    assert elsewhere.get("/v1/queue", min_position=api.position, wait_ms=10_000).status_code == 200
    announcer = Announcer(elsewhere.dsn, api.schema)
    announcer.start()
    elsewhere.sql(f"UPDATE projections SET position = {api.position}")
    announcer.announce({"customer": api.position})
    answer = elsewhere.get("/v1/customers", min_position=api.position, wait_ms=10_000)
    announcer.stop()
    assert json_of(answer)["as_of_position"] == api.position


def test_a_view_that_is_there_in_another_version_is_read_in_the_desk_s_own_database(
    api: Api, elsewhere: Elsewhere
) -> None:
    elsewhere.feed(queue.VIEW)
    elsewhere.sql("UPDATE projections SET version = version + 1")
    eventually(lambda: not elsewhere.positions.shows({"queue": queue.VIEW.version}))
    elsewhere.sql(f"DELETE FROM {_table(elsewhere, 'queue')}")
    assert json_of(elsewhere.get("/v1/queue")) == api.answer("/v1/queue")


def test_a_requester_sees_there_what_is_theirs_and_nothing_else(api: Api, elsewhere: Elsewhere) -> None:
    elsewhere.feed(ticket.VIEW)
    own, other = json_of(elsewhere.get("/v1/tickets/C-000001"))["customer_id"], api.customer()
    for customer_id, status in ((own, 200), (other, 404)):
        key = {"Authorization": f"Bearer {api.key('requester', customer_id)}"}
        assert elsewhere.client.get("/v1/tickets/C-000001", headers=key).status_code == status
        found = json_of(elsewhere.client.get("/v1/tickets", headers=key))["items"]
        assert bool(found) == (customer_id == own)


def test_the_views_of_both_databases_are_listed_with_their_place(elsewhere: Elsewhere) -> None:
    elsewhere.feed(queue.VIEW, up_to=20)
    items = json_of(elsewhere.get("/v1/projections"))["items"]
    assert sum(item["database"] == "desk" for item in items) >= len(VIEWS)
    [there] = [item for item in items if item["database"] == "views"]
    assert (there["view"], there["position"]) == ("queue", 20)
    assert there["lag_events"] > 0
    assert there["lag_seconds"] > 0


def test_figures_tell_of_the_views_there(api: Api, elsewhere: Elsewhere, postgres_dsn: str) -> None:
    elsewhere.feed(queue.VIEW, up_to=20)
    with closing(ConnectionPool(postgres_dsn, api.schema, 2)) as desk:
        text = Metrics(desk, elsewhere.pool).text().decode()
        assert "caselog_views_database_reachable 1.0" in text
        assert 'caselog_views_database_position{view="queue"} 20.0' in text
        assert 'caselog_views_database_parked_keys{view="queue"} 0.0' in text
        elsewhere.pool.close()
        text = Metrics(desk, elsewhere.pool).text().decode()
    assert "caselog_views_database_reachable 0.0" in text
    assert "caselog_log_position " in text


def test_when_it_is_away_its_views_are_answered_503_and_all_else_goes_on(
    api: Api, elsewhere: Elsewhere, postgres_dsn: str
) -> None:
    elsewhere.feed(queue.VIEW)
    assert json_of(elsewhere.get("/health/ready"))["views_database"] == "ready"
    with closing(psycopg2.connect(postgres_dsn)) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {parse_dsn(elsewhere.dsn)['dbname']} WITH (FORCE)")
    answer = elsewhere.get("/v1/queue")
    assert problem_of(answer, 503)["code"] == "unavailable"
    assert "database of these views cannot be reached" in problem_of(answer, 503)["detail"]
    ready = elsewhere.get("/health/ready")
    assert (ready.status_code, json_of(ready)["views_database"]) == (200, "unavailable")
    assert {item["database"] for item in json_of(elsewhere.get("/v1/projections"))["items"]} == {"desk"}
    assert elsewhere.get("/v1/tickets").status_code == 200
    assert elsewhere.client.post("/v1/commands/add-note", json=_note(api)).status_code == 200


def _note(api: Api) -> dict[str, Any]:
    author = {"role": "staff", "name": "Jo", "email": "jo@desk.example"}
    ticket_id = api.ticket(api.customer())["ticket_id"]
    return {"ticket": ticket_id, "author": author, "body": "Seen."}


def _table(elsewhere: Elsewhere, name: str) -> str:
    with closing(connect(elsewhere.dsn, elsewhere.api.schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT build FROM projections WHERE view = %s AND live", (name,))
        [(build,)] = cursor.fetchall()
    return f"{name}_b{build}"
