"""A backup of a desk that works, made into a desk in another data folder: it is the same desk, and goes on."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.keys import DEVELOPMENT_KEY
from tests.e2e.desk_process import ROOT, DeskProcess
from tests.e2e.test_kills import PERSON, Load

DENVER = ZoneInfo("America/Denver")
CLIENTS = 4
BEFORE = 150
"""Commands acknowledged before the backup is begun."""


@pytest.fixture
def other_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="caselog-restored-") as name:
        Path(name).chmod(0o711)  # as root the database runs as a user that has to pass
        yield Path(name)


def caselog(data: Path, *arguments: str) -> str:
    """Run a command at the desk of a data folder, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *arguments],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")},
            "CASELOG_DATA": str(data),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def events_of(desk: DeskProcess, until: int | None = None) -> list[Any]:
    """The events of a desk from its feed, up to a position."""
    found: list[Any] = []
    while True:
        page = desk.get(f"/v1/events?after={found[-1]['position'] if found else 0}&limit=500").json["items"]
        found += [event for event in page if until is None or event["position"] <= until]
        if not page or (until is not None and page[-1]["position"] >= until):
            return found


def open_case(desk: DeskProcess, number: int) -> str:
    reply = desk.command(
        "open-ticket",
        customer_id="alpine",
        requester=PERSON,
        category="technical_error",
        subject=f"Case {number}",
        description="How?",
    )
    return str(reply.json["result"]["ticket_id"])


def test_a_backup_taken_under_load_is_the_same_desk_elsewhere(folder: Path, other_folder: Path) -> None:
    file = other_folder / "desk.backup"
    with DeskProcess(folder) as desk:
        now = datetime.now(UTC)
        started_at = (now - timedelta(hours=1)).isoformat()
        desk.command("register-customer", customer_id="alpine", name="Alpine", contacts=[PERSON], products=["website"])
        desk.command(
            "start-subscription", customer_id="alpine", plan="standard", starts_on=str(now.date() - timedelta(days=40))
        )
        tickets = [open_case(desk, number) for number in range(CLIENTS)]
        worked = [
            desk.command(
                "log-work",
                key=f"work-on-{ticket}",
                ticket=ticket,
                agent="kim",
                duration_seconds=2400,
                activity="research",
                started_at=started_at,
            )
            for ticket in tickets
        ]
        assert [reply.status for reply in worked] == [200] * CLIENTS, worked[0].body
        with Load(desk, tickets) as load:
            load.wait_for_more(BEFORE)
            acknowledged = dict(load.acknowledged)
            told = caselog(desk.data, "backup", "--to", str(file))
            load.wait_for_more(BEFORE)
        assert not load.wrong
        head = int(told.split(": ")[1].split(" ")[0].replace(",", ""))

        said = caselog(other_folder / "data", "restore", str(file))
        assert "The desk is restored" in said
        assert said.count("compared at position") == said.count(": the same.") > 10

        # The callers keep their keys: a request is repeated by who has sent it.
        shutil.copy(desk.data / DEVELOPMENT_KEY, other_folder / "data")
        with DeskProcess(other_folder) as restored:
            events = events_of(restored, head)
            assert [event["position"] for event in events] == list(range(1, head + 1))
            assert events == events_of(desk, head)
            notes = {event["data"]["body"]["text"] for event in events if event["type"] == "NoteAdded.v1"}
            assert {f"note {key}" for key in acknowledged} <= notes
            period = f"period={(now - timedelta(hours=1)).astimezone(DENVER):%Y-%m}&min_position={head}"
            bill = f"/v1/customers/alpine/statement?{period}"
            bills = [{**each.get(bill).json, "as_of_position": head} for each in (restored, desk)]
            assert bills[0] == bills[1]
            assert bills[0]["totals"]["worked_seconds"] == 2400 * CLIENTS
            for ticket in tickets:
                history = f"/v1/tickets/{ticket}/history?position={head}"
                assert restored.get(history).json == desk.get(history).json

            again = Load(restored, tickets)
            for key, answer in list(acknowledged.items())[:: max(1, len(acknowledged) // 20)]:
                repeat = again.send_note(key.rpartition("/")[0], key)
                assert (repeat.body, repeat.headers["idempotency-replayed"]) == (answer, "true")
            repeat = restored.command(
                "log-work",
                key=f"work-on-{tickets[0]}",
                ticket=tickets[0],
                agent="kim",
                duration_seconds=2400,
                activity="research",
                started_at=started_at,
            )
            assert repeat.body == worked[0].body

            with Load(restored, [open_case(restored, 99)]) as more:
                more.wait_for_more(20)
            assert not more.wrong
            positions = [event["position"] for event in events_of(restored)]
            assert positions == list(range(1, len(positions) + 1))
            assert len(positions) > head + 20
