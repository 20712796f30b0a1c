"""What is too much is sent away at once and leaves no trace; what was let in is unaffected, and so are the watchers."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from api.http.admission import Places, shed_load
from api.http.app import create_app
from commands.wire.examples import EXAMPLES
from infra.metrics.instruments import SHED, UNDER_WAY
from tests.api.http.conftest import Api, json_of, problem_of

NEVER = 60.0
"""Seconds that no test waits."""


class Desk:
    """An application whose work is held up until it is let go."""

    def __init__(self) -> None:
        self.app = Flask("held up")
        self._arrived = threading.Semaphore(0)
        self._let_go = threading.Event()
        self.app.add_url_rule("/<path:path>", "work", self._work, methods=["GET", "POST"])

    def _work(self, path: str) -> str:
        if not path.startswith("health"):
            self._arrived.release()
            assert self._let_go.wait(NEVER)
        return path

    def ask(self, path: str, sent: list["TestResponse"]) -> threading.Thread:
        """Ask from a thread of its own; the answer goes into `sent`."""

        def run() -> None:
            with self.app.test_client() as client:
                sent.append(client.get(path, buffered=True))

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def wait_until_at_work(self, count: int) -> None:
        for _ in range(count):
            assert self._arrived.acquire(timeout=NEVER)

    def finish(self) -> None:
        self._let_go.set()


@pytest.fixture
def desk() -> Iterator[Desk]:
    held = Desk()
    yield held
    held.finish()


def shed(kind: str, reason: str) -> float:
    return _value(SHED.labels(kind, reason))


def _value(child: Any) -> float:
    return float(child._value.get())


def test_one_more_than_there_are_places_for_is_sent_away_at_once(desk: Desk) -> None:
    shed_load(desk.app, places=2, queue_size=0, queue_wait_seconds=NEVER)
    before = shed("commands", "full")
    answers: list[TestResponse] = []
    threads = [desk.ask("/v1/commands/log-work", answers) for _ in range(2)]
    desk.wait_until_at_work(2)
    assert _value(UNDER_WAY.labels("commands")) == 2

    refused = desk.app.test_client().post("/v1/commands/log-work", data=b"{")
    assert problem_of(refused, 503)["code"] == "overloaded"
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["Cache-Control"] == "no-store"
    assert shed("commands", "full") == before + 1

    desk.finish()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert desk.app.test_client().get("/v1/commands/log-work", buffered=True).status_code == 200
    assert _value(UNDER_WAY.labels("commands")) == 0


def test_commands_queries_and_watchers_do_not_keep_one_another_out(desk: Desk) -> None:
    shed_load(desk.app, places=1, queue_size=0, queue_wait_seconds=NEVER)
    answers: list[TestResponse] = []
    threads = [desk.ask("/v1/commands/log-work", answers)]
    desk.wait_until_at_work(1)
    threads.append(desk.ask("/v1/queue", answers))  # has a place, although the commands have none left
    desk.wait_until_at_work(1)
    assert desk.app.test_client().get("/v1/queue").status_code == 503
    assert desk.app.test_client().get("/v1/commands").status_code == 503
    assert desk.app.test_client().get("/health/ready").status_code == 200
    desk.finish()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}


def test_the_correlation_id_of_one_who_is_sent_away_is_told(desk: Desk) -> None:
    shed_load(desk.app, places=0, queue_size=0, queue_wait_seconds=NEVER)
    refused = desk.app.test_client().get("/v1/queue", headers={"X-Correlation-Id": "work-7"})
    assert problem_of(refused, 503)["correlation_id"] == "work-7"
    made = problem_of(desk.app.test_client().get("/v1/queue", headers={"X-Correlation-Id": "two words"}), 503)
    assert made["correlation_id"] != "two words"


def test_a_request_sent_away_has_left_no_trace_and_its_key_is_free(api: Api) -> None:
    """Nobody even looks at who sends it."""
    closed = create_app(api.services)
    shed_load(closed, places=0, queue_size=0, queue_wait_seconds=NEVER)
    data = EXAMPLES["register-customer"] | {"customer_id": "sent-away"}
    before = json_of(api.client.get("/health/ready"))["position"]
    refused = closed.test_client().post("/v1/commands/register-customer", json=data, headers={"Idempotency-Key": "k"})
    assert problem_of(refused, 503)["code"] == "overloaded"
    assert json_of(api.client.get("/health/ready"))["position"] == before

    done = api.post("register-customer", data, Idempotency_Key="k")
    assert done.status_code == 201
    assert "Idempotency-Replayed" not in done.headers


def test_a_place_is_kept_until_the_answer_is_read_to_its_end() -> None:
    app = Flask("streams")
    app.add_url_rule("/list", "list", lambda: Response(iter([b"a", b"b"])))
    shed_load(app, places=1, queue_size=0, queue_wait_seconds=NEVER)
    client = app.test_client()
    streamed = client.get("/list", buffered=False)
    assert client.get("/list").status_code == 503
    assert streamed.data == b"ab"
    streamed.close()
    assert client.get("/list").status_code == 200


def test_an_application_that_fails_gives_its_place_back() -> None:
    def fail(_environ: object, _start_response: object) -> list[bytes]:
        raise RuntimeError

    app = Flask("fails")
    app.wsgi_app = fail  # type: ignore[method-assign, assignment]
    shed_load(app, places=1, queue_size=0, queue_wait_seconds=NEVER)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            app.test_client().get("/")


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_those_who_wait_get_places_in_the_order_they_came() -> None:
    places = Places("commands", 1, 3, NEVER)
    assert places.enter()
    came: list[int] = []
    threads = []
    for number in range(3):

        def work(number: int = number) -> None:
            assert places.enter()
            came.append(number)
            places.leave()

        threads.append(_in_thread(work))
        while places.queued <= number:  # the next one comes when this one stands in the queue
            pass
    assert not places.enter(), "the queue is full"
    places.leave()
    for thread in threads:
        thread.join()
    assert came == [0, 1, 2]
    assert places.enter()


def test_who_has_waited_too_long_is_sent_away_and_holds_nothing() -> None:
    before = shed("others", "late")
    places = Places("others", 1, 8, 0.001)
    assert places.enter()
    assert not places.enter()
    assert shed("others", "late") == before + 1
    places.leave()
    assert places.enter(), "the place of one who has gone is free"
    assert not places.enter()


def test_no_place_is_lost_or_doubled_when_places_come_free_just_as_patience_ends() -> None:
    places = Places("others", 2, 16, 0.001)
    lock, at_work, most = threading.Lock(), 0, 0
    failed: list[BaseException] = []

    def work() -> None:
        nonlocal at_work, most
        try:
            for _ in range(150):
                if places.enter():
                    with lock:
                        at_work += 1
                        most = max(most, at_work)
                    time.sleep(0.0009)  # about as long as the others are patient
                    with lock:
                        at_work -= 1
                    places.leave()
        except BaseException as error:
            failed.append(error)
            raise

    threads = [_in_thread(work) for _ in range(12)]
    for thread in threads:
        thread.join()
    assert not failed
    assert most <= 2
    assert places.queued == 0
    assert [places.enter() for _ in range(3)] == [True, True, False]
