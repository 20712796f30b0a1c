"""The log of a desk at which all kinds of things happen to several customers at once, as its real deciders write it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec

from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.examples import EXAMPLES
from domain.personal import Personal
from domain.recorded import RecordedEvent
from infra.postgres.pool import connect
from infra.projection.feed import MOST_EVENTS, read_batch
from tests.desk import Desk, body_of

STAFF = {"role": "staff", "name": "Jo", "email": "jo@desk.example"}
REQUESTER = {"role": "requester", "name": "Ann", "email": "ann@example.com"}


def log_of(dsn: str, schema: str) -> list[RecordedEvent]:
    """Return the events of a desk's log, in order."""
    with closing(connect(dsn, schema)) as connection:
        batch = read_batch(connection, 0, MOST_EVENTS)
    assert not batch.undecodable
    return list(batch.records)


def live(desk: Desk) -> None:
    """Let cases, subscriptions, budgets, incidents, settings, articles and webhooks have their lives, interleaved.

    Cases of three customers are split and merged and share an incident; settings change while their clocks run.
    """
    _do(desk, "declare-incident", incident_id="down", title="Down", text="We look.")
    customers = [desk.customer(), desk.customer(allowance_seconds=7_200), desk.customer()]
    lives = [_customer(desk, customer) for customer in customers]
    lives += [_incidents(desk), _settings(desk), _webhooks(desk, customers)]
    while lives:
        lives = [each for each in lives if next(each, "over") != "over"]
        desk.clock.forward(minutes=45)


def _customer(desk: Desk, customer: str) -> Iterator[str]:
    """Three cases and what comes of them, packs, budgets, and the end of the month."""
    _do(
        desk,
        "set-budget",
        customer_id=customer,
        cadence="monthly",
        amount_cents=30_000,
        scope="all",
        starts_on="2026-11-01",
    )
    first, second, third = [desk.ticket(customer, subject=f"Rates {number}") for number in range(3)]
    yield ""
    worked: list[str] = []
    for command, data in (
        ("assign-ticket", {"ticket": first, "agent": "kim"}),
        ("escalate-ticket", {"ticket": third, "team": "second line", "reason": "Hard."}),
        ("set-category", {"ticket": third, "category": "technical_error"}),
        ("set-complexity", {"ticket": third, "complexity": "complex"}),
        ("add-note", {"ticket": third, "author": STAFF, "body": "Mine."}),
        ("link-incident", {"ticket": first, "incident": "down"}),
        ("add-reply", {"ticket": first, "author": STAFF, "body": "Look."}),
        ("wait-for-customer", {"ticket": first, "reason": "asked"}),
        ("set-urgency", {"ticket": second, "urgency": "high"}),
        ("log-work", {"ticket": second}),
        ("link-incident", {"ticket": second, "incident": "down"}),
        ("buy-hours", {"customer_id": customer, "hours": 5}),
        ("add-reply", {"ticket": first, "author": REQUESTER, "body": "Thanks."}),
        ("log-work", {"ticket": first}),
        ("log-work", {"ticket": second}),
        ("wait-for-partner", {"ticket": third, "partner": "host", "reason": "DNS"}),
        ("log-call", {"ticket": second, "with": "Ann Lee", "at": None}),
        ("decide-scope", {"ticket": second, "scope": "billable", "reason": "As agreed."}),
        ("update-customer", {**EXAMPLES["update-customer"], "customer_id": customer}),
    ):
        if command == "log-work":
            start = desk.clock.now()
            desk.clock.forward(hours=2)
            data |= {"agent": "kim", "activity": "analysis", "started_at": start, "duration_seconds": 5_400}
            worked.append(_do(desk, command, **data)["entry_id"])
        else:
            _do(desk, command, **{name: desk.clock.now() if value is None else value for name, value in data.items()})
        yield ""
    _do(desk, "notice-exhaustion", subscription_id=_subscription(desk, customer), month="2026-11")
    _do(desk, "correct-work", ticket=second, entry_id=worked[0], duration_seconds=900, reason="typo")
    yield ""
    split = {"subject": "Another", "description": "Topic", "category": "how_to"}
    _do(desk, "split-ticket", ticket=second, entry_ids=[worked[2]], **split)
    yield ""
    _do(desk, "merge-ticket", ticket=third, into=first)
    yield ""
    _do(desk, "void-work", ticket=first, entry_id=worked[1], reason="another's")
    yield ""
    _do(desk, "announce-incident-resolution", ticket=first, incident_id="down", text=Personal("Up."))
    desk.clock.forward(days=5)
    for each in (first, second):
        _do(desk, "record-due-ticket", id=each)
    yield ""
    _do(desk, "resolve-ticket", ticket=second, resolution="Done.")
    yield ""
    _do(desk, "reopen-ticket", ticket=second, reason="Not yet.")
    _do(desk, "change-plan", customer_id=customer, plan="standard", effective_on="2026-12-01", terms={})
    yield ""
    desk.clock.forward(days=12)
    _do(desk, "record-due-subscription", id=_subscription(desk, customer))
    yield ""
    _do(desk, "close-period", customer_id=customer, period="2026-11")
    yield ""
    _do(desk, "correct-work", ticket=second, entry_id=worked[0], duration_seconds=4_500, reason="no typo")
    _do(desk, "resolve-ticket", ticket=first, resolution="Done.")
    _do(desk, "close-ticket", ticket=first, reason="Over.")
    _do(desk, "note-budget-use", customer_id=customer)
    _do(desk, "cancel-subscription", customer_id=customer, reason="Closed.", effective_on="2027-03-31")


def _incidents(desk: Desk) -> Iterator[str]:
    for text in ("Soon.", "Sooner."):
        for _ in range(6):
            yield ""
        _do(desk, "post-incident-update", incident="down", text=text)
    for _ in range(6):
        yield ""
    _do(desk, "resolve-incident", incident="down", text="Up.")


def _settings(desk: Desk) -> Iterator[str]:
    for command in ("publish-calendar", "publish-sla-policy", "publish-plan"):
        for _ in range(4):
            yield ""
        effective = desk.clock.forward(hours=1)
        _do(desk, command, **EXAMPLES[command] | {"effective_from": effective})


def _webhooks(desk: Desk, customers: list[str]) -> Iterator[str]:
    """A webhook that is one customer's, then another's, and an article."""
    endpoint = {"url": "https://crm.example.com/caselog", "types": ["TicketOpened.v1"]}
    _do(desk, "create-webhook", webhook_id="crm", customer_id=customers[0], **endpoint)
    _do(desk, "publish-article", article_id="rates", title="Rates", body="So.", topics=["rates"])
    yield ""
    _do(desk, "update-webhook", webhook="crm", customer_id=customers[1], **endpoint)
    _do(desk, "revise-article", article_id="rates", title="Rates", body="So!", topics=["rates", "plans"])
    yield ""
    _do(desk, "disable-webhook", webhook="crm", reason="Noise.")
    _do(desk, "retire-article", article_id="rates")
    yield ""
    _do(desk, "enable-webhook", webhook="crm")
    for command in (
        "rotate-webhook-secret",
        "replay-webhook",
        "retry-deliveries",
        "drop-deliveries",
        "delete-webhook",
    ):
        yield ""
        _do(desk, command, **{**EXAMPLES[command], "webhook": "crm"})


def _subscription(desk: Desk, customer: str) -> str:
    stream_id = desk.application.holder("live_subscription", customer)
    assert stream_id is not None
    return stream_id.removeprefix("subscription-")


def _do(desk: Desk, command: str, **data: Any) -> Any:
    """Carry a command out, as JSON where clients can send it, and return its result."""
    wire = COMMAND_TYPES.get(command)
    taken = data if wire is None else wire.load(msgspec.json.decode(msgspec.json.encode(data)))
    return body_of(desk.send(command, **taken)).get("result", {})
