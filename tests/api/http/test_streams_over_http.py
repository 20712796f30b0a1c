"""Long lists over a real connection: how much memory they take, and what becomes of them when something breaks."""

import csv
import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
import psycopg2
import pytest
from msgspec.structs import fields
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from api.http.streaming.body import BROKEN_OFF
from api.http.streaming.forms import CSV, NDJSON
from api.http.streaming.limits import end_stalled
from commands.wire.examples import EXAMPLES
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from projections.ticket import TicketRow
from tests.api.http.test_server import HOST, Server, free_port
from tests.waiting import eventually

CUSTOMER = EXAMPLES["register-customer"]
COMMANDS = {
    "register-customer": CUSTOMER,
    "start-subscription": {"customer_id": CUSTOMER["customer_id"], "plan": "standard"},
    "open-ticket": {
        "customer_id": CUSTOMER["customer_id"],
        "requester": {"name": "Ann Lee", "email": "ann@example.com"},
        "category": "how_to",
        "subject": "Rates, and where they are",
        "description": "How do I change a rate?",
    },
}
ROWS = 100_000
MOST_GROWTH_BYTES = 20_000_000
PART = 65_536
WAIT_SECONDS = 120


class Desk:
    """A desk with long lists, served by a real process."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @property
    def worker(self) -> psutil.Process:
        """The process that answers."""
        worker: psutil.Process = eventually(self._worker, WAIT_SECONDS)
        return worker

    def _worker(self) -> psutil.Process | None:
        found = [each for each in psutil.Process(self.server.process.pid).children() if _serves(each)]
        return found[0] if len(found) == 1 else None

    @contextmanager
    def get(self, path: str, form: str, *, patient: bool = True) -> Iterator[http.client.HTTPResponse]:
        """Ask for a list and give the answer, to be read or not; a patient client waits for a place."""
        with closing(http.client.HTTPConnection(HOST, self.server.port, timeout=WAIT_SECONDS)) as connection:

            def ask() -> http.client.HTTPResponse | None:
                connection.request("GET", path, headers={**self.server.headers, "Accept": form})
                answer = connection.getresponse()
                if patient and answer.status == 503 and b"too_many_streams" in answer.peek():
                    answer.read()
                    return None
                return answer

            yield eventually(ask, WAIT_SECONDS)

    def whole(self, path: str, form: str) -> tuple[int, bytes]:
        """Return the status and all of a list."""
        with self.get(path, form) as answer:
            return answer.status, answer.read()

    def lines_and_growth(self, path: str, form: str) -> tuple[int, int]:
        """Read a list to its end; return its lines, and by how many bytes the memory of the process grew."""
        worker = self.worker
        before = peak = worker.memory_info().rss
        lines = 0
        with self.get(path, form) as answer:
            assert answer.status == 200
            while part := answer.read(PART):
                lines += part.count(b"\n")
                peak = max(peak, worker.memory_info().rss)
        return lines, peak - before

    @contextmanager
    def database(self) -> Iterator[Cursor]:
        """Give a session of its own, which is not one of the service's."""
        with closing(psycopg2.connect(self.server.dsn, options=f"-c search_path={self.server.schema}")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def sessions_that_read(self) -> list[int]:
        """The process ids of the service's sessions that are in a transaction on the cases."""
        with self.database() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_locks WHERE relation = %s::regclass AND pid <> pg_backend_pid()",
                (f"{self.server.schema}.ticket",),
            )
            return [pid for (pid,) in cursor.fetchall()]

    def files_put_by(self) -> int:
        """How many temporary files the process has open."""
        found = 0
        for each in Path(f"/proc/{self.worker.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed meanwhile
                found += each.readlink().name.endswith("(deleted)")
        return found


def _serves(child: psutil.Process) -> bool:
    try:
        return "resource_tracker" not in " ".join(child.cmdline())
    except psutil.Error:
        return False


@pytest.fixture(scope="module")
def desk(postgres_dsn: str) -> Iterator[Desk]:
    schema = f"test_{token_hex(6)}"
    server = Server(postgres_dsn, schema, free_port())
    try:
        server.wait_until_ready()
        for command, data in COMMANDS.items():
            status, _, body = server.request("POST", f"/v1/commands/{command}", data)
            assert status in {200, 201}, body
        projector = Projector(postgres_dsn, schema, VIEWS)
        projector.start()
        try:
            status, _, body = server.request("GET", f"/v1/tickets?min_position={body['position']}&wait_ms=20000")
            assert status == 200, body
        finally:
            projector.stop()
        desk = Desk(server)
        with desk.database() as cursor:
            multiply(cursor)
        yield desk
    finally:
        server.stop()
        with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def multiply(cursor: Cursor) -> None:
    """Make many cases of the one in the view, and many events of the last in the log."""
    own = {"ticket_id": "'copy-' || n", "case_number": "'N-' || n", "received_at": "t.received_at - n * interval '1 s'"}
    columns = [field.name for field in fields(TicketRow)]
    cursor.execute(
        f"INSERT INTO ticket ({', '.join(columns)}) SELECT {', '.join(own.get(each, f't.{each}') for each in columns)}"
        " FROM ticket t, generate_series(2, %s) n",
        (ROWS,),
    )
    append_copies(cursor, ROWS)


def append_copies(cursor: Cursor, count: int) -> None:
    """Append so many events like the last of the log, each in a stream and with an id of its own."""
    cursor.execute(
        "INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at) SELECT e.position + n,"
        " 'copy-' || (e.position + n), 1, type, data,"
        " replace(metadata::text, metadata ->> 'event_id', 'event-' || (e.position + n))::json, recorded_at"
        " FROM events e, log_head h, generate_series(1, %s) n WHERE e.position = h.position",
        (count,),
    )
    cursor.execute("UPDATE log_head SET position = position + %s", (count,))
    cursor.execute("ANALYZE events")


# Memory


@pytest.mark.parametrize("form", [CSV, NDJSON])
def test_a_list_of_100_000_rows_hardly_takes_memory(desk: Desk, form: str) -> None:
    desk.lines_and_growth("/v1/tickets?limit=100", form)
    lines, growth = desk.lines_and_growth("/v1/tickets", form)
    assert lines == ROWS + (form == CSV)
    assert growth < MOST_GROWTH_BYTES


def test_the_feed_hardly_takes_memory(desk: Desk) -> None:
    desk.lines_and_growth("/v1/events?limit=500", NDJSON)
    lines, growth = desk.lines_and_growth("/v1/events", NDJSON)
    assert lines > ROWS
    assert growth < MOST_GROWTH_BYTES / 4, "more would be too much at a million events (`make soak`)"


@pytest.mark.soak
def test_the_feed_of_a_million_events_hardly_takes_memory(desk: Desk) -> None:
    with desk.database() as cursor:
        append_copies(cursor, 1_000_000)
    desk.lines_and_growth("/v1/events?limit=500", NDJSON)
    for form in (NDJSON, CSV):
        lines, growth = desk.lines_and_growth("/v1/events", form)
        assert lines > 1_000_000
        assert growth < MOST_GROWTH_BYTES


# What breaks


def test_a_list_whose_database_goes_away_is_answered_with_a_problem(desk: Desk) -> None:
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(desk.whole, "/v1/tickets", CSV)
        [session] = eventually(desk.sessions_that_read, WAIT_SECONDS)
        with desk.database() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (session,))
        status, body = asked.result()
    assert (status, json.loads(body)["code"]) == (503, "unavailable")
    assert desk.whole("/v1/tickets?limit=10", CSV)[0] == 200, "the next one finds a place and a connection"


def test_the_database_is_free_while_a_client_takes_its_list(desk: Desk) -> None:
    others = desk.files_put_by()
    with desk.get("/v1/tickets", CSV) as answer:
        answer.read(PART)
        assert desk.sessions_that_read() == []
        assert desk.files_put_by() == others + 1
        with desk.get("/v1/customers", CSV, patient=False) as refused:
            assert refused.status == 503
            assert json.load(refused)["code"] == "too_many_streams"
            assert int(refused.headers["Retry-After"]) >= 1
        assert desk.server.request("GET", "/v1/tickets?limit=1")[0] == 200, "others are answered"
    eventually(lambda: desk.files_put_by() == others, WAIT_SECONDS)
    assert desk.whole("/v1/customers", CSV)[0] == 200, "the client has gone and left its place"


def test_a_feed_that_was_cut_goes_on_after_the_last_line_without_gap_or_double(desk: Desk) -> None:
    seen: list[Any] = []
    first = after = ROWS // 2
    head, cuts = -1, 0
    while after != head:
        with desk.get(f"/v1/events?after={after}", NDJSON) as answer:
            head = int(answer.headers["Caselog-Position"])
            rest = b""
            while part := answer.read(PART):
                *lines, rest = (rest + part).split(b"\n")
                seen += [json.loads(line) for line in lines]
                if cuts < 5 and len(seen) > after - first + 5_000:
                    cuts += 1  # in the middle of a line
                    break
            else:
                assert rest == b""
        after = seen[-1]["position"]
    assert cuts == 5
    assert [each["position"] for each in seen] == list(range(first + 1, head + 1))
    assert len({(each["source"], each["id"]) for each in seen}) == len(seen)


def test_a_feed_that_fails_ends_in_the_middle_of_a_line_and_can_be_gone_on_with(desk: Desk) -> None:
    with desk.database() as cursor, desk.get("/v1/events", NDJSON) as answer:
        read = answer.read(PART)
        cursor.execute("ALTER TABLE events RENAME TO away")
        try:
            while part := answer.read(PART):
                read += part
        finally:
            cursor.execute("ALTER TABLE away RENAME TO events")
    *lines, rest = read.split(b"\n")
    assert rest == BROKEN_OFF
    last = json.loads(lines[-1])["position"]
    assert last == len(lines) < ROWS
    _, body = desk.whole(f"/v1/events?after={last}&limit=1", NDJSON)
    assert json.loads(body)["position"] == last + 1


@pytest.mark.parametrize("form", [CSV, NDJSON])
def test_what_a_broken_feed_ends_with_is_no_line(form: str) -> None:
    with pytest.raises((csv.Error, ValueError)):
        json.loads(BROKEN_OFF) if form == NDJSON else list(csv.reader([BROKEN_OFF.decode()], strict=True))


def test_a_client_that_takes_nothing_is_given_up_by_the_kernel() -> None:
    with socket.create_server((HOST, 0)) as listening, socket.create_connection(listening.getsockname()) as client:
        server, _ = listening.accept()
        with server:
            port = listening.getsockname()[1]
            end_stalled(port, 0.3)
            option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert (server.getsockopt(*option), listening.getsockopt(*option)) == (300, 300)
            assert client.getsockopt(*option) == 0, "another port's"
            with pytest.raises(TimeoutError):
                while True:
                    server.sendall(bytes(PART))


def test_a_worker_that_dies_does_not_leave_a_part_for_the_whole(desk: Desk) -> None:
    with desk.get("/v1/tickets", CSV) as answer:
        read = answer.read(PART)
        desk.worker.kill()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            read += answer.read()
        assert 0 < read.count(b"\n") < ROWS
