"""SIGTERM under load: who was let in gets an answer, who comes later is refused, and what was acknowledged is there."""

import http.client
import json
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from api.http.server import KILL_AFTER_SECONDS
from infra import supervisor
from tests.api.http.test_server import Server, free_port
from tests.e2e.clients import Clients, notes_of, open_cases
from tests.e2e.desk_process import DeskProcess

CLIENTS = 24


def waiting_reader(port: int, authorization: dict[str, str]) -> http.client.HTTPConnection:
    """Ask for what no view will show, so that the request is still under way when the desk is told to stop."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/v1/queue?min_position=9000000000&wait_ms=3000", headers=authorization)
    return connection


def acknowledged_to(clients: Clients) -> dict[str, int]:
    """Return the keys acknowledged, once each client has met a closed door.

    At most its last request may have met it closing: sent while the server let go of its connection, and never read.
    That the log has nothing but what was acknowledged shows that it was not accepted.
    """
    clients.join()
    assert clients.counts().keys() <= {0, 200, 503}
    assert clients.counts()[0] <= CLIENTS
    return {each.key: 1 for each in clients.outcomes if each.status == 200}


def test_a_desk_told_to_stop_under_load_finishes_what_it_has_accepted(folder: Path) -> None:
    with DeskProcess(folder) as desk:
        tickets = open_cases(lambda command, **data: desk.command(command, **data).json, CLIENTS)
        with Clients(desk.port, desk.authorization(), tickets) as clients:
            reader = waiting_reader(desk.port, desk.authorization())
            clients.wait_for(200, 300)
            assert desk.stop(signal.SIGTERM) == 0
            acknowledged = acknowledged_to(clients)
            with closing(reader):
                answer = reader.getresponse()
                assert (answer.status, json.load(answer)["code"]) == (503, "view_behind")
        assert "killed" not in desk.output.read_text(), "it did not stop in time"

        desk.start()
        notes = notes_of(lambda after: desk.get(f"/v1/events?after={after}&limit=500").json["items"])
        assert notes == acknowledged


@pytest.fixture
def server(postgres_dsn: str, schema: str) -> Iterator[Server]:
    running = Server(postgres_dsn, schema, free_port(), CASELOG_THREADS="16")
    running.wait_until_ready()
    yield running
    if running.process.poll() is None:
        running.stop()


def test_an_api_told_to_stop_under_load_finishes_what_it_has_accepted(server: Server) -> None:
    def command(name: str, /, **data: object) -> object:
        return server.request("POST", f"/v1/commands/{name}", data)[2]

    tickets = open_cases(command, CLIENTS)
    with Clients(server.port, server.headers, tickets) as clients:
        reader = waiting_reader(server.port, server.headers)
        clients.wait_for(200, 300)
        assert "Traceback" not in server.stop()
        assert server.process.returncode == 0
        acknowledged = acknowledged_to(clients)
        with closing(reader):
            assert reader.getresponse().status == 503
    with closing(psycopg2.connect(server.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT data->'body'->>'text', count(*) FROM {server.schema}.events WHERE type = 'NoteAdded.v1' GROUP BY 1"
        )
        notes = {text.removeprefix("note "): count for text, count in cursor.fetchall()}
    assert notes == acknowledged


def test_whoever_runs_the_processes_waits_longer_for_the_api_than_the_api_for_its_workers() -> None:
    assert supervisor.STOP_SECONDS >= KILL_AFTER_SECONDS + 5
