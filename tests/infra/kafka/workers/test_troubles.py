"""What keeps workers from their views is said once, by its kind, and they go on once it is over."""

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import msgspec
import psycopg2
import pytest
from structlog.testing import capture_logs

from infra.kafka.clients import admin_client
from infra.kafka.settings import KafkaSettings
from infra.kafka.workers import worker
from infra.kafka.workers.worker import Site
from infra.postgres.pool import connect
from projections import queue
from projections.view import View
from tests.infra.kafka.workers.conftest import SETTING_UP, WAIT_SECONDS, FedDesk
from tests.waiting import eventually

VIEW = queue.VIEW
NOBODY = "127.0.0.1:1"
"""Nothing listens there."""


@pytest.fixture(autouse=True)
def asked_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer is waited for a second, not ten."""
    monkeypatch.setattr(worker, "admin_client", partial(admin_client, timeout_ms=1_000))


@contextmanager
def telling(fed: FedDesk, site: Site) -> Iterator[list[Any]]:
    """Let a worker keep the view meanwhile; what it says comes into the list."""
    with capture_logs() as lines, fed.working(VIEW, site=site):
        yield lines


def said(lines: list[Any], event: str) -> Any:
    return eventually(lambda: next((line for line in lines if line["event"] == event), None), WAIT_SECONDS)


@pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning")
@pytest.mark.parametrize(
    ("changed", "kind", "error"),
    [
        ("broker", "broker_away", "the broker cannot be reached"),
        ("views", "database_away", "127.0.0.1"),
        ("password", "refused", "the broker refuses us: Authentication failed: Invalid username or password"),
        ("certificate", "broker_away", "certificate verify failed"),
    ],
)
def test_what_a_worker_cannot_reach_is_told_by_its_kind_and_the_desk_is_left_as_it_is(
    fed: FedDesk,
    guarded_kafka: KafkaSettings,
    encrypted_kafka: KafkaSettings,
    changed: str,
    kind: str,
    error: str,
) -> None:
    fed.append(10)
    fed.publish()
    site = {
        "broker": msgspec.structs.replace(
            fed.site, settings=msgspec.structs.replace(fed.settings, bootstrap=(NOBODY,))
        ),
        "views": msgspec.structs.replace(fed.site, views=f"postgresql://{NOBODY}/none"),
        "password": msgspec.structs.replace(
            fed.site, settings=msgspec.structs.replace(guarded_kafka, password="wrong")
        ),
        "certificate": msgspec.structs.replace(fed.site, settings=msgspec.structs.replace(encrypted_kafka, ca_file="")),
    }[changed]
    with telling(fed, site) as lines:
        line = said(lines, "view interrupted")
    gc.collect()  # kafka-python leaves a socket open where no connection comes about: let no later test be told of it
    assert (line["kind"], line["view"]) == (kind, VIEW.name)
    assert error in line["error"]
    assert fed.live(VIEW) is None


def test_a_topic_with_fewer_partitions_than_the_settings_say_is_refused_with_both_numbers(fed: FedDesk) -> None:
    fed.append(10)
    fed.publish()
    wider = msgspec.structs.replace(fed.settings, partitions=7)
    with telling(fed, msgspec.structs.replace(fed.site, settings=wider)) as lines:
        line = said(lines, "view cannot be fed by Kafka")
    assert "has 3 partitions" in line["reason"]
    assert "7" in line["reason"]
    assert fed.live(VIEW) is None


def test_a_worker_whose_database_went_away_under_it_goes_on_where_the_view_is(fed: FedDesk) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    with telling(fed, fed.site) as lines:
        fed.await_fed(VIEW)
        with closing(connect(fed.dsn, fed.schema)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s",
                (f"caselog {fed.schema} view {VIEW.name}",),
            )
            assert cursor.fetchone() == (1,)
        assert said(lines, "view interrupted")["kind"] == "database_away"
        fed.append(100)
        fed.publish()
        fed.await_fed(VIEW)
    fed.check_like_the_logs(VIEW)


def test_a_newer_version_is_built_from_the_beginning_beside_the_one_that_readers_see(fed: FedDesk) -> None:
    newer = View(VIEW.name, version=VIEW.version + 1, tables=VIEW.tables)
    fed.append(SETTING_UP)
    fed.publish()
    with fed.working(VIEW):
        former = fed.await_fed(VIEW)
    with closing(connect(fed.dsn, fed.schema)) as holder, holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM projections WHERE build = %s AND view = %s FOR UPDATE", (former.build, VIEW.name))
        with fed.working(newer):
            begun = eventually(lambda: builds(fed, newer.version), WAIT_SECONDS)
            assert begun > former.build
            assert fed.live(VIEW) == former
            holder.commit()
            eventually(lambda: (live := fed.live(newer)) is not None and live.build == begun, WAIT_SECONDS)
    assert [place.skipped for place in fed.places(newer)] == [0, 0, 0]
    fed.check_like_the_logs(newer)


def builds(fed: FedDesk, version: int) -> int:
    """The number of a version's build that has all of the log, or 0."""
    with closing(psycopg2.connect(fed.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(max(build), 0) FROM {fed.schema}.projections WHERE version = %s AND position >= %s",
            (version, fed.head()),
        )
        [(build,)] = cursor.fetchall()
    return int(build)
