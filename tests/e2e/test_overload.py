"""A desk that is asked for far more than it can do: it says so at once, does what it took on, and goes on afterwards.

`python -m benchmarks overload` is the same with figures.
"""

from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from api.http.threads import threads_for
from tests.e2e.clients import PERSON, Clients, notes_of, open_cases
from tests.e2e.desk_process import DeskProcess

CLIENTS = 24
PLACES = 2
QUEUE = 2
OTHER_THREADS = 40
"""Threads of a worker that are not for requests: the server's own, watchers, committers."""


def figure(desk: DeskProcess, name: str, **labels: str) -> float:
    answer = desk.get("/metrics")
    assert answer.status == 200
    samples = [each for family in text_string_to_metric_families(answer.body.decode()) for each in family.samples]
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def test_what_is_too_much_is_sent_away_and_nothing_acknowledged_is_lost(folder: Path) -> None:
    bounds = {"CASELOG_THREADS": str(PLACES), "CASELOG_QUEUE_SIZE": str(QUEUE)}
    with DeskProcess(folder, **bounds) as desk:
        tickets = open_cases(lambda command, **data: desk.command(command, **data).json, CLIENTS)
        (worker,) = desk.workers()
        with Clients(desk.port, desk.authorization(), tickets) as clients:
            for least in range(20, 101, 20):
                clients.wait_for(200, least)
                clients.wait_for(503, least)
                # Whoever watches, and whoever reads, meets a desk like any other.
                assert desk.get("/health/ready").status == 200
                assert desk.get("/v1/queue").status == 200
                assert figure(desk, "caselog_requests_under_way", kind="commands") <= PLACES
                assert psutil.Process(worker.pid).num_threads() <= threads_for(PLACES, QUEUE) + OTHER_THREADS

        assert clients.counts().keys() == {200, 503}
        sent_away = [each for each in clients.outcomes if each.status == 503]
        assert all(int(each.headers["retry-after"]) >= 1 for each in sent_away)
        assert {each.json["code"] for each in sent_away} == {"overloaded"}
        assert figure(desk, "caselog_requests_shed_total", kind="commands") == len(sent_away)
        assert figure(desk, "caselog_requests_shed_total", kind="commands", reason="full") > 0, "the queue has an end"
        assert figure(desk, "caselog_requests_under_way", kind="commands") == 0

        notes = notes_of(lambda after: desk.get(f"/v1/events?after={after}&limit=500").json["items"])
        assert notes == {each.key: 1 for each in clients.outcomes if each.status == 200}
        first = sent_away[0]
        again = desk.command(
            "add-note", key=first.key, ticket=tickets[0], author={"role": "staff", **PERSON}, body="later"
        )
        assert again.status == 200, again.body
        assert "idempotency-replayed" not in again.headers, "one that was sent away has left its key free"
