"""Figures that a monitoring system asks for: what was done, how far the views have come, and what is in the way."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg2
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from commands.wire.examples import EXAMPLES
from tests.api.http.conftest import Api
from tests.api.http.test_no_database import Outage, outage
from tests.api.http.test_no_database import api as api_without_database

__all__ = ["api_without_database", "outage"]


class Figures:
    """The samples of one answer."""

    def __init__(self, api: Api) -> None:
        answer = api.client.get("/metrics")
        assert answer.status_code == 200
        assert answer.content_type == "text/plain; version=1.0.0; charset=utf-8"
        self._samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The value of a sample, 0 where there is none."""
        return sum(each.value for each in self._samples if each.name == name and _has(each.labels, labels))

    def names(self) -> set[str]:
        return {each.name for each in self._samples}


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())


def test_commands_are_counted_and_timed_by_what_became_of_them(api: Api) -> None:
    before = Figures(api)
    body = EXAMPLES["register-customer"] | {"customer_id": "counted"}
    api.post("register-customer", body, Idempotency_Key="counted-1")
    api.post("register-customer", body, Idempotency_Key="counted-1")
    api.post("register-customer", body | {"name": "Another of that id"})
    after = Figures(api)

    def more(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    command = {"command": "register-customer"}
    assert more("caselog_commands_total", outcome="accepted", **command) == 1
    assert more("caselog_commands_total", outcome="replayed", **command) == 1
    assert more("caselog_commands_total", outcome="customer_exists", **command) == 1
    assert more("caselog_command_seconds_count", **command) == 3
    assert more("caselog_append_seconds_count") >= 1
    assert more("caselog_append_group_commands_sum") >= 1
    assert more("caselog_appended_events_total") == 1
    assert more("caselog_append_conflicts_total", reason="idempotency_key") == 1


def test_views_tell_how_far_they_are_and_what_they_did(api: Api, postgres_dsn: str) -> None:
    api.ticket(api.customer())
    api.answer("/v1/queue")
    figures = Figures(api)
    assert figures.value("caselog_database_reachable") == 1
    assert figures.value("caselog_log_position") >= api.position
    assert figures.value("caselog_view_position", view="queue") >= api.position
    assert figures.value("caselog_view_events_total", view="queue") >= 1
    assert figures.value("caselog_view_batch_seconds_count", view="queue") >= 1
    assert figures.value("caselog_view_handler_seconds_total", view="queue") > 0
    assert figures.value("caselog_view_group_seconds_count") >= 1
    assert figures.value("caselog_position_wait_seconds_count", outcome="reached") >= 1
    assert {"caselog_view_lag_events", "caselog_view_lag_seconds"} <= figures.names()

    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {api.schema}.parked_events"
            " (view, build, part, key, position, error, traceback)"
            f" SELECT view, build, 'queue', '[\"x\"]', 1, 'e', '' FROM {api.schema}.projections"
            " WHERE view = 'queue' AND live"
        )
    try:
        assert Figures(api).value("caselog_view_parked_keys", view="queue") == 1
    finally:
        with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {api.schema}.parked_events")


def test_a_reader_that_waited_in_vain_is_counted(api: Api) -> None:
    before = Figures(api).value("caselog_position_wait_seconds_count", outcome="behind")
    api.client.get("/v1/queue?min_position=9000000000&wait_ms=1")
    assert Figures(api).value("caselog_position_wait_seconds_count", outcome="behind") == before + 1


def test_without_a_database_that_is_what_the_figures_say(api_without_database: Api, outage: Outage) -> None:
    assert Figures(api_without_database).value("caselog_database_reachable") == 1
    outage.begin()
    figures = Figures(api_without_database)
    assert "caselog_database_reachable" in figures.names()
    assert figures.value("caselog_database_reachable") == 0
    assert "caselog_log_position" not in figures.names()
    outage.end()


def test_requests_are_logged_where_that_is_asked_for(api: Api) -> None:
    client = api.client_of(replace(api.services, access_log=True))
    with capture_logs() as logged:
        client.get("/v1/queue?limit=nonsense", headers={"X-Correlation-Id": "c-7"})
    (line,) = logged
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/v1/queue",
        "status": 422,
        "correlation_id": "c-7",
    }
    with capture_logs() as logged:
        api.client.get("/v1/queue")
    assert logged == []


def test_every_figure_is_in_the_document(api: Api) -> None:
    api.ticket(api.customer())
    document = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    families = {family.name: family.type for family in text_string_to_metric_families(api.client.get("/metrics").text)}
    ours = {name: kind for name, kind in families.items() if name.startswith("caselog_")}
    assert len(ours) >= 15
    for name, kind in ours.items():
        assert f"| `{name}{'_total' if kind == 'counter' else ''}` | {kind} |" in document
