"""Commands by Kafka: carried out once, answered once, in the order of their customer."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from eventsourcing.persistence import OperationalError
from structlog.testing import capture_logs

from commands.answers import Answer
from commands.dispatch import Request
from commands.wire.examples import EXAMPLES
from infra.kafka.inbound.session import OutOfGroup, Session
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from tests.desk import Desk, append
from tests.infra.kafka.inbound.conftest import Correspondence, Message, taking
from tests.waiting import eventually


def register(customer: str, **other: Any) -> dict[str, Any]:
    return {"command": "register-customer", "data": EXAMPLES["register-customer"] | {"customer_id": customer}} | other


def test_a_command_is_carried_out_and_answered_as_over_http(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    post.send(register("alpine"), "alpine", correlation_id="order-77", idempotency_key="k-1", actor="crm")
    with taking(kafka, names, desk.dispatcher):
        [answer] = post.replies(1)
    assert answer.key == b"alpine"
    assert answer.json["stream_id"] == "customer-alpine"
    assert {name: answer.headers.get(name) for name in ("status", "content-type", "etag", "location")} == {
        "status": "201",
        "content-type": "application/json",
        "etag": '"1"',
        "location": "/v1/customers/alpine",
    }
    assert (answer.headers["correlation-id"], answer.headers["idempotency-key"]) == ("order-77", "k-1")
    assert (answer.headers["request-topic"], answer.headers["request-offset"]) == (names.commands, "0")
    assert "idempotency-replayed" not in answer.headers
    [event] = desk.events("customer-alpine")
    assert (event.metadata.correlation_id, event.metadata.actor) == ("order-77", "kafka:crm")


def test_a_refused_command_is_answered_with_its_problem_document(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    for sent in (
        {"command": "buy-hours", "data": {"customer_id": "nobody", "hours": 5}},
        {"command": "make-coffee", "data": {}},
        {"command": "add-note", "data": {}},
        {"command": "add-note", "data": {}, "colour": "red"},
        {"command": "publish-plan", "data": {}},
        {"command": "log-work", "data": None, "idempotency_key": "a"},
    ):
        post.post(sent, "alpine", correlation_id="c", idempotency_key="b")
    post.flush()
    with taking(kafka, names, desk.dispatcher, barred={"publish-plan": "not by Kafka"}.get):
        answers = post.replies(6)
    assert [(answer.headers["status"], answer.json["code"]) for answer in answers] == [
        ("404", "unknown_customer"),
        ("404", "unknown_command"),
        ("422", "invalid_data"),
        ("422", "invalid_data"),
        ("403", "forbidden"),
        ("422", "invalid_data"),
    ]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert {answer.json["correlation_id"] for answer in answers} == {"c"}
    assert post.read(names.dead_commands) == []


def test_a_batch_is_carried_out_in_order_and_each_of_it_is_answered(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    buy = {"command": "buy-hours", "data": {"customer_id": "alpine", "hours": 5}}
    start = {"command": "start-subscription", "data": {"customer_id": "alpine", "plan": "standard"}}
    post.send({"commands": [register("alpine"), buy, start, buy, None]}, "alpine")
    post.send({"commands": []}, "alpine")
    with taking(kafka, names, desk.dispatcher):
        answer, none = post.replies(2)
    assert [each["status"] for each in answer.json["answers"]] == [201, 422, 201, 200, 422]
    assert answer.headers["status"] == "200"
    assert (none.headers["status"], none.json["code"]) == ("422", "invalid_data")


def test_a_repeat_of_a_key_is_answered_as_the_first_time(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    post.post(register("alpine"), "alpine", idempotency_key="once")
    post.post(register("alpine"), "alpine", idempotency_key="once")
    post.post(register("alpine"), "alpine")
    post.flush()
    with taking(kafka, names, desk.dispatcher):
        first, repeat, another = post.replies(3)
    assert repeat.value == first.value
    assert repeat.headers["idempotency-replayed"] == "true"
    assert (another.json["events"], another.headers["status"]) == ([], "200")
    assert len(desk.events("customer-alpine")) == 1


class Bytes(str):
    """The name of a header as clients of other languages can write it: not in UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        """Return what kafka-python then sends."""
        return b"\xff\xfe" + super().encode()


BAD: dict[str, tuple[str, bytes | None, list[tuple[str, bytes]]]] = {
    "no JSON": ("malformed_json", b"{", []),
    "no UTF-8": ("malformed_json", b'{"command": "\xff"}', []),
    "a name twice": ("malformed_json", b'{"command": "a", "command": "b", "data": {}}', []),
    "too deep": ("malformed_json", b'{"command": "a", "data": ' + b"[" * 40 + b"]" * 40 + b"}", []),
    "too large": ("too_large", b'{"command": "a", "data": "' + b"x" * 2**20 + b'"}', []),
    "nothing": ("no_value", None, []),
    "no object": ("no_command", b"[]", []),
    "no command": ("no_command", b'{"data": {}}', []),
    "a key twice": ("invalid_header", b"{}", [("idempotency-key", b"a"), ("Idempotency-Key", b"a")]),
    "a bad key": ("invalid_header", b"{}", [("idempotency-key", b"a b")]),
    "a bad correlation": ("invalid_header", b"{}", [("correlation-id", b"x" * 129)]),
    "a header that is no text": ("invalid_header", b"{}", [("correlation-id", b"\xff")]),
    "a header whose name is no text": ("invalid_header", b"{}", [(Bytes("tenant"), b"a")]),
    "a bad actor": ("invalid_header", b"{}", [("actor", b"")]),
    "another type": ("unsupported_media_type", b"{}", [("content-type", b"text/plain")]),
    "a version in a header": ("invalid_header", b"{}", [("if-match", b'"1"')]),
    "the key of a batch": ("invalid_header", b'{"commands": []}', [("idempotency-key", b"a")]),
}


def test_what_is_no_command_is_a_dead_letter_with_its_reason_and_keeps_nobody_else_waiting(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    for _, value, headers in BAD.values():
        post.post_raw(value, b"alpine", headers)
    post.send(register("alpine"), "alpine")
    with taking(kafka, names, desk.dispatcher):
        [answer] = post.replies(1)
        dead = post.dead(len(BAD))
    assert answer.headers["status"] == "201"
    assert {name: letter.headers["dead-code"] for name, letter in zip(BAD, dead, strict=True)} == {
        name: code for name, (code, _, _) in BAD.items()
    }
    assert [letter.value for letter in dead] == [value for _, value, _ in BAD.values()]
    assert {letter.key for letter in dead} == {b"alpine"}
    assert [letter.headers["request-offset"] for letter in dead] == [str(number) for number in range(len(BAD))]
    named = dead[list(BAD).index("a header whose name is no text")]
    assert named.headers["\ufffd\ufffdtenant"] == "a"
    assert named.headers["dead-reason"] == "the name of a header is no UTF-8 text: \ufffd\ufffdtenant"


class Failing:
    """Carries commands out, but not as long as it is told to fail."""

    def __init__(self, desk: Desk, fails: Callable[[Request], bool]) -> None:
        self._desk = desk
        self.fails = fails
        self.seen: list[str] = []

    def execute(self, request: Request) -> Answer:
        self.seen.append(request.data["customer_id"])
        if self.fails(request):
            raise OperationalError("the database is away")
        return self._desk.dispatcher.execute(request)


def test_a_command_that_the_database_could_not_take_is_tried_again_and_those_of_its_customer_wait_behind_it(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    failing = Failing(desk, lambda request: request.data["customer_id"] == "stuck")
    post.post(register("stuck"), "same", 0)
    post.post(register("behind"), "same", 0)
    post.post(register("elsewhere"), "other", 1)
    post.flush()
    with taking(kafka, names, failing):
        [answer] = post.replies(1)
        assert answer.json["stream_id"] == "customer-elsewhere"
        eventually(lambda: failing.seen.count("stuck") >= 3)
        assert "behind" not in failing.seen
        failing.fails = lambda _: False
        answers = post.replies(3)
    assert [answer.json["stream_id"] for answer in answers[1:]] == ["customer-stuck", "customer-behind"]
    assert post.read(names.dead_commands) == []


def die_before_the_first_answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let a process end once, when its first answers are about to be written; what is returned is empty until then."""
    answer = Session.answer
    died: list[int] = []

    def dies(session: Session, *arguments: Any) -> None:
        if not died:
            died.append(1)
            raise OutOfGroup("as if it had been killed")
        answer(session, *arguments)

    monkeypatch.setattr(Session, "answer", dies)
    return died


def test_a_process_that_ends_before_its_answers_are_written_leaves_them_to_the_next_and_nothing_is_done_twice(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = die_before_the_first_answers(monkeypatch)
    for number in range(20):
        post.post(register(f"c-{number}"), f"c-{number}")
    post.flush()
    with taking(kafka, names, desk.dispatcher):
        answers = post.replies(20)
    assert died
    assert {answer.headers["status"] for answer in answers} == {"201"}
    assert len({answer.json["stream_id"] for answer in answers}) == 20
    assert all(len(desk.events(f"customer-c-{number}")) == 1 for number in range(20))


def test_a_command_that_was_refused_stays_refused_when_its_record_is_read_again(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies when the first is refused and the second, which would let it through, is in the log."""
    died = die_before_the_first_answers(monkeypatch)
    update = {"command": "update-customer", "data": {"customer_id": "alpine", "name": "Alpine"}}
    post.post(update, "alpine", correlation_id="alone", idempotency_key="k")
    post.post({"commands": [update]}, "alpine", correlation_id="many")
    post.post(register("alpine"), "alpine")
    post.post(update, "alpine", correlation_id="again", idempotency_key="k")
    post.post(update, "alpine", correlation_id="anew")
    post.flush()
    with taking(kafka, names, desk.dispatcher):
        alone, many, registered, again, anew = post.replies(5)
    assert died
    assert [each.headers["status"] for each in (alone, registered, again, anew)] == ["404", "201", "404", "200"]
    assert (alone.headers["idempotency-replayed"], again.headers["idempotency-replayed"]) == ("true", "true")
    assert [(each.json["code"], each.json["correlation_id"]) for each in (alone, again)] == [
        ("unknown_customer", "alone"),
        ("unknown_customer", "again"),
    ]
    [of_batch] = many.json["answers"]
    assert (of_batch["status"], of_batch["problem"]["correlation_id"], of_batch["replayed"]) == (404, "many", True)
    assert [event.metadata.correlation_id for event in desk.events("customer-alpine")][1:] == ["anew"]


def addresses(answers: list[Message]) -> list[tuple[str, str]]:
    return [(answer.headers["request-partition"], answer.headers["request-offset"]) for answer in answers]


def test_the_group_shares_the_work_and_each_command_is_answered_once(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    sent = 0

    def send(number: int) -> None:
        nonlocal sent
        for _ in range(number):
            post.post(register(f"c-{sent}"), f"c-{sent}")
            sent += 1
        post.flush()

    with taking(kafka, names, desk.dispatcher):
        send(100)
        post.replies(50)
        with taking(kafka, names, desk.dispatcher_with({})), taking(kafka, names, desk.dispatcher_with({})):
            send(200)
            post.replies(250, 60)
            send(50)
        send(50)
        answers = post.replies(400, 60)
    assert len(set(addresses(answers))) == len(answers) == sent
    assert all(answer.headers["status"] == "201" for answer in answers)
    assert msgspec.json.decode(answers[0].value or b"")["version"] == 1


def test_what_the_inbox_takes_and_writes_is_what_the_asyncapi_document_tells(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names
) -> None:
    """`Correspondence` holds every answer and dead letter of these tests against it; here, which is which."""
    headers = {"correlation-id": "c", "idempotency-key": "k", "actor": "crm", "content-type": "application/json"}
    sent = msgspec.json.encode(register("alpine", if_match=0))
    batch = msgspec.json.encode({"commands": [register("b"), {"command": "add-note", "data": {}}]})
    assert post.told.fitting(names.commands, headers, sent) == ["register-customer"]
    assert post.told.fitting(names.commands, {}, batch) == ["batch"]
    for value in (sent, sent, batch, b'{"command": "add-note", "data": {}}', b"{"):
        post.post_raw(
            value, b"alpine", [] if value is batch else [(name, text.encode()) for name, text in headers.items()]
        )
    post.flush()
    with taking(kafka, names, desk.dispatcher):
        answers, dead = post.replies(4), post.dead(1)
    fitting = [post.told.fitting(names.replies, answer.headers, answer.value) for answer in answers]
    assert fitting == [["answer"], ["answer"], ["batch-answer"], ["problem"]]
    assert post.told.fitting(names.dead_commands, dead[0].headers, dead[0].value) == ["dead-command"]
    assert not post.told.fitting(names.replies, dead[0].headers, b"{}")
    for message, answer in zip(("answer", "answer", "batch-answer", "problem"), answers, strict=True):
        for name in answer.headers.keys() - {"idempotency-replayed", "idempotency-key"}:
            rest = {header: text for header, text in answer.headers.items() if header != name}
            assert post.told.wrong(message, rest, answer.value), f"{name} is told"
        assert answer.headers.keys() <= post.told.headers(message)


def test_a_command_that_follows_an_event_of_a_newer_release_is_answered_with_its_name_and_stops_nobody(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names, database: str, schema: str
) -> None:
    desk.send("register-customer", **EXAMPLES["register-customer"] | {"customer_id": "alpine"})
    append(database, schema, "customer-alpine", 2, "CustomerPainted.v1")
    update = {"command": "update-customer", "data": {"customer_id": "alpine", "name": "Alpine"}}
    post.post(update, "alpine", idempotency_key="k")
    post.post(register("bergen"), "alpine")
    post.flush()
    with capture_logs() as lines, taking(kafka, names, desk.dispatcher_with({})):
        refused, taken = post.replies(2)
    reason = "it follows an event of a newer release, CustomerPainted.v1, which this one cannot read"
    assert (refused.headers["status"], refused.json["code"]) == ("500", "internal_error")
    assert refused.json["detail"] == f"{reason}: send it again once that runs"
    assert taken.headers["status"] == "201"
    [said] = [line for line in lines if line["log_level"] == "error"]
    assert (said["event"], said["reason"]) == ("a command by Kafka needs a newer release", reason)
    assert "trace" not in said
