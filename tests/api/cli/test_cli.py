"""The command line on a real desk: what it prints, and the exit codes that scripts rely on."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

from tests.api.cli.conftest import Cli, CliHere
from tests.desk import MONDAY, PERSON, Desk, body_of


@pytest.fixture
def case(database: str, schema: str) -> str:
    """Return the number of a case that was opened on Monday at ten in Denver and assigned an hour later."""
    desk = Desk(database, schema)
    opened = desk.send(
        "open-ticket",
        customer_id=desk.customer(),
        requester=PERSON,
        category="how_to",
        subject="Weekend rates",
        description="How?",
    )
    case_number: str = body_of(opened)["result"]["case_number"]
    desk.clock.forward(hours=1)
    desk.send("assign-ticket", ticket=case_number, agent="kim")
    desk.application.close()
    return case_number


def test_history_shows_a_case_event_by_event(cli: Cli, case: str) -> None:
    shown = cli("history", case)
    assert shown.returncode == 0, shown.stderr
    assert "Weekend rates" in shown.stdout
    assert "assigned to kim" in shown.stdout
    opened, assigned = shown.stdout.splitlines()[-2:]
    assert "2026-11-02 10:00:00 MST" in opened
    assert "TicketOpened.v1" in opened
    assert "2026-11-02 11:00:00 MST" in assigned
    assert "to kim" in assigned


def test_history_as_of_an_instant_knows_nothing_later(cli: Cli, case: str) -> None:
    shown = cli("history", case, "--as-of", (MONDAY + timedelta(minutes=59)).isoformat())
    assert "assigned to nobody" in shown.stdout
    assert "TicketAssigned" not in shown.stdout


def test_history_at_a_version_or_a_position_of_the_log_knows_nothing_later(cli: Cli, case: str) -> None:
    at_version = cli("history", case, "--version", "1")
    assert "assigned to nobody" in at_version.stdout
    position = at_version.stdout.splitlines()[-1].split()[0]
    assert cli("history", case, "--position", position).stdout == at_version.stdout


def test_diff_tells_what_changed_and_which_event_did_it(cli: Cli, case: str) -> None:
    shown = cli("diff", case, "--from", MONDAY.isoformat(), "--to", (MONDAY + timedelta(hours=2)).isoformat())
    assert shown.returncode == 0, shown.stderr
    (assigned,) = [line for line in shown.stdout.splitlines() if line.strip().startswith("assignee:")]
    position = cli("history", case).stdout.splitlines()[-1].split()[0]
    assert assigned.strip() == f"assignee: nothing -> kim  event {position}"
    assert "TicketAssigned.v1" in shown.stdout
    assert "elapsed_seconds: 0 s -> " in shown.stdout


def test_diff_without_a_second_moment_goes_up_to_now(cli: Cli, case: str, database: str, schema: str) -> None:
    cli("history", case, CASELOG_TEST_CLOCK="1")
    with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {schema}.test_clock (now) VALUES (%s)", (MONDAY + timedelta(hours=5),))
    first = (MONDAY + timedelta(hours=3)).isoformat()
    shown = cli("diff", case, "--from", first, CASELOG_TEST_CLOCK="1")
    assert shown.returncode == 0, shown.stderr
    assert f"{case}  from 2026-11-02 13:00:00 MST (version 2) to 2026-11-02 15:00:00 MST" in shown.stdout
    assert "elapsed_seconds: 3 h -> 5 h" in shown.stdout
    ahead = cli("diff", case, "--from", (MONDAY + timedelta(hours=6)).isoformat(), CASELOG_TEST_CLOCK="1")
    assert ahead.returncode == 2
    assert "must not be after" in ahead.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("history", "C-999999"), "C-999999"),
        (("history", "C-000001", "--as-of", "2026-11-02T10:00:00"), "offset"),
        (("history", "C-000001", "--as-of", "yesterday"), "yesterday"),
        (("history", "C-000001", "--version", "3"), "its last is 2"),
        (("history", "C-000001", "--version", "0"), "--version"),
        (("history", "C-000001", "--version", "1", "--position", "2"), "--version and --position"),
        (("diff", "C-000001"), "--from"),
        (("diff", "C-000001", "--to-version", "2"), "--from-version"),
        (("diff", "C-000001", "--from-version", "2", "--to-version", "1"), "--from-version must not be after"),
        (("diff", "C-000001", "--from-version", "1", "--from-position", "1"), "exclude each other"),
        (("diff", "C-999999", "--from-version", "1"), "C-999999"),
        (("rebuild", "everything"), "everything"),
        (("up", "--kafka-view", "queue"), "needs --kafka"),
        (("up", "--kafka", "--kafka-view", "everything"), "everything"),
        (("close-months", "--through", "2026-13"), "2026-13"),
        (("close-months", "--through", "last"), "last"),
        (("close-months", "--through", "9999-12"), "has not ended"),
        (("import", "nowhere.csv", "--mapping", "helpdesk"), "nowhere.csv"),
        (("import", "README.md", "--mapping", "unheard-of"), "unheard-of"),
        (("unheard-of",), "unheard-of"),
    ],
)
def test_wrong_usage_names_what_is_wrong_and_exits_with_2(
    here: CliHere, case: str, arguments: tuple[str, ...], told: str
) -> None:
    wrong = here(*arguments)
    assert wrong.returncode == 2, wrong.stderr
    assert told in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_rebuild_says_which_build_is_live(cli: Cli, case: str) -> None:
    rebuilt = cli("rebuild", "queue")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.startswith("queue: build ")
    assert "is live" in rebuilt.stdout


def test_config_check_tells_every_reason_at_once_and_nothing_else(cli: Cli) -> None:
    sound = cli("config", "--check")
    assert (sound.returncode, sound.stdout, sound.stderr) == (0, "the configuration is sound\n", "")
    wrong = cli("config", "--check", CASELOG_WROKERS="4", CASELOG_PORT="http")
    assert wrong.returncode == 2
    assert wrong.stdout == ""
    assert "CASELOG_WROKERS: there is no such variable; is CASELOG_WORKERS meant?" in wrong.stderr
    assert "CASELOG_PORT: 'http' is not a whole number" in wrong.stderr


def test_config_shows_every_variable_and_no_secret(cli: Cli) -> None:
    shown = cli("config", CASELOG_DATABASE_URL="postgresql://me:secret@127.0.0.1/desk")
    assert shown.returncode == 0
    assert "secret" not in shown.stdout
    for variable in ("CASELOG_DATA", "CASELOG_PORT", "CASELOG_ZONE", "CASELOG_THREADS"):
        assert variable in shown.stdout


def test_a_database_out_of_reach_exits_with_3(cli: Cli) -> None:
    lost = cli("history", "C-000001", CASELOG_DATABASE_URL="postgresql://caselog@127.0.0.1:1/desk")
    assert lost.returncode == 3
    assert "Traceback" not in lost.stderr


def test_a_question_makes_no_desk_where_there_is_none(cli: Cli, tmp_path: Path) -> None:
    asked = cli("history", "C-000001", CASELOG_DATABASE_URL="", CASELOG_DATA=str(tmp_path / "nothing"))
    assert asked.returncode == 3
    assert str(tmp_path / "nothing") in asked.stderr
    assert not (tmp_path / "nothing").exists()


def test_the_command_calls_itself_caselog_however_it_was_started(cli: Cli) -> None:
    assert cli("--help").stdout.startswith("Usage: caselog ")
    assert cli("keys", "--help").stdout.startswith("Usage: caselog keys ")
    assert "Usage: caselog rebuild " in cli("rebuild").stderr
