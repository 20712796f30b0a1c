"""The words of the scenarios: what a customer, the staff and the time do at a desk, and what it answers to questions.

Everything goes through the HTTP interface. Every question is asked of views that have seen what was done before it.
"""

import http.client
import json
from contextlib import closing
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from tests.scenarios.running import RunningDesk
from tests.scenarios.statement import Statement
from tests.scenarios.words import ZONE, instant

ADA = {"name": "Ada Guest", "email": "ada@example.com"}
KIM = {"name": "Kim Staff", "email": "kim@example.com"}
ALPINE = "alpine"
"""The customer that a scenario speaks of where it names none."""


class Answer:
    """What came back over HTTP."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.bytes = answer.read()

    @property
    def body(self) -> Any:
        return json.loads(self.bytes)


class Desk:
    """A desk as those who use it see it."""

    def __init__(self, running: RunningDesk) -> None:
        self._running = running
        self._connection = http.client.HTTPConnection(*running.address, timeout=70)
        self._key = {"Authorization": f"Bearer {running.secret}"}
        self._position = 0
        self._entries = count(1)
        self._now = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._connection.close()

    # The time

    def at(self, local: str) -> None:
        """Let it be that time; whatever falls due until then has been done afterwards."""
        self._now = local
        answer = self.request("POST", "/v1/test-clock", {"now": instant(local).isoformat()})
        assert answer.status == 200, answer.bytes

    def settles(self) -> None:
        """Wait until the desk has done by itself what follows from the latest events."""
        self.at(self._now)

    def goes_down(self) -> None:
        """Nothing is recorded by itself any more."""
        self._running.stop_timekeeper()

    def is_still_down_at(self, local: str) -> None:
        """Let it be that time while nothing is recorded by itself."""
        self._now = local
        self._running.set_clock_while_down(instant(local))

    def comes_up_again(self) -> None:
        """What fell due meanwhile is recorded now."""
        self._running.start_timekeeper()
        self.settles()

    # What is done

    def sends(self, command: str, *, key: str | None = None, if_match: str | None = None, **data: Any) -> Answer:
        """Send a command and return the answer, whatever it is."""
        headers = {"Idempotency-Key": key, "If-Match": if_match}
        answer = self.request("POST", f"/v1/commands/{command}", data, headers)
        if answer.status in {200, 201}:
            self._position = max(self._position, answer.body["position"])
        return answer

    def sends_apart(self, command: str, **data: Any) -> Answer:
        """Send a command over a connection of its own, as several people do at once; in any thread."""
        with closing(http.client.HTTPConnection(*self._running.address, timeout=70)) as connection:
            connection.request(
                "POST", f"/v1/commands/{command}", json.dumps(data), {"Content-Type": "application/json"} | self._key
            )
            answer = Answer(connection.getresponse())
        if answer.status in {200, 201}:
            self._position = max(self._position, answer.body["position"])
        return answer

    def does(self, command: str, *, key: str | None = None, **data: Any) -> Any:
        """Send a command that is carried out, and return its answer."""
        answer = self.sends(command, key=key, **data)
        assert answer.status in {200, 201}, answer.bytes.decode()
        return answer.body

    def refuses(self, command: str, code: str, **data: Any) -> Any:
        """Send a command that a rule forbids, and return the problem document."""
        answer = self.sends(command, **data)
        assert answer.status == 422, answer.bytes.decode()
        problem = answer.body
        assert problem["code"] == code, problem
        return problem

    def customer(
        self,
        customer_id: str = ALPINE,
        *,
        products: tuple[str, ...] = ("website",),
        plan: str = "standard",
        starts_on: str = "",
        **terms: Any,
    ) -> str:
        """Register a customer who subscribes from a day on (the first of this month), on these terms of its own."""
        self.does("register-customer", customer_id=customer_id, name=customer_id, contacts=[ADA], products=products)
        first = instant(self._now).astimezone(ZONE).replace(day=1).date().isoformat()
        self.does("start-subscription", customer_id=customer_id, plan=plan, starts_on=starts_on or first, terms=terms)
        return customer_id

    def case(self, category: str = "how_to", **request: Any) -> str:
        """Open a case of a category, and return its number."""
        asked = {"customer_id": ALPINE, "requester": ADA, "subject": "Rates", "description": "How?", **request}
        number: str = self.does("open-ticket", category=category, **asked)["result"]["case_number"]
        return number

    def emergency(self, symptom: str = "website_down", **request: Any) -> str:
        """Open a case of an after-hours emergency, and return its number."""
        asked = {"product": "website", "subject": "Nothing works", "description": "The site does not answer."}
        return self.case("technical_error", **asked | request, emergency={"kind": "after_hours", "symptom": symptom})

    def works(self, case: str, started: str, *, minutes: float, entry: str = "", **other: Any) -> str:
        """Log work of the staff on a case, and return the entry's id."""
        entry = entry or f"work-{next(self._entries)}"
        self.does(
            "log-work",
            ticket=case,
            entry_id=entry,
            agent="kim",
            started_at=instant(started).isoformat(),
            duration_seconds=round(minutes * 60),
            activity="support",
            **other,
        )
        return entry

    def corrects(self, case: str, entry: str, *, minutes: float, reason: str = "Misread the clock") -> None:
        """Say how long a piece of work really took."""
        self.does("correct-work", ticket=case, entry_id=entry, duration_seconds=round(minutes * 60), reason=reason)

    def buys(self, hours: int, *, customer_id: str = ALPINE, **other: Any) -> str:
        """Let the customer buy a pack of hours, and return its id."""
        pack: str = self.does("buy-hours", customer_id=customer_id, hours=hours, **other)["result"]["pack_id"]
        return pack

    def staff_reply(self, case: str, body: str = "We are looking into it.") -> Any:
        """Answer the customer."""
        return self.does("add-reply", ticket=case, author={"role": "staff", **KIM}, body=body)

    def customer_reply(self, case: str, body: str = "Here is what you asked for.") -> Any:
        """Let the customer write to the case."""
        return self.does("add-reply", ticket=case, author={"role": "requester", **ADA}, body=body)

    def resolves(self, case: str, resolution: str = "Done as asked.", **other: Any) -> None:
        """Say that the request is dealt with."""
        self.does("resolve-ticket", ticket=case, resolution=resolution, **other)

    def closes(self, case: str) -> None:
        """End a resolved case."""
        self.does("close-ticket", ticket=case, reason="Nothing more was heard.")

    def accepts(self, case: str, reason: str = "The site is down for everybody.") -> None:
        """Grant emergency support."""
        self.does("decide-emergency", ticket=case, accepted=True, reason=reason)

    def declines(self, case: str, reason: str = "It can wait until Monday.") -> None:
        """Decline emergency support."""
        self.does("decide-emergency", ticket=case, accepted=False, reason=reason)

    def rules(self, case: str, scope: str, reason: str = "The host's log says so.") -> None:
        """Rule the cause of an emergency in_scope or out_of_scope."""
        self.does("rule-cause", ticket=case, scope=scope, reason=reason)

    def closes_month(self, period: str, *, customer_id: str = ALPINE) -> None:
        """Close a month of a customer."""
        self.does("close-period", customer_id=customer_id, period=period)

    # What is answered

    def asks(self, path: str, **parameters: Any) -> Any:
        """Ask a question and return the answer."""
        wanted = {"min_position": self._position, "wait_ms": 10_000, **parameters}
        answer = self.request("GET", f"{path}?{urlencode(wanted)}")
        assert answer.status == 200, answer.bytes.decode()
        return answer.body

    def ticket(self, case: str) -> Any:
        """Return a case as it is now."""
        return self.asks(f"/v1/tickets/{case}")

    def history(self, case: str, kind: str = "") -> list[Any]:
        """Return the events of a case, those of one kind if it is named: what each says, and its `position`."""
        items = self.asks(f"/v1/tickets/{case}/history")["items"]
        named = [
            {**_said(each["data"]), "type": each["type"].split(".")[0], "position": each["position"]} for each in items
        ]
        return [each for each in named if kind in {"", each["type"]}]

    def queue(self, **filters: Any) -> list[str]:
        """Return the numbers of the open cases in the order of the queue."""
        return [item["case_number"] for item in self.asks("/v1/queue", **filters)["items"]]

    def clock(self, case: str, name: str) -> Any:
        """Return the latest instance of a case's clock, or nothing."""
        clocks = [each for each in self.asks(f"/v1/tickets/{case}/sla")["clocks"] if each["clock"] == name]
        return max(clocks, key=lambda each: each["instance"]) if clocks else None

    def breaches(self, case: str) -> list[Any]:
        """Return what was recorded as missed on a case, the oldest first."""
        return self.history(case, "ServiceLevelBreached")

    def statement(self, period: str, *, customer_id: str = ALPINE, **as_of: Any) -> Statement:
        """Return a customer's month."""
        return Statement(self.asks(f"/v1/customers/{quote(customer_id)}/statement", period=period, **as_of))

    def subscription(self, customer_id: str = ALPINE) -> Any:
        """Return what a customer subscribed to, and what is left of it."""
        return self.asks(f"/v1/customers/{quote(customer_id)}/subscription")

    def pack(self, pack_id: str, *, customer_id: str = ALPINE) -> Any:
        """Return a pack of the subscription."""
        (pack,) = [each for each in self.subscription(customer_id)["packs"] if each["pack_id"] == pack_id]
        return pack

    def balance(self, account: str, commodity: str, *, customer_id: str = ALPINE) -> int:
        """Return what stands on an account of the ledger, in cents or seconds; accounts below it are added up."""
        balances = self.asks("/v1/ledger/balances", customer=customer_id)["items"]
        return sum(
            each["amount"]
            for each in balances
            if each["commodity"] == commodity and f"{each['account']}:".startswith(f"{account}:")
        )

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str | None] | None = None) -> Answer:
        """Send a request as any client would."""
        sent = self._key | {name: value for name, value in (headers or {}).items() if value is not None}
        data = None
        if body is not None:
            data = json.dumps(body)
            sent["Content-Type"] = "application/json"
        self._connection.request(method, path, data, sent)
        return Answer(self._connection.getresponse())


def _said(data: Any) -> Any:
    """Return what an event says, the words of people as plain text."""
    match data:
        case {"text": text, **rest} if not rest:
            return text
        case dict():
            return {name: _said(value) for name, value in data.items()}
        case list():
            return [_said(each) for each in data]
        case _:
            return data
