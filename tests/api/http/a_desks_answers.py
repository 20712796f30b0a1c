"""A desk on which every command is carried out once and every question asked: the answers that the document shows."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from api.http.document.answers import RECORDED
from api.http.queries.catalogue import QUERIES
from api.http.replies import JSON
from api.http.streaming.forms import CSV, NDJSON
from commands.wire.examples import EXAMPLES
from domain.personal import Personal
from tests.api.http.conftest import Api

Json = dict[str, Any]

MOST_ITEMS = 2
"""So many items of a list are shown."""
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
SECRET = "whsec_YW4gZXhhbXBsZSwgYW5kIG5vIHNlY3JldA=="
_CUSTOMER = "/v1/customers/alpine-lodge"
_TICKET = "/v1/tickets/C-000001"


class Recorder:
    """Keeps what a desk answers."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.told: Json = {"commands": {}, "queries": {}, "plain": {}}

    def do(self, command: str, **changes: Any) -> Any:
        """Carry out the example of a command, changed where the state of the desk asks for it; return its answer."""
        data = {name: value for name, value in (EXAMPLES[command] | changes).items() if value is not None}
        answer = self.api.post(command, data)
        assert answer.status_code in {200, 201}, (command, answer.text)
        body = json.loads(answer.data)
        assert body["events"], (command, "changed nothing")
        if "secret" in body["result"]:
            body["result"]["secret"] = SECRET
        self.told["commands"].setdefault(command, {}).setdefault(str(answer.status_code), body)
        return body

    def ask(self, name: str, path: str, *others: Json, **parameters: Any) -> None:
        """Ask a question, in each form that it is answered in; `others` are further parameters that it can be asked by.

        The forms of a list are asked for by the last of them.
        """
        (query,) = (query for query in QUERIES if query.name == name)
        asked = [parameters, *others]
        answers = {_words(each): _shortened(self.api.answer(path, **each)) for each in asked}
        forms: Json = {JSON: answers}
        for body in answers.values():
            assert body.get("items") != [], (name, "an empty list shows nothing")
        if query.pages:
            chosen = next(each for each in reversed(asked) if query.item_of(each) is not None)
            for form in (CSV, NDJSON):
                answer = self.api.client.get(path, query_string=chosen, headers={"Accept": form})
                assert answer.status_code == 200, answer.text
                forms[form] = _lines(answer.text, MOST_ITEMS + (form == CSV))
        self.told["queries"][name] = forms


def _words(parameters: Json) -> str:
    return "&".join(f"{name}={value}" for name, value in parameters.items()) or "answer"


def _shortened(body: Json) -> Json:
    return {name: value[:MOST_ITEMS] if name == "items" else value for name, value in body.items()}


def _at(day: int, hour: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def answers_of(api: Api) -> Json:
    """Carry everything out, on a desk where nothing has happened yet, and return what it answered."""
    desk = Recorder(api)
    for part in _PARTS:
        part(desk)
    return desk.told


def _settings_and_customers(desk: Recorder) -> None:
    desk.api.clock.instant = _at(2, 17)
    desk.do("register-customer")
    desk.do("start-subscription")
    desk.do("update-customer")
    desk.do("set-budget", scope="all", amount_cents=20_000)
    for setting in ("plan", "calendar", "sla-policy"):
        desk.do(f"publish-{setting}")
    desk.do("publish-plan", plan="seasonal")
    desk.do("publish-calendar", calendar="weekends")
    desk.do("publish-sla-policy", policy="seasonal")
    desk.do("publish-article", body="Open the settings of the calendar.")
    desk.do("revise-article")
    desk.do("create-webhook", customer_id=None)
    desk.do("update-webhook")


def _a_case(desk: Recorder) -> None:
    api = desk.api
    api.clock.instant = _at(23, 16)
    desk.do("declare-incident")
    desk.do("post-incident-update")
    desk.do("open-ticket", urgency="normal", emergency=None, requested_for=None)
    desk.do("buy-hours")
    desk.do("add-note")
    reply = desk.do("add-reply")["events"][0]["position"]
    desk.do("assign-ticket")
    desk.do("escalate-ticket")
    desk.do("set-urgency")
    desk.do("set-complexity")
    desk.do("schedule-call")
    desk.do("request-emergency", kind="business_hours")
    desk.do("decide-emergency")
    desk.do("link-incident")
    api.clock.instant = _at(23, 18)
    desk.do("log-call")
    desk.do("log-work")
    desk.do("rule-cause")
    desk.do("correct-work")
    for entry in ("w-2", "w-3"):
        desk.do("log-work", entry_id=entry, started_at="2026-11-23T10:00:00-07:00")
    desk.do("void-work", entry_id="w-3")
    desk.do("decide-scope")
    desk.do("set-category")
    desk.do("plan-enhancement")
    desk.do("propose-alternative")
    desk.do("wait-for-customer")
    desk.do("resume-ticket")
    desk.do("wait-for-partner")
    desk.do("split-ticket", entry_ids=["w-2"], reply_positions=[reply])
    desk.do("merge-ticket")


def _what_goes_on(desk: Recorder) -> None:
    api = desk.api
    waiting = api.ticket("alpine-lodge", subject="Which rate is shown?")
    api.done("wait-for-customer", ticket=waiting["ticket_id"], reason="Which rate do you mean?")
    api.ticket("alpine-lodge", subject="Photos of the new spa", requested_for="2026-12-01")
    late = api.ticket("alpine-lodge", subject="Prices of the winter", urgency="high")
    desk.ask("queue", "/v1/queue")
    desk.ask("upcoming", "/v1/upcoming")
    desk.ask("pauses", "/v1/pauses")
    desk.ask("ticket", _TICKET)
    api.clock.instant = _at(24, 17)
    api.happen("record-due-ticket", id=late["ticket_id"])
    api.happen("note-budget-use", customer_id="alpine-lodge")
    desk.ask("sla", "/v1/sla", {"show": "due_soon"}, {"show": "breaches"})
    desk.do("resolve-incident")
    api.happen(
        "announce-incident-resolution",
        ticket=api.answer(_TICKET)["ticket_id"],
        incident_id="search-2026-11",
        text=Personal("All searches work again."),
    )
    desk.ask("notices", "/v1/notices")
    desk.ask("ticket-sla", f"{_TICKET}/sla")
    desk.do("resolve-ticket")
    desk.do("reopen-ticket")
    desk.do("resolve-ticket", resolution="It is right now")
    desk.do("close-ticket")
    desk.do("retire-article")


def _the_books(desk: Recorder) -> None:
    desk.do("change-plan")
    desk.ask("subscription", f"{_CUSTOMER}/subscription")
    desk.do("cancel-subscription")
    desk.ask("statement", f"{_CUSTOMER}/statement", period="2026-11")
    desk.ask("explanation", f"{_CUSTOMER}/statement/explain", period="2026-11", entry="w-1")
    spans = {"from": "2026-11-23T16:30:00Z", "to": "2026-11-23T18:00:00Z"}
    desk.ask("statement-diff", f"{_CUSTOMER}/statement/diff", period="2026-11", **spans)
    desk.ask("ticket-diff", f"{_TICKET}/diff", **{"from": "2026-11-24T16:30:00Z"})
    desk.ask("budget", f"{_CUSTOMER}/budget")
    desk.ask("ledger", "/v1/ledger")
    desk.ask("balances", "/v1/ledger/balances")
    desk.ask("customers", "/v1/customers")
    desk.ask("customer", _CUSTOMER)
    desk.api.clock.instant = _at(1, 17, month=12)
    desk.do("close-period")


def _everything_else(desk: Recorder) -> None:
    desk.ask("tickets", "/v1/tickets")
    desk.ask("history", f"{_TICKET}/history", {"as_of": "2026-11-23T17:00:00Z"})
    desk.ask("incidents", "/v1/incidents")
    desk.ask("incident", "/v1/incidents/search-2026-11")
    desk.ask("status", "/v1/status")
    desk.ask("articles", "/v1/articles", state="retired")
    desk.ask("article", "/v1/articles/week-start")
    desk.ask("projections", "/v1/projections")
    desk.ask("settings", "/v1/settings")
    desk.ask("events", "/v1/events", type="TicketOpened.v1", limit=MOST_ITEMS)
    desk.ask("webhooks", "/v1/webhooks")
    desk.ask("webhook", "/v1/webhooks/crm")
    for command in _OF_WEBHOOKS:
        desk.do(command)


_OF_WEBHOOKS = (
    "rotate-webhook-secret",
    "replay-webhook",
    "retry-deliveries",
    "drop-deliveries",
    "disable-webhook",
    "enable-webhook",
    "delete-webhook",
)


def _others(desk: Recorder) -> None:
    api = desk.api
    ticket = {"customer_id": "alpine-lodge", "requester": EXAMPLES["open-ticket"]["requester"], "category": "how_to"}
    commands = [
        {"command": "open-ticket", "data": {**ticket, "subject": "Rates", "description": "How are they set?"}},
        {"command": "open-tickets", "data": {}},
        {"command": "buy-hours", "data": {"customer_id": "alpine-lodge", "hours": 7}},
    ]
    answer = api.client.post("/v1/commands", json={"commands": commands}, headers={"X-Correlation-Id": "order-77"})
    desk.told["plain"]["batch"] = json.loads(answer.data)
    for name, path in _PLAIN.items():
        answer = api.client.get(path)
        desk.told["plain"][name] = json.loads(answer.data) if answer.mimetype == JSON else _figures(answer.text)


_PLAIN = {
    "index": "/",
    "health-live": "/health/live",
    "health-ready": "/health/ready",
    "metrics": "/metrics",
    "problems-code": "/problems/unknown_ticket",
}


def _figures(text: str) -> str:
    """The first of the desk's own figures, with what is said of them."""
    return _lines("".join(line for line in text.splitlines(keepends=True) if "caselog_" in line), 6)


def _lines(text: str, most: int) -> str:
    return "".join(islice(text.splitlines(keepends=True), most))


_PARTS: tuple[Callable[[Recorder], None], ...] = (
    _settings_and_customers,
    _a_case,
    _what_goes_on,
    _the_books,
    _everything_else,
    _others,
)


def write(told: Json) -> None:
    """Keep answers as those that the document shows, the ids that were made numbered: so little differs from before."""
    numbers: dict[str, str] = {}
    text = IDS.sub(
        lambda found: numbers.setdefault(found[0], f"01a22a3b-0000-7000-8000-{len(numbers) + 1:012d}"),
        json.dumps(told, indent=1, ensure_ascii=False),
    )
    RECORDED.write_text(text + "\n", encoding="utf-8")
