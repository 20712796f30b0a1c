"""Two timekeepers as processes: whichever leads, and however it ends, everything happens once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from domain.subscription.events import GrantExpired, MonthStarted
from domain.ticket.events import CustomerReminded, IncidentResolutionAnnounced, ServiceLevelBreached
from tests.standing import MONDAY, Standing

ROOT = Path(__file__).parents[2]


@contextmanager
def timekeeper(desk: Standing) -> Iterator[subprocess.Popen[bytes]]:
    """Run `caselog timekeeper` in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "timekeeper"], cwd=ROOT, env={**clean, **desk.environment}
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_of_two_timekeepers_one_is_killed_and_nothing_is_lost_or_done_twice(database: str, schema: str) -> None:
    with ExitStack() as stack:
        desk = Standing(database, schema, stack)
        first = stack.enter_context(timekeeper(desk))
        desk.at(MONDAY)
        customer = desk.customer()
        tickets = [desk.ticket(customer) for _ in range(6)]
        desk.send("declare-incident", incident_id="storm", title="Storm", text="…")
        for ticket in tickets:
            desk.send("link-incident", ticket=ticket, incident="storm")
            desk.send("wait-for-customer", ticket=ticket, reason="Which room?")
        stack.enter_context(timekeeper(desk))
        desk.at(MONDAY + timedelta(days=3))
        desk.send("resolve-incident", incident="storm", text="Over.")
        first.send_signal(signal.SIGKILL)
        desk.at(MONDAY + timedelta(days=40))

        for ticket in tickets:
            stream_id = f"ticket-{ticket}"
            assert [each.clock for each in desk.of(stream_id, ServiceLevelBreached)] == ["first_response"]
            assert [each.number for each in desk.of(stream_id, CustomerReminded)] == [1, 2, 3]
            assert len(desk.of(stream_id, IncidentResolutionAnnounced)) == 1
        stream_id = desk.subscription(customer)
        assert [each.month for each in desk.of(stream_id, MonthStarted)] == ["2037-11", "2037-12"]
        assert [each.expired.grant for each in desk.of(stream_id, GrantExpired)] == ["2037-11"]
