"""A small mapping and files for it, for the tests of the import."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from infra.csv_import.mapping import Mapping
from infra.csv_import.mapping_file import parse_mapping
from infra.csv_import.reader import EventLogFile, Row

NOW = datetime(2026, 11, 23, tzinfo=UTC)

SHOP = """
name = "shop"
version = 1
zone = "Europe/Rome"
time_format = "%Y-%m-%d %H:%M:%S"
[columns]
case = "Case"
activity = "Activity"
time = "Time"
agent = "Agent"
customer = "Customer"
[customer]
id = "{customer:id}"
[[customer.commands]]
command = "register-customer"
data = { name = "{customer}", contacts = [], products = [] }
[[customer.commands]]
command = "start-subscription"
data = { plan = "standard", starts_on = "{month_start}" }
[case.open]
requester = { name = "{customer}", email = "{customer:id}@shop.example" }
category = "how_to"
subject = "{case}"
description = "{case}"
[case.reopen]
unless = ["Done", "Over"]
data = { reason = "Again." }
[activities]
"Wait" = [{ command = "wait-for-customer", data = { reason = "Waiting." } }]
"Done" = [{ command = "resolve-ticket", data = { resolution = "Done." } }]
"Over" = [{ command = "close-ticket", data = { reason = "Over." } }]
"Nothing" = []
[[activities.Work]]
command = "assign-ticket"
data = { agent = "{agent}" }
[[activities.Work]]
command = "log-work"
data = { agent = "{agent}", started_at = "{time-900}", duration_seconds = 900, activity = "Work" }
"""

HEADER = "Case,Activity,Time,Agent,Customer"


def shop() -> Mapping:
    return parse_mapping(SHOP)


def written(folder: Path, lines: Sequence[str], header: str = HEADER) -> Path:
    path = folder / "log.csv"
    path.write_bytes("\n".join([header, *lines, ""]).encode())
    return path


def opened(path: Path, mapping: Mapping | None = None) -> EventLogFile:
    return EventLogFile(path, mapping or shop(), not_after=NOW, progress=lambda _done, _total: None)


def row(line: int, activity: str, *, case: str = "A", customer: str = "Acme", time: str = "2012-10-09 10:00:00") -> Row:
    cells = {"case": case, "activity": activity, "time": time, "agent": "Ann", "customer": customer}
    return Row(line, shop().instant(time), cells)
