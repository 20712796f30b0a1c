"""`caselog up` as its user meets it: started, asked, stopped, killed, started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import folder_for_a_desk
from tests.e2e.desk_process import ROOT, DeskProcess, free_port
from tests.waiting import eventually

PERSON = {"name": "Ada Guest", "email": "ada@example.com"}


@pytest.fixture
def desk(folder: Path) -> Iterator[DeskProcess]:
    with DeskProcess(folder) as running:
        yield running


@pytest.fixture(scope="module")
def lasting() -> Iterator[DeskProcess]:
    """A desk for all those tests after which it is as well as before, but for what its log has."""
    with folder_for_a_desk() as folder, DeskProcess(folder, CASELOG_ACCESS_LOG="1") as running:
        yield running


def open_case(desk: DeskProcess) -> str:
    """Register a customer with a subscription, open a case and return its number."""
    desk.command("register-customer", customer_id="alpine", name="Alpine", contacts=[PERSON], products=["website"])
    desk.command("start-subscription", customer_id="alpine", plan="standard")
    answer = desk.command(
        "open-ticket",
        customer_id="alpine",
        requester=PERSON,
        category="technical_error",
        subject="Rates are wrong",
        description="The weekend shows weekday rates.",
    )
    assert answer.status == 201, answer.body
    case_number: str = answer.json["result"]["case_number"]
    return case_number


BEGUN = {
    "api": "listening",
    "project": "keeping the views",
    "timekeeper": "recording what falls due",
    "deliver": "sending to webhooks",
}
DATABASE_AGAIN = "PostgreSQL has ended and is started again"


def logged(desk: DeskProcess) -> list[dict[str, object]]:
    return [json.loads(line) for line in desk.output.read_text().splitlines() if line.startswith("{")]


def is_ready(desk: DeskProcess) -> bool:
    try:
        return desk.get("/health/ready").status == 200
    except OSError:
        return False


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process is over, be it that nobody has asked for its exit code yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_one_cases_whole_life(desk: DeskProcess) -> None:
    case = open_case(desk)
    start = (datetime.now(UTC) - timedelta(minutes=40)).isoformat()
    assert desk.command("assign-ticket", ticket=case, agent="kim").status == 200
    logged = desk.command(
        "log-work", ticket=case, agent="kim", started_at=start, duration_seconds=2400, activity="research"
    ).json
    assert [(draw["source"], draw["seconds"]) for draw in logged["result"]["draws"]] == [("allowance", 2700)]
    desk.command("wait-for-customer", ticket=case, reason="Which weekend?")
    answered = desk.command("add-reply", ticket=case, author={"role": "requester", **PERSON}, body="This one.").json
    position = answered["position"]

    (item,) = desk.get(f"/v1/queue?min_position={position}").json["items"]
    assert (item["case_number"], item["status"], item["assignee"]) == (case, "open", "kim")
    sla = desk.get(f"/v1/tickets/{case}/sla?min_position={position}").json
    assert {clock["clock"] for clock in sla["clocks"]} == {"first_response", "resolution"}
    period = desk.get("/v1/customers/alpine/subscription").json["month"]
    statement = desk.get(f"/v1/customers/alpine/statement?period={period}&min_position={position}").json
    assert statement["totals"]["worked_seconds"] == 2400
    assert statement["totals"]["owed_cents"] == 15000

    desk.command("resolve-ticket", ticket=case, resolution="The rates are right now.")
    desk.command("reopen-ticket", ticket=case, reason="They are not.")
    desk.command("resolve-ticket", ticket=case, resolution="Now they are.")
    closed = desk.command("close-ticket", ticket=case, reason="confirmed").json
    assert desk.get(f"/v1/queue?min_position={closed['position']}").json["items"] == []
    history = desk.get(f"/v1/tickets/{case}/history").json["items"]
    assert [event["type"] for event in history] == [
        "TicketOpened.v1",
        "TicketAssigned.v1",
        "WorkLogged.v1",
        "WaitingStarted.v1",
        "CustomerReplied.v1",
        "TicketResumed.v1",
        "TicketResolved.v1",
        "TicketReopened.v1",
        "TicketResolved.v1",
        "TicketClosed.v1",
    ]


def test_the_figures_of_all_processes_are_one_answer(lasting: DeskProcess) -> None:
    def figure(name: str, **labels: str) -> float:
        families = text_string_to_metric_families(lasting.get("/metrics").body.decode())
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(each.value for each in samples if labels.items() <= each.labels.items())

    opened = {"command": "open-ticket", "outcome": "accepted"}
    before = figure("caselog_commands_total", **opened)
    open_case(lasting)
    assert figure("caselog_commands_total", **opened) == before + 1  # the API's
    eventually(lambda: figure("caselog_view_events_total", view="queue") >= before + 1)  # the projector's
    # The timekeeper's: of the subscription, whose month begins.
    eventually(lambda: figure("caselog_commands_total", command="note-budget-use", outcome="accepted") >= 1)
    (worker,) = lasting.workers()
    worker.kill()
    eventually(lambda: worker not in lasting.workers() and is_ready(lasting))
    assert figure("caselog_commands_total", **opened) == before + 1  # nothing is forgotten


def test_lines_of_the_log_are_json_and_name_process_and_work(lasting: DeskProcess) -> None:
    lasting.get("/v1/queue", **{"X-Correlation-Id": "work-1"})
    eventually(lambda: {line["process"] for line in logged(lasting)} >= {"api", "project", "timekeeper", "deliver"})
    lines = logged(lasting)
    assert all({"timestamp", "level", "event", "pid"} <= set(line) for line in lines)
    (line,) = [line for line in lines if line.get("correlation_id") == "work-1"]
    assert (line["event"], line["path"], line["status"]) == ("request", "/v1/queue", 200)


def test_each_process_says_what_it_does_and_that_it_has_stopped(folder: Path) -> None:
    with DeskProcess(folder) as desk:
        desk.postmaster().kill()
        eventually(lambda: any(line["event"] == DATABASE_AGAIN for line in logged(desk)))
        eventually(lambda: is_ready(desk))
    told = [(line["process"], line["event"]) for line in logged(desk) if line["event"] in {"stopped", *BEGUN.values()}]
    assert dict(told[: -len(BEGUN)]) == BEGUN
    assert told[-len(BEGUN)] == ("api", "stopped"), "the others go on until it has"
    assert {*told[-len(BEGUN) :]} == {(process, "stopped") for process in BEGUN}


def test_ctrl_c_stops_everything_and_a_second_start_finds_its_data(folder: Path) -> None:
    with DeskProcess(folder) as desk:
        case = open_case(desk)
        family = [*psutil.Process(desk.process.pid).children(recursive=True), desk.postmaster()]
        assert desk.stop(signal.SIGINT) == 0
        eventually(lambda: all(has_ended(process) for process in family), seconds=2)

        desk.start()
        assert desk.get(f"/v1/tickets/{case}").json["case_number"] == case


def test_killed_alone_it_takes_its_processes_along_and_what_is_left_is_taken_over(desk: DeskProcess) -> None:
    case = open_case(desk)
    children = [
        each for subcommand in ("api", "project", "timekeeper", "deliver") for each in desk.processes(subcommand)
    ]
    postmaster = desk.postmaster()
    desk.process.kill()
    desk.process.wait()
    eventually(lambda: all(has_ended(child) for child in children))
    assert postmaster.is_running(), "the database goes on"

    desk.start()
    assert desk.get(f"/v1/tickets/{case}").status == 200

    postmaster = desk.postmaster()
    desk.kill()
    told = subprocess.run(
        [sys.executable, "-m", "api.cli", "history", case],
        cwd=ROOT,
        env={**os.environ, "CASELOG_DATA": str(desk.data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert case in told.stdout
    eventually(lambda: has_ended(postmaster))  # by the command that took it over


@pytest.mark.parametrize("subcommand", ["project", "timekeeper", "deliver"])
def test_a_process_that_dies_is_started_again(lasting: DeskProcess, subcommand: str) -> None:
    (first, *_) = lasting.processes(subcommand)
    first.kill()
    eventually(lambda: any(each.pid != first.pid for each in lasting.processes(subcommand)))
    case = open_case(lasting)
    position = lasting.command("assign-ticket", ticket=case, agent="kim").json["position"]
    eventually(lambda: lasting.get(f"/v1/queue?min_position={position}").status == 200)


def test_workers_whose_main_process_was_killed_leave_the_port_to_the_next(lasting: DeskProcess) -> None:
    main, *workers = lasting.processes("api")
    assert workers
    main.kill()
    eventually(lambda: all(has_ended(worker) for worker in workers))
    lasting.await_ready()
    assert len(lasting.processes("api")) == 1 + len(workers)


def up(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `caselog up` where it cannot start."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "up"],
        cwd=ROOT,
        env={**{name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")}, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_start_on_the_same_data_says_so(lasting: DeskProcess) -> None:
    second = up(CASELOG_DATA=str(lasting.data), CASELOG_PORT=str(free_port()))
    assert second.returncode == 3
    assert str(lasting.data) in second.stderr
    assert "Traceback" not in second.stderr
    assert lasting.get("/health/ready").status == 200


def test_a_port_in_use_says_so_before_anything_is_made(lasting: DeskProcess, folder: Path) -> None:
    second = up(CASELOG_DATA=str(folder / "other"), CASELOG_PORT=str(lasting.port))
    assert second.returncode == 2
    assert str(lasting.port) in second.stderr
    assert "CASELOG_PORT" in second.stderr
    assert not (folder / "other").exists()


def test_a_wrong_configuration_names_every_variable(folder: Path) -> None:
    wrong = up(CASELOG_DATA=str(folder), CASELOG_PORT="http", CASELOG_ZONE="Mars/Olympus", CASELOG_CURRENCY="$")
    assert wrong.returncode == 2
    for variable in ("CASELOG_PORT", "CASELOG_ZONE", "CASELOG_CURRENCY"):
        assert variable in wrong.stderr


def test_without_its_database_it_says_so() -> None:
    lost = up(
        CASELOG_DATABASE_URL=f"postgresql://caselog@127.0.0.1:{free_port()}/caselog", CASELOG_PORT=str(free_port())
    )
    assert lost.returncode == 3
    assert "caselog: " in lost.stderr
    assert "Traceback" not in lost.stderr


def test_the_test_clock_answers_when_what_fell_due_is_done(folder: Path) -> None:
    with DeskProcess(folder, CASELOG_TEST_CLOCK="1") as desk:
        case = open_case(desk)
        ahead = datetime.now(UTC) + timedelta(days=100)
        assert desk.post("/v1/test-clock", {"now": ahead.isoformat()}).status == 200
        clocks = desk.get(f"/v1/tickets/{case}/sla").json["clocks"]
        assert {clock["verdict"] for clock in clocks} == {"breached"}
        months = {entry["subject"] for entry in desk.get("/v1/ledger").json["items"] if entry["kind"] == "month"}
        assert len(months) in {4, 5}, "this month's fee and those of a hundred days"
        assert desk.post("/v1/test-clock", {"now": (ahead - timedelta(seconds=1)).isoformat()}).status == 422


def test_a_desks_zone_and_currency_stay(folder: Path) -> None:
    with DeskProcess(folder, CASELOG_ZONE="Europe/Rome", CASELOG_CURRENCY="EUR") as desk:
        desk.stop()
        other = up(CASELOG_DATA=str(desk.data), CASELOG_PORT=str(free_port()), CASELOG_ZONE="Europe/Paris")
        assert other.returncode == 2
        assert "Europe/Rome" in other.stderr
