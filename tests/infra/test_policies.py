"""Policies react to each event of the log, and what they ask for happens once, whoever runs them and however often."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from commands.dispatch import Handler
from commands.handlers.catalogue import HANDLERS
from commands.memory import Memory
from commands.policies.incidents import ANNOUNCE_RESOLUTION
from commands.policies.policy import POLICIES
from domain.incident import IncidentResolved
from domain.personal import Personal
from domain.ticket.events import IncidentResolutionAnnounced
from infra import policies
from infra.policies import PolicyRunner, PositionMoved
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions
from projections import progress
from tests.desk import Desk, body_of


class Reacting:
    """A desk with an incident, and runners of its policies."""

    def __init__(self, dsn: str, schema: str, stack: ExitStack) -> None:
        self.desk = Desk(dsn, schema)
        stack.callback(self.desk.application.close)
        self.dsn, self.schema = dsn, schema
        self.pool = ConnectionPool(dsn, schema, 8, 5)
        stack.callback(self.pool.close)
        self.customer = self.desk.customer()
        self.desk.send("declare-incident", incident_id="storm", title="Storm", text="The data centre is flooded.")

    def linked(self) -> str:
        """Open a case that the incident caused, and return its ticket's id."""
        ticket = self.desk.ticket(self.customer)
        self.desk.send("link-incident", ticket=ticket, incident="storm")
        return ticket

    def resolve(self) -> None:
        self.desk.send("resolve-incident", incident="storm", text="Dry again.")

    def runner(self, handlers: Mapping[str, Handler] | None = None) -> PolicyRunner:
        """Return a runner as another process has one, some of its handlers replaced."""
        return PolicyRunner(
            self.dsn,
            self.schema,
            [ANNOUNCE_RESOLUTION],
            application=self.desk.application,
            dispatcher=self.desk.dispatcher_with(handlers or {}),
            pool=self.pool,
        )

    def announced(self, ticket: str) -> list[Any]:
        return [
            each for each in self.desk.events(f"ticket-{ticket}") if isinstance(each.event, IncidentResolutionAnnounced)
        ]

    def progress(self) -> Any:
        with self.pool.connection() as connection:
            return {each["view"]: each for each in progress.of_views(connection)}[POLICIES]

    def execute(self, statement: str) -> None:
        with self.pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.fixture
def reacting(database: str, schema: str) -> Iterator[Reacting]:
    with ExitStack() as stack:
        yield Reacting(database, schema, stack)


def everything(runner: PolicyRunner) -> None:
    while runner.react():
        pass


def test_each_linked_case_is_told_once_that_the_incident_is_over_and_why_it_was(reacting: Reacting) -> None:
    tickets = [reacting.linked() for _ in range(3)]
    runner = reacting.runner()
    everything(runner)
    assert [reacting.announced(ticket) for ticket in tickets] == [[], [], []]

    reacting.resolve()
    everything(runner)
    everything(reacting.runner())
    (cause,) = [each for each in reacting.desk.events("incident-storm") if isinstance(each.event, IncidentResolved)]
    for ticket in tickets:
        (told,) = reacting.announced(ticket)
        assert told.event.text == Personal("Dry again.")
        assert told.metadata.causation_id == cause.metadata.event_id
        assert told.metadata.correlation_id == cause.metadata.correlation_id
        assert told.metadata.actor == "policy incident resolution"


def test_for_a_case_that_was_merged_the_one_that_goes_on_is_told_and_once_if_it_is_linked_itself(
    reacting: Reacting,
) -> None:
    source, survivor = reacting.linked(), reacting.linked()
    reacting.desk.send("merge-ticket", ticket=source, into=survivor)
    reacting.resolve()
    everything(reacting.runner())
    assert [len(reacting.announced(ticket)) for ticket in (source, survivor)] == [0, 1]


def test_after_a_crash_between_command_and_checkpoint_nothing_happens_twice(reacting: Reacting) -> None:
    ticket = reacting.linked()
    reacting.resolve()
    everything(reacting.runner())
    reacting.execute("UPDATE projections SET position = 0 WHERE view = 'policies'")
    everything(reacting.runner())
    assert len(reacting.announced(ticket)) == 1
    assert reacting.progress()["lag_events"] == 0


def test_two_runners_at_once_tell_each_case_once(reacting: Reacting) -> None:
    tickets = [reacting.linked() for _ in range(8)]
    reacting.resolve()
    start = threading.Barrier(2)

    def race() -> None:
        runner = reacting.runner()
        start.wait()
        with suppress(PositionMoved):  # the other was quicker
            everything(runner)

    rivals = [threading.Thread(target=race) for _ in range(2)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert [len(reacting.announced(ticket)) for ticket in tickets] == [1] * 8


def test_a_command_that_fails_is_parked_and_tried_again_while_the_others_go_on(reacting: Reacting) -> None:
    broken, well = reacting.linked(), reacting.linked()
    reacting.resolve()
    announce = HANDLERS["announce-incident-resolution"]

    def failing(work: Any, settings: Any, data: Any) -> Any:
        if data["ticket"] == broken:
            raise ArithmeticError("out of luck")
        return announce(work, settings, data)

    with capture_logs() as logged:
        everything(reacting.runner({"announce-incident-resolution": failing}))
    (line,) = [each for each in logged if each["log_level"] == "error"]
    assert (line["command"], line["correlation_id"]) == ("announce-incident-resolution", "a test")
    assert len(reacting.announced(well)) == 1
    assert (reacting.progress()["parked_keys"], reacting.progress()["lag_events"]) == (1, 0)

    after_restart = reacting.runner()
    after_restart.retry_parked()
    assert len(reacting.announced(broken)) == len(reacting.announced(well)) == 1
    assert reacting.progress()["parked_keys"] == 0


def test_an_event_that_cannot_be_read_is_parked(reacting: Reacting) -> None:
    ticket = reacting.linked()
    reacting.desk.send("declare-incident", incident_id="other", title="Other", text="…")
    reacting.desk.send("resolve-incident", incident="other", text="Over.")
    reacting.execute("UPDATE events SET data = '{}' WHERE type = 'IncidentResolved.v1'")
    reacting.resolve()
    everything(reacting.runner())
    assert len(reacting.announced(ticket)) == 1
    assert reacting.progress()["parked_keys"] == 1


def test_more_events_than_fit_into_a_batch_are_all_taken(reacting: Reacting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MOST_EVENTS", 3)
    tickets = []
    for incident in ("one", "two", "three", "four"):
        reacting.desk.send("declare-incident", incident_id=incident, title="Storm", text="…")
        ticket = reacting.desk.ticket(reacting.customer)
        reacting.desk.send("link-incident", ticket=ticket, incident=incident)
        reacting.desk.send("resolve-incident", incident=incident, text="Over.")
        tickets.append(ticket)
    everything(reacting.runner())
    assert [len(reacting.announced(ticket)) for ticket in tickets] == [1] * 4
    assert reacting.progress()["lag_events"] == 0


def test_who_is_stopped_in_the_middle_leaves_the_rest_to_the_next(reacting: Reacting) -> None:
    tickets = [reacting.linked() for _ in range(4)]
    reacting.resolve()
    announce = HANDLERS["announce-incident-resolution"]

    def stopping(*arguments: Any) -> Any:
        stopped.request_stop()
        return announce(*arguments)

    stopped = reacting.runner({"announce-incident-resolution": stopping})
    everything(stopped)
    assert sum(len(reacting.announced(ticket)) for ticket in tickets) == 1
    everything(reacting.runner())
    assert [len(reacting.announced(ticket)) for ticket in tickets] == [1] * 4


def test_a_command_that_a_rule_refuses_has_had_its_answer(reacting: Reacting) -> None:
    reacting.linked()
    reacting.resolve()
    reacting.execute("UPDATE events SET stream_id = 'ticket-gone' WHERE stream_id LIKE 'ticket-%'")
    reacting.desk.application.memory = Memory()  # of a log that nobody can change
    everything(reacting.runner())
    assert reacting.progress()["parked_keys"] == 0


def test_a_running_runner_hears_of_events_at_once_and_tells_its_position(reacting: Reacting) -> None:
    ticket = reacting.linked()
    runner = reacting.runner()
    thread = threading.Thread(target=runner.run)
    positions = ViewPositions(reacting.dsn, reacting.schema)
    positions.start()
    thread.start()
    try:
        answer = body_of(reacting.desk.send("resolve-incident", incident="storm", text="Dry again."))
        assert positions.wait_for([POLICIES], answer["position"], 20)
        assert len(reacting.announced(ticket)) == 1
    finally:
        runner.request_stop()
        thread.join()
        positions.stop()


def test_of_two_running_runners_one_leads_and_the_other_takes_over(reacting: Reacting) -> None:
    first, second = reacting.runner(), reacting.runner()
    threads = [threading.Thread(target=runner.run) for runner in (first, second)]
    positions = ViewPositions(reacting.dsn, reacting.schema)
    positions.start()
    try:
        for thread in threads:
            thread.start()
        first.request_stop()
        threads[0].join()
        ticket = reacting.linked()
        answer = body_of(reacting.desk.send("resolve-incident", incident="storm", text="Dry again."))
        assert positions.wait_for([POLICIES], answer["position"], 20)
        assert len(reacting.announced(ticket)) == 1
    finally:
        second.request_stop()
        threads[1].join()
        positions.stop()


def test_what_an_import_brought_leads_to_nothing(reacting: Reacting) -> None:
    reacting.desk.imported = "old desk"
    ticket = reacting.linked()
    reacting.resolve()
    everything(reacting.runner())
    assert reacting.announced(ticket) == []
    assert reacting.progress()["lag_events"] == 0
