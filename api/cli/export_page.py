"""An exported case as one page for people: it loads and runs nothing, prints well, and holds the document itself."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, Template
from markupsafe import Markup

from api.case_export import NotAnExport
from api.cli.words.sentences import sentence
from domain.tags import decode
from projections.reading import Json
from projections.wording import spoken

_EMBEDDED = re.compile(r'<script type="application/json" id="caselog-export">(.*?)</script>', re.DOTALL)


@cache
def _template() -> Template:
    text = Path(__file__).with_name("export_template.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(text)


def page_of(document: Json) -> str:
    """Return the page; everything that people wrote is escaped, and stays text."""
    zone = ZoneInfo(document["desk"]["zone"])

    def local(instant: str) -> str:
        return f"{datetime.fromisoformat(instant).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"

    events = document["events"]
    return _template().render(
        doc=document,
        facts=_facts(document["ticket"], local),
        known={each["position"] for each in events},
        told={each["position"]: sentence(decode(each["type"], json.dumps(each["data"]))) for each in events},
        local=local,
        spoken=_spoken,
        words=lambda name: str(name).replace("_", " "),
        money=lambda cents: f"{cents / 100:,.2f}",
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        embedded=Markup(_within_script(document)),  # noqa: S704 - it has no angle bracket
    )


def document_of(text: str) -> Json:
    """Return the document of an export, of a page or of JSON. Raises `NotAnExport`."""
    found = _EMBEDDED.search(text)
    try:
        document = json.loads(text if found is None else found[1])
    except (ValueError, RecursionError) as error:
        raise NotAnExport(f"it is neither JSON nor a page of an export: {error}") from error
    if not isinstance(document, dict):
        raise NotAnExport("it is no JSON object")
    return document


def _within_script(document: Json) -> str:
    """JSON that no parser of HTML takes for markup."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _spoken(seconds: int) -> str:
    return spoken(seconds) if seconds >= 0 else f"-{spoken(-seconds)}"


def _facts(ticket: Json, local: Callable[[str], str]) -> list[tuple[str, Any]]:
    requester = ticket["requester"]
    facts = [
        ("customer", ticket["customer_id"]),
        ("requester", f"{requester['name']} ({requester['email']})"),
        ("received", local(ticket["received_at"])),
        ("workable from", local(ticket["workable_from"])),
        ("assigned to", ticket.get("assignee", "nobody")),
        ("team", ticket.get("team")),
        ("complexity", ticket["complexity"]),
        ("wanted for", ticket.get("requested_for")),
        ("worked", _spoken(ticket["worked_seconds"])),
        ("ticket id", ticket["ticket_id"]),
        ("version", ticket["version"]),
    ]
    return [(name, value) for name, value in facts if value is not None]
