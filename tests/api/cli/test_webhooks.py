"""`caselog webhooks` on a desk whose receivers refused something."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from infra.metrics.desk import DeskCollector
from infra.postgres.pool import ConnectionPool
from infra.webhooks.registry import Registry
from tests.api.cli.conftest import Cli
from tests.desk import Desk, body_of


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Desk]:
    opened = Desk(database, schema)
    with closing(opened.application):
        yield opened


@pytest.fixture
def pool(database: str, schema: str) -> Iterator[ConnectionPool]:
    with closing(ConnectionPool(database, schema, size=2)) as connections:
        yield connections


@pytest.fixture
def position(desk: Desk, pool: ConnectionPool) -> int:
    """The position of an event whose delivery to the webhook `crm` is parked."""
    desk.send("create-webhook", webhook_id="crm", url="https://crm.example.com/")
    desk.send("create-webhook", webhook_id="old", url="https://old.example.com/")
    position = int(body_of(desk.send("publish-article", title="A", body="B", topics=[]))["position"])
    refresh(desk, pool)
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhook_deliveries VALUES ('crm', %s, 'article-a', 10, now(), 'answered 500', now())",
            (position,),
        )
        cursor.execute("UPDATE webhook_cursors SET position = %s", (position,))
    return position


def refresh(desk: Desk, pool: ConnectionPool) -> None:
    """Do what the process that delivers does with decisions."""
    with pool.connection() as connection:
        Registry().refresh(connection, desk.clock.now())


def parked(pool: ConnectionPool) -> list[tuple[int, bool]]:
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT attempts, parked_at IS NOT NULL FROM webhook_deliveries")
        return list(cursor.fetchall())


def test_webhooks_are_listed_and_shown_with_their_deliveries(cli: Cli, desk: Desk, position: int) -> None:
    desk.send("delete-webhook", webhook="old")
    (row,) = map(json.loads, cli("webhooks", "list", "--json").stdout.splitlines())
    assert (row["webhook_id"], row["state"], row["deliveries"]["parked"]) == ("crm", "enabled", 1)
    assert "crm.example.com" in cli("webhooks", "list").stdout
    shown = json.loads(cli("webhooks", "show", "crm").stdout)
    assert [each["position"] for each in shown["parked"]] == [position]
    unknown = cli("webhooks", "show", "nothing")
    assert (unknown.returncode, unknown.stderr) == (2, "caselog: there is no webhook 'nothing'\n")


def test_parked_deliveries_are_shown_retried_and_dropped(
    cli: Cli, desk: Desk, pool: ConnectionPool, position: int
) -> None:
    assert "answered 500" in cli("webhooks", "parked").stdout
    (row,) = map(json.loads, cli("webhooks", "parked", "--webhook", "crm", "--json").stdout.splitlines())
    assert (row["position"], row["attempts"]) == (position, 10)
    assert cli("webhooks", "parked", "--webhook", "old", "--json").stdout == ""

    assert cli("webhooks", "drop", "crm", "--position", "999999").returncode == 0
    refresh(desk, pool)
    assert parked(pool) == [(10, True)], "another's"
    assert cli("webhooks", "retry", "crm", "--position", str(position)).returncode == 0
    refresh(desk, pool)
    assert parked(pool) == [(0, False)]
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE webhook_deliveries SET parked_at = now()")
    assert cli("webhooks", "drop", "crm", "--reason", "known").returncode == 0
    refresh(desk, pool)
    assert parked(pool) == []
    (*_, event) = desk.events("webhook-crm")
    assert (event.event.reason, event.metadata.actor) == ("known", "webhooks")  # type: ignore[attr-defined]


def test_a_webhook_is_replayed_disabled_and_enabled(cli: Cli, desk: Desk, pool: ConnectionPool, position: int) -> None:
    assert cli("webhooks", "replay", "crm", "--after", "1").returncode == 0
    refresh(desk, pool)
    assert json.loads(cli("webhooks", "show", "crm").stdout)["deliveries"]["position"] == 1
    assert cli("webhooks", "disable", "crm", "--reason", "it moves").returncode == 0
    off = json.loads(cli("webhooks", "show", "crm").stdout)
    assert (off["state"], off["disabled"]["reason"]) == ("disabled", "it moves")
    assert cli("webhooks", "enable", "crm", "--skip-missed").returncode == 0
    refresh(desk, pool)
    on = json.loads(cli("webhooks", "show", "crm").stdout)
    assert (on["state"], on["deliveries"]["position"]) == ("enabled", on["position"])
    for arguments in (("replay", "nothing", "--after", "0"), ("retry", "nothing"), ("enable", "nothing")):
        refused = cli("webhooks", *arguments)
        assert (refused.returncode, "there is no webhook" in refused.stderr) == (2, True)


def figures(pool: ConnectionPool) -> dict[str, float]:
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in DeskCollector(pool).collect()
        for sample in family.samples
        if sample.name.startswith("caselog_webhook")
    }


def test_the_figures_tell_of_webhooks_that_are_behind_failing_or_disabled(
    desk: Desk, pool: ConnectionPool, position: int
) -> None:
    assert figures(pool) == {
        "caselog_webhooks/sending": 2,
        "caselog_webhooks/failing": 0,
        "caselog_webhooks/disabled": 0,
        "caselog_webhook_waiting_deliveries": 0,
        "caselog_webhook_parked_deliveries": 1,
        "caselog_webhook_lag_events": 0,
        "caselog_webhook_lag_seconds": 0,
    }
    desk.send("publish-article", title="A", body="B", topics=[])
    behind = figures(pool)
    assert behind["caselog_webhook_lag_events"] == 1
    assert behind["caselog_webhook_lag_seconds"] > 0
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE webhook_cursors SET failing_since = now() WHERE webhook_id = 'crm'")
    desk.send("disable-webhook", webhook="old", reason="it moves")
    told = figures(pool)
    assert [told[f"caselog_webhooks/{state}"] for state in ("sending", "failing", "disabled")] == [0, 1, 1]
    assert told["caselog_webhook_lag_seconds"] == 0, "those are told by their state"
    desk.send("enable-webhook", webhook="old", missed="send")
    assert figures(pool)["caselog_webhook_lag_events"] > 0
