"""A release starts while readers still see what another one made of the log: they are told to wait, and of no fault."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from tests.api.http.conftest import Api, problem_of

UNREADABLE = {
    "rows of another form": 'UPDATE {table} SET history = \'{{"none": "of ours"}}\'',
    "a column that is not there": "ALTER TABLE {table} DROP COLUMN case_number CASCADE;"
    " CREATE VIEW sla AS TABLE {table}",
}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_what_another_release_made_and_this_one_cannot_read_is_behind(
    api: Api, postgres_dsn: str, unreadable: str
) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    api.answer(f"/v1/tickets/{ticket}/sla")
    with _sla_spoilt(api, postgres_dsn, unreadable) as cursor:
        cursor.execute("UPDATE projections SET version = version - 1 WHERE view = 'sla' AND live")
        answer = api.client.get(f"/v1/tickets/{ticket}/sla")
        problem = problem_of(answer, 503)
        assert problem["code"] == "view_behind"
        assert problem["detail"].startswith("sla is not built yet")
        assert int(answer.headers["Retry-After"]) >= 1
        assert api.client.get("/v1/queue").status_code == 200, "other views are read as ever"

        cursor.execute("UPDATE projections SET version = version + 1 WHERE view = 'sla' AND live")
        problem = problem_of(api.client.get(f"/v1/tickets/{ticket}/sla"), 500)
        assert problem["code"] == "internal_error", "of this release's own making that is a fault"


def test_what_was_never_built_is_behind(api: Api, postgres_dsn: str) -> None:
    """As on a desk whose API is up before its first projector."""
    with closing(psycopg2.connect(postgres_dsn, options=f"-c search_path={api.schema}")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER VIEW sla RENAME TO sla_to_come; UPDATE projections SET live = false WHERE view = 'sla'"
            )
            try:
                problem = problem_of(api.client.get("/v1/sla"), 503)
            finally:
                cursor.execute(
                    "ALTER VIEW sla_to_come RENAME TO sla; UPDATE projections SET live = true WHERE view = 'sla'"
                )
    assert (problem["code"], problem["detail"][:20]) == ("view_behind", "sla is not built yet")


@contextmanager
def _sla_spoilt(api: Api, postgres_dsn: str, how: str) -> Iterator[Cursor]:
    """Put a spoilt copy in the place of the rows that readers see, and take it away again."""
    with closing(psycopg2.connect(postgres_dsn, options=f"-c search_path={api.schema}")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE spoilt AS TABLE sla")
            cursor.execute("SELECT pg_get_viewdef('sla'::regclass)")
            [(definition,)] = cursor.fetchall()
            cursor.execute("CREATE OR REPLACE VIEW sla AS TABLE spoilt")
            try:
                cursor.execute(how.format(table="spoilt"))
                yield cursor
            finally:
                cursor.execute(f"DROP TABLE spoilt CASCADE; CREATE VIEW sla AS {definition}")
