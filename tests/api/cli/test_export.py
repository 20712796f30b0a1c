"""`caselog export`: a case as a file that stands alone, is safe to open, and can be held against the log."""

import hashlib
import json
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from api.cli.export_page import document_of, made_by, page_of
from tests.api.cli.conftest import Cli, CliHere
from tests.desk import MONDAY, Desk, body_of

SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"
ATTACK = f"Rates {SCRIPT} \"]]>'</title></style>"
ATTACKER = {"role": "requester", "name": ATTACK, "email": "ada@example.com"}
STAFF = {"role": "staff", "name": "Kim Stone", "email": "kim@desk.example"}


@pytest.fixture
def case(database: str, schema: str) -> str:
    """The number of a case that was answered, waited for the customer, was worked on and corrected."""
    desk = Desk(database, schema)
    customer = desk.customer()
    ticket = desk.ticket(customer, subject=ATTACK, description=f"See {SCRIPT}")
    desk.clock.forward(hours=1)
    desk.send("assign-ticket", ticket=ticket, agent="kim")
    desk.send("add-reply", ticket=ticket, author=STAFF, body="Which weekend?")
    desk.send("wait-for-customer", ticket=ticket, reason="Which weekend")
    desk.clock.forward(hours=20)
    desk.send("add-reply", ticket=ticket, author=ATTACKER, body=f"This one: {SCRIPT}")
    desk.send("add-note", ticket=ticket, author=STAFF, body="</script><!-- -->")
    started = desk.clock.now()
    desk.clock.forward(hours=2)
    work: dict[str, Any] = {"agent": "kim", "duration_seconds": 5_400, "activity": f"research {SCRIPT}"}
    logged = body_of(desk.send("log-work", ticket=ticket, started_at=started, **work))
    entry = logged["result"]["entry_id"]
    desk.send("correct-work", ticket=ticket, entry_id=entry, duration_seconds=4_500, reason=ATTACK)
    desk.send("resolve-ticket", ticket=ticket, resolution="The season was set for weekdays only.")
    number: str = str(desk.events(f"ticket-{ticket}")[0].event.case_number)  # type: ignore[attr-defined]
    desk.application.close()
    return number


def exported(cli: Cli, *arguments: str) -> Any:
    done = cli("export", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_document_has_the_case_whole(cli: Cli, case: str) -> None:
    document = exported(cli, case)
    assert document["ticket"]["case_number"] == case
    assert [each["kind"] for each in document["messages"]] == ["request", "staff", "customer", "note"]
    clocks = {(each["clock"], each["instance"]): each for each in document["clocks"]}
    assert clocks["first_response", 1]["verdict"] == "met"
    assert "paused" in [each["kind"] for each in clocks["resolution", 1]["why"]]
    (entry,) = document["work"]
    assert (entry["duration_seconds"], entry["billed_seconds"]) == (4_500, 4_500)
    assert [draw["source"] for draw in entry["draws"]] == ["allowance", "on_demand"]
    positions = {each["position"] for each in document["events"]}
    assert {position for draw in entry["draws"] for position in draw["positions"]} <= positions
    assert {each["kind"] for each in document["settings"]} == {"calendar", "sla_policy", "plan"}
    types = [each["type"] for each in document["events"]]
    assert types.count("WorkRated.v1") == types.count("WorkRevised.v1") == types.count("MonthStarted.v1") == 1


def test_the_chain_can_be_worked_out_with_a_json_library_alone(here: CliHere, case: str) -> None:
    document = exported(here, case)
    link = "0" * 64
    for event in document["events"]:
        text = json.dumps(event, sort_keys=True, separators=(",", ":"))
        link = hashlib.sha256((link + "\n" + text).encode()).hexdigest()
    assert document["integrity"] == {"algorithm": "sha256", "events": len(document["events"]), "digest": link}


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_file_is_what_the_log_says_also_when_the_case_has_gone_on(
    cli: Cli, case: str, database: str, schema: str, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"case.{form}"
    done = cli("export", case, "--format", form, "--out", str(file))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    desk = Desk(database, schema)
    desk.clock.forward(days=2)
    desk.send("close-ticket", ticket=case, reason="Done")
    desk.application.close()
    verified = cli("export", "--verify", str(file))
    assert verified.returncode == 0, verified.stdout
    assert "is what the log says" in verified.stdout


def test_as_of_an_instant_it_holds_nothing_later_and_is_sound(here: CliHere, case: str, tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    as_of = (MONDAY + timedelta(minutes=30)).isoformat()
    assert here("export", case, "--as-of", as_of, "--out", str(file)).returncode == 0
    document = json.loads(file.read_text())
    assert document["ticket"]["status"] == "new"
    assert [each["type"] for each in document["events"]] == ["TicketOpened.v1"]
    assert here("export", "--verify", str(file)).returncode == 0


def change(document: Any, path: str, value: Any) -> None:
    *steps, last = path.split("/")
    for step in steps:
        document = document[int(step) if step.isdigit() else step]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("events/1/data/agent", "jo", ["/integrity/digest", "/events/1/data/agent"]),
        ("messages/0/body", "Nothing", ["/messages/0/body"]),
        ("work/0/amount_cents", 1, ["/work/0/amount_cents"]),
        ("work/0/billed_seconds", True, ["/work/0/billed_seconds"]),
        ("clocks/0/verdict", "breached", ["/clocks/0/verdict"]),
        ("ticket/colour", "red", ["/ticket/colour: is in the file only"]),
        ("head_position", 10**9, ["/head_position"]),
        ("integrity/digest", "0" * 64, ["/integrity/digest"]),
    ],
)
def test_a_file_that_was_changed_is_told_field_by_field(
    here: CliHere, case: str, tmp_path: Path, path: str, value: Any, told: list[str]
) -> None:
    document = exported(here, case)
    change(document, path, value)
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(document))
    verified = here("export", "--verify", str(file))
    assert verified.returncode == 1, verified.stderr
    assert all(each in verified.stdout for each in told), verified.stdout


def test_an_event_left_out_is_missed(here: CliHere, case: str, tmp_path: Path) -> None:
    document = exported(here, case)
    del document["events"][-1]
    file = tmp_path / "short.json"
    file.write_text(json.dumps(document))
    verified = here("export", "--verify", str(file))
    assert verified.returncode == 1
    assert "is missing in the file" in verified.stdout


def page_with(cli: Cli, case: str, file: Path, was: str, becomes: str) -> str:
    """Export a page, change one place of it where people read, and return what is told of it."""
    page = cli("export", case, "--format", "html").stdout
    seen, embedded = page.split('<script type="application/json"')
    assert was in seen
    file.write_text(seen.replace(was, becomes, 1) + '<script type="application/json"' + embedded)
    verified = cli("export", "--verify", str(file))
    assert verified.returncode == 1, verified.stdout
    return verified.stdout


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('<td class="n">1 h 15 min</td>', '<td class="n">9 h 45 min</td>'),
        ("<h2>Clocks</h2>", "<p>The customer agreed to all of it.</p>\n<h2>Clocks</h2>"),
        ("<h2>Clocks</h2>", "<h2>Clocks</h2><script>document.title = 'x'</script>"),
        ("</style>", ".note { display: none }</style>"),
        ("<h2>Clocks</h2>\n", "<h2>Clocks</h2>\r\n"),
        ("</h2>\n", "</h2> \n"),
    ],
)
def test_a_page_is_verified_as_people_read_it(here: CliHere, case: str, tmp_path: Path, was: str, becomes: str) -> None:
    told = page_with(here, case, tmp_path / "case.html", was, becomes)
    assert "is not what the log says" in told
    assert "the file has" in told
    assert "line " in told


def test_a_row_removed_from_a_page_is_told(here: CliHere, case: str, tmp_path: Path) -> None:
    page = here("export", case, "--format", "html").stdout
    (row,) = [line for line in page.split("\n") if "<b>TicketAssigned.v1</b>" in line]
    told = page_with(here, case, tmp_path / "case.html", f"{row}\n", "")
    assert "the log has" in told
    assert "the file has" not in told
    assert "<tr id=" in told


def test_a_page_of_another_release_is_told_as_half_checked(here: CliHere, case: str, tmp_path: Path) -> None:
    told = page_with(here, case, tmp_path / "case.html", f"caselog page {made_by()}", f"caselog page {'0' * 16}")
    assert "its visible part was not checked" in told
    assert "0" * 16 in told
    assert "is what the log says" in told


def test_a_page_that_does_not_say_what_made_it_is_never_sound(here: CliHere, case: str, tmp_path: Path) -> None:
    generator = f'<meta name="generator" content="caselog page {made_by()}">'
    assert "was not checked" in page_with(here, case, tmp_path / "case.html", generator, "")


def test_a_page_and_its_document_falsified_alike_are_told_both(here: CliHere, case: str, tmp_path: Path) -> None:
    document = exported(here, case)
    change(document, "work/0/amount_cents", 1)
    file = tmp_path / "case.html"
    file.write_text(page_of(document))
    verified = here("export", "--verify", str(file))
    assert verified.returncode == 1
    assert "/work/0/amount_cents" in verified.stdout
    assert "line " in verified.stdout


def test_a_field_that_is_there_twice_hides_nothing(here: CliHere, case: str, tmp_path: Path) -> None:
    text = json.dumps(exported(here, case))
    file = tmp_path / "case.json"
    file.write_text(text.replace('"amount_cents": ', '"amount_cents": 1, "amount_cents": ', 1))
    verified = here("export", "--verify", str(file))
    assert verified.returncode == 2, verified.stdout
    assert "'amount_cents' twice" in verified.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither JSON nor a page"),
        ("{}", "its format is None"),
        ("[]", "no object"),
        ("<html></html>", "neither JSON nor a page"),
        ('{"format": "caselog-case/1"}', "it lacks"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": }', "broken in line 1, column 12"),
        ("\x00", "neither JSON nor a page"),
    ],
)
def test_what_is_no_export_is_refused_by_the_files_name(
    here: CliHere, case: str, tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "other"
    file.write_text(text)
    refused = here("export", "--verify", str(file))
    assert refused.returncode == 2, refused.stdout
    assert f"{file} is no export of a case: " in refused.stderr
    assert why in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "recursion" not in refused.stderr


def test_a_file_that_cannot_be_read_says_why(here: CliHere, case: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    for name, why in (
        ("loop", "Too many levels of symbolic links"),
        ("latin", "no text in UTF-8"),
        ("", "Is a directory"),
        ("nowhere", "No such file"),
    ):
        refused = here("export", "--verify", str(tmp_path / name))
        assert refused.returncode == 2
        assert f"{tmp_path / name} cannot be read: " in refused.stderr
        assert why in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--verify"),
        (("C-999999",), "C-999999"),
        (("C-000001", "--as-of", "2026-01-01T00:00:00Z"), "by 2026-01-01"),
        (("C-000001", "--out", "nowhere/case.json"), "nowhere/case.json"),
        (("C-000001", "--verify", "README.md"), "--verify"),
        (("--verify", "nowhere.json"), "nowhere.json"),
        (("--verify", "README.md"), "README.md is no export of a case: it is neither JSON nor a page"),
    ],
)
def test_wrong_usage_names_what_is_wrong(here: CliHere, case: str, arguments: tuple[str, ...], told: str) -> None:
    wrong = here("export", *arguments)
    assert wrong.returncode == 2, wrong.stderr
    assert told in wrong.stderr
    assert "Traceback" not in wrong.stderr


class Markup(HTMLParser):
    """Collects what of a page is markup, and what is text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_people_wrote_stays_text_on_the_page(here: CliHere, case: str) -> None:
    page = here("export", case, "--format", "html").stdout
    parsed = Markup()
    parsed.feed(page)
    scripts = [attributes for tag, attributes in parsed.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "caselog-export"}]
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"img", "iframe", "object", "embed", "link", "base", "form", "svg"}
    attributes = {name for _, found in parsed.tags for name in found}
    assert not [name for name in attributes if name.startswith("on")]
    assert not attributes & {"src", "srcset", "action"}
    assert all(str(found["href"]).startswith("#") for _, found in parsed.tags if "href" in found)
    assert parsed.text.count(SCRIPT) >= 5
    assert "<style>" in page
    assert "default-src 'none'" in page


def test_every_position_that_a_page_links_to_is_on_it(here: CliHere, case: str) -> None:
    parsed = Markup()
    parsed.feed(here("export", case, "--format", "html").stdout)
    targets = {f"#{found['id']}" for _, found in parsed.tags if "id" in found}
    links = {str(found["href"]) for _, found in parsed.tags if "href" in found}
    assert links
    assert links <= targets


def test_a_page_speaks_by_the_desks_clock_and_leaves_no_event_without_words(here: CliHere, case: str) -> None:
    page = here("export", case, "--format", "html").stdout
    rows = [line for line in page.split("\n") if line.startswith('<tr id="e')]
    assert [row for row in rows if "</b> <details>" in row] == []
    assert any("WorkRevised.v1</b> " in row for row in rows)
    heads = [row.split("<details>")[0] for row in rows]
    assert [head for head in heads if "+00:00" in head] == []


def test_work_stands_on_a_page_in_the_order_it_was_done_in(here: CliHere, case: str) -> None:
    document = exported(here, case)
    (entry,) = document["work"]
    began = ("2026-11-03T10:00:00-07:00", "2026-11-03T16:30:00Z", "2026-11-03T09:45:00-07:00")
    document["work"] = [{**entry, "agent": f"agent {at}", "started_at": at} for at in began]
    page = page_of(document)
    assert sorted(began, key=lambda at: page.index(f"<td>agent {at}")) == [began[1], began[2], began[0]]


def test_a_verdict_that_is_the_state_is_told_once(here: CliHere, case: str) -> None:
    document = exported(here, case)
    document["clocks"][0] |= {"state": "breached", "verdict": "breached"}
    page = page_of(document)
    assert ">breached</span>" in page
    assert "breached, breached" not in page


def test_a_page_holds_the_document_itself(here: CliHere, case: str) -> None:
    document = exported(here, case)
    assert document_of(page_of(document)) == document
