"""What a view cannot be fed from is named."""

from contextlib import closing

import pytest

from api.cli.errors import USAGE, exit_code_of
from infra.kafka.clients import admin_client
from infra.kafka.relay.checkpoint import Checkpoint, last_checkpoint
from infra.kafka.relay.pump import Pump
from infra.kafka.relay.resetting import resetting
from infra.kafka.workers.source import (
    NotFed,
    NothingPublished,
    Source,
    check_source,
    open_source,
    refuse_total_order,
)
from infra.postgres.pool import connect
from infra.projection.builds import Build
from infra.projection.partitions import Place
from projections.catalogue import VIEWS
from tests.infra.kafka.workers.conftest import FedDesk
from tests.projections.test_order import ARRIVALS
from tests.waiting import eventually

LIVE = Build("queue", 3, 1, 0, live=True, state="live", fed_by="kafka")
SOURCE = Source("caselog.events", "t", 2)


def opened(fed: FedDesk) -> Source:
    with closing(connect(fed.dsn, fed.schema)) as connection, closing(admin_client(fed.settings)) as admin:
        return open_source(admin, fed.settings, fed.names, connection)


def published(fed: FedDesk, *, begin_after: int = 0) -> Checkpoint:
    fed.append(20)
    with Pump(fed.dsn, fed.schema, fed.settings, begin_after=begin_after) as pump:
        pump.open()
        pump.advance()
    found = last_checkpoint(fed.settings, fed.names)
    assert found is not None
    return found


def test_a_view_that_needs_a_total_order_is_refused_with_its_reason() -> None:
    refuse_total_order(VIEWS)
    with pytest.raises(NotFed, match=r"arrivals cannot be fed by Kafka.*Customers stand in the order") as refused:
        refuse_total_order([ARRIVALS])
    assert exit_code_of(refused.value) == USAGE


def test_a_topic_with_all_of_the_log_is_taken(fed: FedDesk) -> None:
    found = published(fed)
    assert opened(fed) == Source(fed.names.events, found.events_topic_id, fed.settings.partitions)


def test_a_topic_that_nothing_was_published_to_is_waited_for(fed: FedDesk) -> None:
    fed.append(1)
    with pytest.raises(NothingPublished, match="caselog relay"):
        opened(fed)


def test_a_topic_that_begins_later_than_the_log_is_refused(fed: FedDesk) -> None:
    published(fed, begin_after=5)
    with pytest.raises(NotFed, match="up to position 5, where publishing began"):
        opened(fed)


@pytest.mark.parametrize(
    ("begin_after", "reset_to", "gaps"),
    [(0, 30, (20, 20)), (5, 2, (2, 0))],
    ids=["events passed over", "earlier events behind later ones"],
)
def test_a_topic_whose_relay_was_set_elsewhere_is_refused_for_good(
    fed: FedDesk, begin_after: int, reset_to: int, gaps: tuple[int, int]
) -> None:
    published(fed, begin_after=begin_after)
    fed.append(20)
    for position, gap_after in zip((reset_to, 0), gaps, strict=True):
        with resetting(fed.dsn, fed.schema, fed.settings) as reset:
            assert position == 0 or "can feed no views" in reset.consequences(position)
            reset.write(position)
        fed.publish()
        with pytest.raises(NotFed, match=f"not all events after position {gap_after} in their order"):
            opened(fed)


def test_a_topic_whose_relay_was_set_back_is_taken(fed: FedDesk) -> None:
    published(fed)
    with resetting(fed.dsn, fed.schema, fed.settings) as reset:
        reset.write(3)
    assert opened(fed).topic == fed.names.events


def test_another_desks_topic_is_refused(fed: FedDesk) -> None:
    published(fed)
    with closing(connect(fed.dsn, fed.schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("""UPDATE events SET metadata = '{"event_id":"another"}' WHERE position = 1""")
    with pytest.raises(NotFed, match="another desk"):
        opened(fed)


@pytest.mark.parametrize("grown_since", [False, True])
def test_a_topic_that_tells_what_a_restored_log_does_not_is_refused(fed: FedDesk, grown_since: bool) -> None:
    found = published(fed)
    if grown_since:
        with closing(connect(fed.dsn, fed.schema)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                """UPDATE events SET metadata = '{"event_id":"another"}' WHERE position = %s""", (found.position,)
            )
    else:
        fed.go_back(10)
    with pytest.raises(NotFed, match="restored from an older backup"):
        opened(fed)


def test_a_topic_that_was_made_again_is_refused(fed: FedDesk) -> None:
    published(fed)
    with closing(admin_client(fed.settings)) as admin:
        admin.delete_topics([fed.names.events])
        eventually(lambda: fed.names.events not in admin.list_topics())
    with pytest.raises(NotFed, match="deleted and made again"):
        opened(fed)


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        ([Place(0, "t"), Place(1, "t")], None),
        ([Place(0, "t"), Place(1, "before")], "deleted and made again.*caselog rebuild queue"),
        ([Place(0, "t")], "has 2 partitions, and had 1.*caselog rebuild queue"),
    ],
)
def test_a_live_build_is_held_to_the_topic_that_fed_it(places: list[Place], reason: str | None) -> None:
    if reason is None:
        check_source(LIVE, places, SOURCE)
        return
    with pytest.raises(NotFed, match=reason):
        check_source(LIVE, places, SOURCE)
