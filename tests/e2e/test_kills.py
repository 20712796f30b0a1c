"""Kill -9 under load: every acknowledged command is in the log, once, and a repeat is told so."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.e2e.desk_process import DeskProcess, Reply

CLIENTS = 8
ACKNOWLEDGED_BETWEEN_KILLS = 200
PATIENCE_SECONDS = 60
PERSON = {"name": "Ada Guest", "email": "ada@example.com"}


class Load:
    """Clients that add notes, each to its own case, and repeat each request under its key until it is acknowledged."""

    def __init__(self, desk: DeskProcess, tickets: list[str]) -> None:
        self.acknowledged: dict[str, bytes] = {}
        self.repeated = 0
        self.wrong: list[str] = []
        self._desk = desk
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._send, args=(ticket,)) for ticket in tickets]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more commands were acknowledged."""
        with self._changed:
            enough = len(self.acknowledged) + count
            assert self._changed.wait_for(
                lambda: len(self.acknowledged) >= enough or self.wrong, timeout=PATIENCE_SECONDS
            ), f"only {len(self.acknowledged)} of {enough} acknowledged"
        assert not self.wrong

    def send_note(self, ticket: str, key: str) -> Reply:
        return self._desk.command(
            "add-note", key=key, ticket=ticket, author={"role": "staff", **PERSON}, body=f"note {key}"
        )

    def _send(self, ticket: str) -> None:
        number = 0
        while not self._over.is_set():
            key = f"{ticket}/{number}"
            reply = self._until_acknowledged(ticket, key)
            if reply is None:
                return
            with self._changed:
                self.acknowledged[key] = reply.body
                self._changed.notify_all()
            number += 1

    def _until_acknowledged(self, ticket: str, key: str) -> Reply | None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        reply = Reply(0, {}, b"never answered")
        while time.monotonic() < deadline:
            try:
                reply = self.send_note(ticket, key)
            except OSError as error:
                reply = Reply(0, {}, str(error).encode())
            if reply.status == 200:
                return reply
            if reply.status not in {0, 503}:
                break
            self.repeated += 1
            time.sleep(0.02)  # the client cannot know when the service is back
        with self._changed:
            self.wrong.append(f"{key}: {reply.status} {reply.body!r}")
            self._changed.notify_all()
        return None


def kill_api_workers(desk: DeskProcess) -> None:
    for process in desk.processes("api")[1:]:
        process.kill()


def kill_api(desk: DeskProcess) -> None:
    for process in desk.processes("api"):
        process.kill()


def kill_postgres(desk: DeskProcess) -> None:
    postmaster = desk.postmaster()
    postmaster.kill()
    psutil.wait_procs([postmaster], timeout=20)


KILLS: list[Callable[[DeskProcess], None]] = [kill_api_workers, kill_postgres, kill_api, kill_postgres]


@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.soak)])
def test_no_acknowledged_command_is_lost_or_doubled_by_kills(folder: Path, kills: int) -> None:
    with DeskProcess(folder) as desk:
        desk.command("register-customer", customer_id="alpine", name="Alpine", contacts=[], products=[])
        tickets = [
            desk.command(
                "open-ticket",
                customer_id="alpine",
                requester=PERSON,
                category="how_to",
                subject=f"Case {number}",
                description="How?",
            ).json["result"]["ticket_id"]
            for number in range(CLIENTS)
        ]
        with Load(desk, tickets) as load:
            for number in range(kills):
                load.wait_for_more(ACKNOWLEDGED_BETWEEN_KILLS)
                KILLS[number % len(KILLS)](desk)
            load.wait_for_more(ACKNOWLEDGED_BETWEEN_KILLS)

        notes, positions = _notes_in_the_log(desk)
        assert not load.wrong
        assert load.repeated > 0, "no kill met a request: this shows nothing"
        lost = [key for key in load.acknowledged if f"note {key}" not in notes]
        doubled = [body for body, count in notes.items() if count > 1]
        assert (lost, doubled) == ([], [])
        assert positions == list(range(1, len(positions) + 1)), "positions have no gap"
        for key in list(load.acknowledged)[:: max(1, len(load.acknowledged) // 50)]:
            again = load.send_note(key.rpartition("/")[0], key)
            assert again.body == load.acknowledged[key]
            assert again.headers["idempotency-replayed"] == "true"


def _notes_in_the_log(desk: DeskProcess) -> tuple[dict[str, int], list[int]]:
    """Return how often each note is in the log, and all positions."""
    notes: dict[str, int] = {}
    positions: list[int] = []
    while True:
        page = desk.get(f"/v1/events?after={positions[-1] if positions else 0}&limit=500").json["items"]
        if not page:
            return notes, positions
        for event in page:
            positions.append(event["position"])
            if event["type"] == "NoteAdded.v1":
                body = event["data"]["body"]["text"]
                notes[body] = notes.get(body, 0) + 1
