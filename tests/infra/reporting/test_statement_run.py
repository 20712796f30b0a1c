"""The month's statements of all customers: what the API tells of each, and in all what the ledger has."""

import csv
import json
import threading
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from infra.reporting import statement_run
from infra.reporting.export import NotWritten
from infra.reporting.login import reporting_url
from infra.reporting.role import install
from infra.reporting.statement_run import run_statements
from tests.infra.reporting.conftest import SECRET, ReportingDesk
from tests.scenarios.desk import Desk
from tests.scenarios.running import running_desk

NOVEMBER = "2037-11"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_every_customer_has_a_file_that_says_what_the_api_says(desk: ReportingDesk, tmp_path: Path) -> None:
    run = run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path / "november")
    assert (run.written, run.unchanged, run.still_open) == (2, 0, 1)
    assert run.owed_cents == {"USD": 450_00 + 2550_00}, "fee and an emergency hour; fee, pack, eight hours on demand"
    assert sorted(path.name for path in (tmp_path / "november").iterdir()) == [
        "alpine.json",
        "beach.json",
        "index.csv",
        "index.json",
    ]
    for customer_id in ("alpine", "beach"):
        told = desk.users.statement(NOVEMBER, customer_id=customer_id).body
        file = read(tmp_path / "november" / f"{customer_id}.json")
        assert {name: file["totals"][name] for name in told["totals"]} == told["totals"]
        drawn = [(line["entry_id"], line["source"], line["seconds"], line["amount_cents"]) for line in file["lines"]]
        assert drawn == [
            (entry["entry_id"], draw["source"], draw["seconds"], draw["amount_cents"])
            for entry in told["entries"]
            for draw in entry["draws"]
        ]
        assert [pack["price_cents"] for pack in file["packs"]] == [pack["price_cents"] for pack in told["purchases"]]
        assert file["as_of_position"] == run.position
        assert SECRET not in json.dumps(file)


def test_the_index_has_the_totals_of_the_ledger_and_the_digest_of_each_file(
    desk: ReportingDesk, tmp_path: Path
) -> None:
    run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
    index = read(tmp_path / "index.json")
    (posted,) = desk.rows(
        "SELECT sum(amount)::bigint AS cents FROM ledger_lines WHERE account = 'receivable' AND period = %s", NOVEMBER
    )
    assert index["ledger_receivable_cents"] == posted["cents"] == index["totals"]["USD"]["owed_cents"] == 3000_00
    assert index["equals_ledger"] is True
    for line in index["files"]:
        assert line["sha256"] == sha256((tmp_path / line["file"]).read_bytes()).hexdigest()
    with (tmp_path / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["customer_id"], row["customer_name"], row["owed_cents"]) for row in rows] == [
        ("alpine", "Alpine", "45000"),
        ("beach", "Beach", "255000"),
    ]


def test_a_month_with_credits_equals_the_ledger_too(desk: ReportingDesk, tmp_path: Path) -> None:
    run = run_statements(desk.dsn, desk.schema, "2037-12", tmp_path)
    assert run.equals_ledger
    file = read(tmp_path / "alpine.json")
    assert [(line["kind"], line["amount_cents"]) for line in file["lines"]] == [("credit", 150_00)]
    assert file["totals"]["owed_cents"] == 0


def test_a_second_run_writes_what_is_missing_broken_or_changed_and_leaves_the_rest(
    desk: ReportingDesk, tmp_path: Path
) -> None:
    first = run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
    names = ("alpine.json", "beach.json")
    stood = {name: ((tmp_path / name).stat().st_ino, (tmp_path / name).read_bytes()) for name in names}
    again = run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
    assert (again.written, again.unchanged) == (0, 2)
    assert {name: ((tmp_path / name).stat().st_ino, (tmp_path / name).read_bytes()) for name in names} == stood
    (tmp_path / "beach.json").write_text("{")
    alpine = read(tmp_path / "alpine.json")
    (tmp_path / "alpine.json").write_text(json.dumps(alpine | {"state": "open"}))
    mended = run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
    assert (mended.written, mended.unchanged) == (2, 0)
    assert {name: (tmp_path / name).read_bytes() for name in names} == {name: said for name, (_, said) in stood.items()}
    assert first.owed_cents == mended.owed_cents


class Interrupted(BaseException):
    pass


def test_an_interrupted_run_has_no_index_and_the_next_goes_on(desk: ReportingDesk, tmp_path: Path) -> None:
    run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
    (tmp_path / "beach.json").unlink()

    def progress(_done: int, _total: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path, progress)
    assert not (tmp_path / "index.json").exists()
    run = run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
    assert (run.written, run.unchanged) == (1, 1)


def test_a_statement_that_is_not_what_the_ledger_has_is_named(desk: ReportingDesk, tmp_path: Path) -> None:
    with closing(desk.connection()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT build FROM projections WHERE view = 'ledger' AND live")
        (build,) = cursor.fetchone() or (0,)
        add = f"UPDATE ledger_b{build} SET amount = amount + %s WHERE customer_id = 'beach' AND kind = 'purchase'"
        where = " AND account = 'receivable'"
        cursor.execute(add + where, (1,))
        connection.commit()
        try:
            run = run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path)
        finally:
            cursor.execute(add + where, (-1,))
            connection.commit()
    assert not run.equals_ledger
    assert run.differing == ["beach"]
    assert read(tmp_path / "index.json")["equals_ledger"] is False


def test_a_month_without_statements_has_an_index_that_says_so(desk: ReportingDesk, tmp_path: Path) -> None:
    run = run_statements(desk.dsn, desk.schema, "2030-01", tmp_path)
    assert (run.written, run.unchanged, run.owed_cents, run.equals_ledger) == (0, 0, {}, True)
    assert read(tmp_path / "index.json")["files"] == []


def test_the_role_of_reporting_jobs_can_run_it(desk: ReportingDesk, tmp_path: Path) -> None:
    url = reporting_url(desk.dsn, desk.schema, tmp_path / "pgpass")
    assert run_statements(url, desk.schema, NOVEMBER, tmp_path / "november").equals_ledger


def test_any_customers_id_is_a_file_name_of_its_own() -> None:
    awkward = ["a", "A:b", "index", "x" * 128, "x" * 127 + "y", "~" * 128, "a%b", "*" * 128]
    names = [statement_run._name(each) for each in awkward]
    assert len(set(names)) == len(names)
    assert all("/" not in name and len(name) < 200 and name != "index" for name in names)


def test_a_folder_that_cannot_be_made_is_told(desk: ReportingDesk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten):
        run_statements(desk.dsn, desk.schema, NOVEMBER, tmp_path / "file" / "x")


def test_while_the_desk_goes_on_each_run_is_of_one_moment_and_equals_the_ledger(
    postgres_dsn: str, schema: str, tmp_path: Path
) -> None:
    with running_desk(postgres_dsn, schema) as running, Desk(running) as users:
        users.at("Thu 2037-11-05 12:00")
        users.customer("alpine")
        case = users.case()
        users.ticket(case)
        install(postgres_dsn, schema)
        runs = [run_statements(postgres_dsn, schema, NOVEMBER, tmp_path)]

        def work() -> None:
            for number in range(60):
                users.works(case, "Thu 2037-11-05 10:00", minutes=60, entry=f"w-{number}")

        worker = threading.Thread(target=work)
        worker.start()
        while worker.is_alive():
            runs.append(run_statements(postgres_dsn, schema, NOVEMBER, tmp_path))
        worker.join()
        users.statement(NOVEMBER)  # the views have seen all of it
        runs.append(run_statements(postgres_dsn, schema, NOVEMBER, tmp_path))
    assert all(run.equals_ledger for run in runs)
    assert [run.position for run in runs] == sorted(run.position for run in runs)
    assert len({run.owed_cents["USD"] for run in runs}) > 2, "some were in the midst of it"
    assert runs[-1].owed_cents == {"USD": 150_00 + 59 * 150_00}, "the fee, and all but the hour of the allowance"
