"""An exported case as one page for people: it loads and runs nothing, prints well, and holds the document itself.

A page follows from its document alone, so that it is checked by making it once more. It names what it was made by.
"""

import hashlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, Template
from markupsafe import Markup

from api.case_export import NotAnExport
from api.cli.words import billing_sentences, instants, sentences
from domain.tags import decode
from projections import wording
from projections.reading import Json
from projections.wording import spoken

_EMBEDDED = re.compile(r'<script type="application/json" id="caselog-export">(.*?)</script>', re.DOTALL)


_MADE_BY = re.compile(r'<meta name="generator" content="caselog page ([0-9a-f]{16})">')
_TEMPLATE = Path(__file__).with_name("export_template.html")
MOST_LINES = 3
"""So many lines of a file that differ are told, and as many of the log."""


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


@cache
def made_by() -> str:
    """Return 16 digits that tell this way of making pages from another release's, over all that words a page."""
    words = [
        inspect.getsource(module) for module in (sys.modules[__name__], sentences, billing_sentences, instants, wording)
    ]
    return hashlib.sha256("\0".join([_TEMPLATE.read_text(encoding="utf-8"), *words]).encode()).hexdigest()[:16]


def page_of(document: Json) -> str:
    """Return the page; everything that people wrote is escaped, and stays text."""
    zone = ZoneInfo(document["desk"]["zone"])

    def local(instant: str) -> str:
        return instants.clock_time(datetime.fromisoformat(instant), zone)

    events = document["events"]
    return _template().render(
        doc=document,
        made_by=made_by(),
        work=sorted(document["work"], key=lambda each: datetime.fromisoformat(each["started_at"])),
        facts=_facts(document["ticket"], local),
        known={each["position"] for each in events},
        told={
            each["position"]: sentences.sentence(decode(each["type"], json.dumps(each["data"])), zone)
            for each in events
        },
        local=local,
        spoken=_spoken,
        words=lambda name: str(name).replace("_", " "),
        money=lambda cents: f"{cents / 100:,.2f}",
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        embedded=Markup(_within_script(document)),  # noqa: S704 - it has no angle bracket
    )


def is_page(text: str) -> bool:
    """Whether an export is a page; else it is the document itself."""
    return not text.lstrip().startswith(("{", "["))


def document_of(text: str) -> Json:
    """Return the document of an export, of a page or of JSON. Raises `NotAnExport`."""
    if is_page(text):
        found = _EMBEDDED.findall(text)
        if len(found) != 1:
            raise NotAnExport("it is neither JSON nor a page with one document in it")
        (text,) = found
    try:
        document = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError as error:
        raise NotAnExport("its JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NotAnExport(f"its JSON is broken in line {error.lineno}, column {error.colno}: {error.msg}") from error
    except NotAnExport:
        raise
    except ValueError as error:
        raise NotAnExport(f"its JSON has a value that nobody can read: {error}") from error
    if not isinstance(document, dict):
        raise NotAnExport("its JSON is no object")
    return document


def _each_once(pairs: list[tuple[str, Any]]) -> Json:
    """An object none of whose fields is there twice: a reader would see the one, and we the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name in found if [each for each, _ in pairs].count(name) > 1)
        raise NotAnExport(f"an object of it has {twice!r} twice")
    return found


class OtherRelease(Exception):
    """A page was made by a release that words or lays out pages in another way: its text cannot be made again here."""


def page_differences(page: bytes, known: Json) -> list[str]:
    """Return the first lines in which a page differs from the one that a document gives; none: it is the same.

    Raises `OtherRelease` where it differs and does not say that it was made as this release does.
    """
    expected = page_of(known).encode()
    if page == expected:
        return []
    maker = _MADE_BY.search(page.decode(errors="replace"))
    if maker is None or maker[1] != made_by():
        raise OtherRelease(maker[1] if maker else "it does not say which")
    return _first_lines(page.split(b"\n"), expected.split(b"\n"))


def _first_lines(told: list[bytes], known: list[bytes]) -> list[str]:
    """What differs between the lines that both begin with and those that both end with; the first of it."""
    first = next((at for at, (one, other) in enumerate(zip(told, known, strict=False)) if one != other), None)
    first = min(len(told), len(known)) if first is None else first
    last = 0
    while last < min(len(told), len(known)) - first and told[-1 - last] == known[-1 - last]:
        last += 1
    ours, theirs = told[first : len(told) - last], known[first : len(known) - last]
    start = next(
        (at for at, (one, other) in enumerate(zip(*map(_first, (ours, theirs)), strict=False)) if one != other), 0
    )
    lines = [f"line {first + at}: the file has {_around(line, start)}" for at, line in enumerate(ours[:MOST_LINES], 1)]
    lines += [
        f"line {first + at}: the log has {_around(line, start)}" for at, line in enumerate(theirs[:MOST_LINES], 1)
    ]
    return lines


def _first(lines: list[bytes]) -> bytes:
    return lines[0] if lines else b""


def _around(line: bytes, start: int) -> str:
    """The part of a line that has the difference: some pages have lines of many thousands of letters."""
    begin = max(0, start - 30)
    text = line[begin : begin + 120].decode(errors="replace")
    return f"{'...' if begin else ''}{text!r}{'...' if len(line) > begin + 120 else ''}"


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
