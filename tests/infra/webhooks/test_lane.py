"""Deliveries to a real receiver: signed, in order, tried again, parked, taken up again; nothing waits for a clock."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from api.http.shapes.webhooks import Deliveries, ParkedDelivery
from domain.webhook.events import WebhookDisabled
from infra.webhooks.cursors import CursorMoved
from tests.infra.webhooks.conftest import Hooks
from tests.infra.webhooks.receiving import Message, Reply

FAILS = Reply(500)
TAKEN = Reply()


def test_every_event_after_its_creation_comes_once_in_order_signed_and_as_the_feed_shows_it(hooks: Hooks) -> None:
    before = hooks.happen(2)
    webhook = hooks.webhook()
    positions = hooks.happen(5)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == positions
    assert not set(before) & set(hooks.receiver.positions)
    assert all(message.verified for message in hooks.receiver.messages)
    first = hooks.receiver.messages[0]
    (event,) = [each for each in hooks.desk.events(first.event["subject"]) if each.position == first.position]
    assert first.id == first.event["id"] == event.metadata.event_id
    assert first.headers["content-type"].startswith("application/cloudevents+json")
    assert hooks.deliver.standing(webhook)["delivered"] == 5
    assert hooks.receiver.connections == 1, "it is kept"


def test_a_message_that_was_changed_on_the_way_does_not_verify(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    hooks.receiver.secrets = [hooks.knows("another", 1)]
    hooks.happen()
    hooks.deliver.attempts(webhook)
    assert [message.verified for message in hooks.receiver.messages] == [False]


def test_only_the_types_and_the_customer_that_were_asked_for_are_sent(hooks: Hooks) -> None:
    customer, other = hooks.desk.customer(), hooks.desk.customer()
    hooks.webhook("tickets", types=["TicketOpened.v1"], customer_id=customer)
    hooks.desk.ticket(other)
    ticket = hooks.desk.ticket(customer)
    hooks.desk.send("assign-ticket", ticket=ticket, agent="kim")
    hooks.deliver.attempts("tickets")
    assert [message.event["data"]["ticket_id"] for message in hooks.receiver.messages] == [ticket]
    hooks.desk.send("update-webhook", webhook="tickets", url=hooks.receiver.url, types=["TicketAssigned.v1"])
    hooks.desk.send("assign-ticket", ticket=ticket, agent="lee")
    hooks.deliver.attempts("tickets")
    assert [message.event["type"] for message in hooks.receiver.messages[1:]] == ["TicketAssigned.v1"]


def failing(*positions: int, reply: Reply = FAILS) -> Any:
    return lambda message: reply if message.position in positions else TAKEN


def test_a_message_that_fails_holds_up_its_stream_alone_and_comes_by_the_schedule(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    first, poison, after = hooks.happen()[0], hooks.happen(1, article="a")[0], hooks.happen()[0]
    behind = hooks.happen(2, article="a")
    last = hooks.happen()[0]
    hooks.receiver.answer = failing(poison)
    assert hooks.deliver.attempts(webhook) == pytest.approx(5, abs=1)
    assert hooks.receiver.positions == [first, poison, after, last]
    standing = hooks.deliver.standing(webhook)
    assert (standing["waiting"], standing["parked"], standing["last_failure"]) == (3, 0, "answered 500")

    hooks.deliver.forward(seconds=5)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[4:] == [poison], "again, and the next pause is longer"
    hooks.deliver.forward(seconds=299)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[5:] == []
    hooks.receiver.answer = failing()
    hooks.deliver.forward(seconds=1)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[5:] == [poison, *behind], "its stream in order"
    ids = [message.id for message in hooks.receiver.messages if message.position == poison]
    assert len(ids) == 3
    assert len(set(ids)) == 1, "always the same id"
    assert hooks.deliver.standing(webhook)["waiting"] == 0


def test_after_the_last_attempt_a_delivery_is_parked_and_its_stream_goes_on(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    poison, behind = hooks.happen(2, article="a")
    hooks.receiver.answer = failing(poison)
    for seconds in (0, 5, 300, 1_800):
        hooks.deliver.forward(seconds=seconds)
        hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == [poison] * 4 + [behind]
    (parked,) = hooks.deliver.parked(webhook)
    assert (parked["position"], parked["type"], parked["attempts"]) == (poison, "ArticlePublished.v1", 4)
    assert parked["error"] == "answered 500"
    msgspec.convert(parked, ParkedDelivery)
    msgspec.convert(hooks.deliver.standing(webhook), Deliveries)
    hooks.deliver.forward(days=30)
    hooks.deliver.attempts(webhook)
    assert len(hooks.receiver.messages) == 5, "not by itself"


def parked(hooks: Hooks, count: int = 1) -> tuple[str, list[int]]:
    """A webhook with parked deliveries of streams of their own."""
    webhook = hooks.webhook()
    poison = hooks.happen(count)
    hooks.receiver.answer = failing(*poison)
    for _ in range(100):
        hooks.deliver.attempts(webhook)
        hooks.deliver.forward(days=1)
        hooks.desk.clock.forward(days=1)
        if len(hooks.deliver.parked(webhook)) == count:
            break
        if hooks.deliver.given_up:
            hooks.desk.send("enable-webhook", webhook=webhook, missed="send")
            hooks.deliver.given_up.clear()
    assert [each["position"] for each in hooks.deliver.parked(webhook)] == poison
    hooks.receiver.answer = failing()
    hooks.receiver.messages.clear()
    return webhook, poison


def test_parked_deliveries_are_taken_up_again_all_or_some(hooks: Hooks) -> None:
    webhook, (first, second, third) = parked(hooks, 3)
    hooks.desk.send("retry-deliveries", webhook=webhook, positions=[second])
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[:1] == [second]
    hooks.desk.send("retry-deliveries", webhook=webhook)
    hooks.deliver.attempts(webhook)
    assert [each for each in hooks.receiver.positions if each <= third] == [second, first, third]
    assert hooks.deliver.parked(webhook) == []


def test_a_retried_delivery_has_all_its_attempts_again(hooks: Hooks) -> None:
    webhook, (poison,) = parked(hooks)
    hooks.receiver.answer = failing(poison)
    hooks.desk.send("retry-deliveries", webhook=webhook)
    hooks.deliver.attempts(webhook)
    standing = hooks.deliver.standing(webhook)
    assert (standing["waiting"], standing["parked"]) == (1, 0)


def test_parked_deliveries_are_dropped(hooks: Hooks) -> None:
    webhook, (first, second) = parked(hooks, 2)
    hooks.desk.send("drop-deliveries", webhook=webhook, positions=[first], reason="known")
    hooks.deliver.attempts(webhook)
    assert [each["position"] for each in hooks.deliver.parked(webhook)] == [second]
    hooks.desk.send("drop-deliveries", webhook=webhook)
    hooks.deliver.attempts(webhook)
    assert hooks.deliver.parked(webhook) == []
    assert not {first, second} & set(hooks.receiver.positions)


def test_a_replay_sends_everything_after_a_position_again_under_the_same_ids(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    positions = hooks.happen(4)
    hooks.deliver.attempts(webhook)
    before = [message.id for message in hooks.receiver.messages]
    hooks.desk.send("replay-webhook", webhook=webhook, after=positions[1])
    hooks.deliver.attempts(webhook)
    again = hooks.receiver.messages[len(before) :]
    assert [message.position for message in again][:2] == positions[2:]
    assert [message.id for message in again][:2] == before[2:]
    hooks.deliver.refresh()
    hooks.process().attempts(webhook)  # another process: what was decided has its effect once
    assert [message.position for message in hooks.receiver.messages[len(before) :]][:2] == positions[2:]
    assert hooks.receiver.positions.count(positions[3]) == 2


def test_a_replay_takes_what_is_parked_along(hooks: Hooks) -> None:
    webhook, poison = parked(hooks, 2)
    hooks.desk.send("replay-webhook", webhook=webhook, after=poison[0])
    hooks.deliver.attempts(webhook)
    assert [each["position"] for each in hooks.deliver.parked(webhook)] == [poison[0]]
    assert hooks.receiver.positions[0] == poison[1]


@pytest.mark.parametrize("as_date", [False, True])
def test_a_receiver_is_left_alone_as_long_as_it_asks(hooks: Hooks, as_date: bool) -> None:
    webhook = hooks.webhook()
    first, second = hooks.happen(2)
    instant = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    hooks.receiver.answer = failing(first, reply=Reply(429, {"Retry-After": instant if as_date else "600"}))
    wait = hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == [first]
    assert wait is not None
    assert 500 < wait <= 600
    hooks.receiver.answer = failing()
    hooks.deliver.forward(seconds=490)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == [first]
    hooks.deliver.forward(seconds=111)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == [first, first, second]


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "Mon, 99 Nov 2026", "9" * 400])
def test_a_retry_after_without_sense_does_no_harm(hooks: Hooks, value: str) -> None:
    webhook = hooks.webhook()
    (position,) = hooks.happen()
    hooks.receiver.answer = lambda _: Reply(503, {"Retry-After": value})
    wait = hooks.deliver.attempts(webhook)
    assert wait is not None
    assert wait <= 86_400
    hooks.receiver.answer = failing()
    hooks.deliver.forward(days=1, seconds=1)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == [position, position]


def broken(_: Message) -> Reply:
    raise ConnectionAbortedError


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(301, {"Location": "http://127.0.0.1:1/"}), "answered 301"),
        (Reply(404), "answered 404"),
        (Reply(500, {}, b"x" * 1_000_000), "answered 500"),
        (Reply(599), "answered 599"),
    ],
)
def test_any_answer_but_success_is_a_failure_and_a_redirect_is_not_followed(
    hooks: Hooks, reply: Reply, reason: str
) -> None:
    webhook = hooks.webhook()
    (position,) = hooks.happen()
    hooks.receiver.answer = lambda _: reply
    hooks.deliver.attempts(webhook)
    assert hooks.deliver.standing(webhook)["last_failure"] == reason
    assert hooks.receiver.positions == [position]
    assert "x" not in hooks.deliver.standing(webhook)["last_failure"], "nothing of what it says"


@pytest.mark.parametrize("reply", [Reply(200), Reply(202, {}, b"{}"), Reply(200, {}, b"x" * 1_000_000), Reply(204)])
def test_any_2xx_is_success_however_long_its_body(hooks: Hooks, reply: Reply) -> None:
    webhook = hooks.webhook()
    positions = hooks.happen(3)
    hooks.receiver.answer = lambda _: reply
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == positions
    assert hooks.deliver.standing(webhook)["delivered"] == 3


def test_a_connection_that_breaks_is_a_failure_and_one_that_was_closed_idle_is_none(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    first, second = hooks.happen(2)
    hooks.receiver.answer = lambda message: Reply(200, {"Connection": "close"}) if message.position == first else TAKEN
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == [first, second]
    assert "last_failure" not in hooks.deliver.standing(webhook)
    hooks.receiver.answer = broken
    (third,) = hooks.happen()
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[2:] == [third, third], "at once on a connection of its own, then by the schedule"
    assert hooks.deliver.standing(webhook)["last_failure"] != ""


def test_a_receiver_that_is_too_slow_is_left_after_the_time_allowed(hooks: Hooks) -> None:
    import threading

    hooks.deliver = hooks.process(timeout=0.2)
    webhook = hooks.webhook()
    (position,) = hooks.happen()
    answered = threading.Event()

    def slow(_: Message) -> Reply:
        answered.wait(20)
        return TAKEN

    hooks.receiver.answer = slow
    hooks.deliver.attempts(webhook)
    assert hooks.deliver.standing(webhook)["last_failure"] == "no answer in time"
    answered.set()
    hooks.receiver.answer = failing()
    patient = hooks.process()
    patient.now = hooks.deliver.now
    patient.forward(seconds=5)
    patient.attempts(webhook)
    assert hooks.receiver.positions == [position, position]


def test_a_receiver_that_is_away_is_tried_with_few_messages_and_gets_everything_in_the_end(hooks: Hooks) -> None:
    hooks.deliver = hooks.process((5, 300, 1_800, 7_200, 18_000))
    webhook = hooks.webhook()
    positions = hooks.happen(60)
    hooks.receiver.answer = lambda _: FAILS
    for _ in range(2 * 3_600):
        wait = hooks.deliver.attempts(webhook)
        hooks.deliver.forward(seconds=max(1.0, wait or 1.0))
        if len(hooks.receiver.messages) >= 30:
            break
    assert len(set(hooks.receiver.positions)) < 30, "it was not shown all of them"
    hooks.receiver.answer = failing()
    hooks.receiver.messages.clear()
    hooks.deliver.forward(seconds=301)
    wait = hooks.deliver.attempts(webhook)
    taken = hooks.receiver.positions
    assert set(taken) == set(positions), "all of it at once, once it takes messages again"
    assert len(taken) == len(set(taken))
    assert taken[1:] == sorted(taken[1:])
    assert "failing_since" not in hooks.deliver.standing(webhook)


def test_a_process_that_begins_while_a_receiver_is_away_knows_of_it(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    positions = hooks.happen(5)
    hooks.receiver.answer = lambda _: FAILS
    hooks.deliver.attempts(webhook)
    later = hooks.process()
    hooks.receiver.answer = failing()
    hooks.receiver.messages.clear()
    later.attempts(webhook)
    assert sorted(hooks.receiver.positions) == positions, "what waited for its time is due as well"


def test_what_waits_is_due_when_the_webhook_was_mended(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    (poison,) = hooks.happen()
    hooks.receiver.answer = failing(poison)
    hooks.deliver.attempts(webhook)
    hooks.receiver.answer = failing()
    hooks.desk.send("update-webhook", webhook=webhook, url=f"{hooks.receiver.url}&mended=1")
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[:2] == [poison, poison]


def test_what_waits_is_not_sent_to_a_webhook_that_wants_it_no_more(hooks: Hooks) -> None:
    customer, other = hooks.desk.customer(), hooks.desk.customer()
    webhook = hooks.webhook()
    tickets = [hooks.desk.ticket(each) for each in (customer, other)]
    (article,) = hooks.happen()
    hooks.receiver.answer = lambda _: FAILS
    for _ in range(3):
        hooks.deliver.attempts(webhook)
        hooks.deliver.forward(seconds=20)
    hooks.receiver.answer = failing()
    hooks.receiver.messages.clear()
    hooks.desk.send(
        "update-webhook", webhook=webhook, url=hooks.receiver.url, types=["TicketOpened.v1"], customer_id=other
    )
    hooks.deliver.attempts(webhook)
    assert [message.event["data"]["ticket_id"] for message in hooks.receiver.messages] == tickets[1:]
    assert hooks.deliver.standing(webhook)["waiting"] == 0
    assert article not in hooks.receiver.positions


def disabled(hooks: Hooks, webhook: str) -> list[tuple[str, str]]:
    events = [each.event for each in hooks.desk.events(f"webhook-{webhook}")]
    return [(event.cause, event.reason) for event in events if isinstance(event, WebhookDisabled)]


def test_a_receiver_that_is_gone_is_given_up_and_misses_nothing_if_it_comes_back(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    first, second = hooks.happen(2)
    hooks.receiver.answer = lambda _: Reply(410)
    hooks.deliver.attempts(webhook)
    assert hooks.deliver.attempts(webhook) is None
    assert disabled(hooks, webhook) == [("gone", "the receiver answered 410 Gone")]
    assert hooks.receiver.positions == [first]
    hooks.receiver.answer = failing()
    hooks.desk.send("enable-webhook", webhook=webhook, missed="send")
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions[1:3] == [first, second]


def test_a_receiver_that_takes_nothing_for_days_is_given_up_with_the_reason(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    hooks.receiver.answer = lambda _: FAILS
    began = hooks.deliver.now
    while not hooks.deliver.given_up:
        hooks.happen()
        hooks.deliver.attempts(webhook)
        hooks.deliver.forward(hours=6)
        assert hooks.deliver.now - began < timedelta(days=6)
    assert hooks.deliver.now - began >= timedelta(days=5)
    ((cause, reason),) = disabled(hooks, webhook)
    assert cause == "failing"
    assert reason.endswith("the last attempt: answered 500")
    hooks.desk.send("enable-webhook", webhook=webhook, missed="send")
    hooks.deliver.attempts(webhook)
    assert len(disabled(hooks, webhook)) == 1, "the time begins anew"


def test_a_failure_long_after_the_last_one_is_no_reason_to_give_a_receiver_up(hooks: Hooks) -> None:
    webhook, _ = parked(hooks)
    hooks.receiver.answer = lambda _: FAILS
    hooks.deliver.forward(days=30)
    hooks.happen()
    hooks.deliver.attempts(webhook)
    assert hooks.deliver.given_up == []
    assert hooks.deliver.standing(webhook)["failing_since"] == hooks.deliver.now


def test_what_was_missed_is_left_out_if_that_is_asked_for(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    hooks.desk.send("disable-webhook", webhook=webhook, reason="it moves")
    missed = hooks.happen(2)
    hooks.deliver.attempts(webhook)
    hooks.desk.send("enable-webhook", webhook=webhook, missed="skip")
    after = hooks.happen(2)
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.positions == after
    assert not set(missed) & set(hooks.receiver.positions)


def test_a_deleted_webhook_leaves_nothing(hooks: Hooks) -> None:
    webhook, _ = parked(hooks)
    hooks.desk.send("delete-webhook", webhook=webhook)
    hooks.happen()
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.messages == []
    assert hooks.deliver.standing(webhook) is None
    hooks.process().refresh()
    assert hooks.deliver.standing(webhook) is None


def test_both_secrets_sign_while_they_overlap_and_the_new_one_alone_after_that(hooks: Hooks) -> None:
    webhook = hooks.webhook()
    old, new = hooks.knows(webhook, 1), hooks.knows(webhook, 2)
    hooks.desk.send("rotate-webhook-secret", webhook=webhook, overlap_seconds=86_400)

    def verified_by(secret: str) -> bool:
        hooks.receiver.secrets = [secret]
        hooks.happen()
        hooks.deliver.attempts(webhook)
        return hooks.receiver.messages[-1].verified

    assert verified_by(old)
    assert verified_by(new)
    assert len(hooks.receiver.messages[-1].headers["webhook-signature"].split(" ")) == 2
    hooks.desk.clock.forward(days=1)
    assert verified_by(new)
    assert not verified_by(old)
    hooks.desk.send("rotate-webhook-secret", webhook=webhook, overlap_seconds=0)
    assert not verified_by(new), "at once"
    assert verified_by(hooks.knows(webhook, 3))


def test_of_two_that_deliver_at_once_the_later_one_steps_back(hooks: Hooks) -> None:
    """A leader that lost its connection learns of it late: what it sends may come twice, what it notes counts once."""
    webhook = hooks.webhook()
    first, second = hooks.happen(2)
    late, other = hooks.deliver, hooks.process()
    late.refresh()

    def meanwhile(message: Message) -> Reply:
        hooks.receiver.answer = failing()
        other.attempts(webhook)
        return TAKEN

    hooks.receiver.answer = meanwhile
    with pytest.raises(CursorMoved):
        late.attempts(webhook)
    assert late.standing(webhook)["delivered"] == 2
    late.lanes[webhook].reload()
    hooks.happen()
    late.attempts(webhook)
    assert set(hooks.receiver.positions) >= {first, second}
    assert late.standing(webhook)["delivered"] == 3


def test_a_trace_goes_on_at_the_receiver(hooks: Hooks) -> None:
    from commands.dispatch import Request

    webhook = hooks.webhook()
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    hooks.desk.dispatcher.execute(
        Request(
            command="publish-article",
            data={"title": "A", "body": "B", "topics": []},
            fingerprint="",
            caller="test",
            actor="test",
            correlation_id="c",
            traceparent=traceparent,
        )
    )
    hooks.deliver.attempts(webhook)
    assert hooks.receiver.messages[0].headers["traceparent"] == traceparent


def test_the_secret_is_of_the_form_of_the_specification(hooks: Hooks) -> None:
    secret = hooks.knows("any", 1)
    assert secret.startswith("whsec_")
    assert 24 <= len(Webhook(secret)._whsecret) <= 64
