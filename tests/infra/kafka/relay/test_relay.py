"""Every event of the log is in the topic once, in order, and all partitions are known to have come as far."""

from contextlib import closing

from msgspec.structs import fields

from api.http.shapes.log import RelayShape
from infra.kafka.records import PositionMark, ReceivedEvent
from infra.kafka.relay.checkpoint import last_checkpoint
from infra.kafka.relay.standing import Standing
from tests.infra.kafka.relay.conftest import Relayed


def test_what_is_in_the_log_and_what_comes_to_it_is_published_once_and_in_order_by_as_much_as_waits(
    relayed: Relayed,
) -> None:
    behind = relayed.grow(6_000)
    with relayed.relaying():
        relayed.await_published()
        assert relayed.transactions() == [5_000, behind - 5_000], "behind, each takes as much as it may"
        for _ in range(3):
            relayed.grow(1)
            relayed.await_published()
        assert relayed.transactions()[2:] == [1, 1, 1], "idle, each event has one of its own at once"
        relayed.desk.ticket(relayed.desk.customer())
        relayed.await_published()
        relayed.grow(300)
        relayed.await_published()
        assert relayed.transactions()[-1] == 300, "and what has come meanwhile goes together"
    relayed.check_all_once_in_order()


def test_every_partition_comes_to_the_end_of_every_transaction(relayed: Relayed) -> None:
    relayed.grow(2, customers=2)
    with relayed.relaying():
        relayed.await_published()
    records = relayed.records()
    assert set(records) == {0, 1, 2}
    assert {partition[-1].position for partition in records.values()} == {relayed.head()}
    kinds = [type(partition[-1]) for partition in records.values()]
    assert kinds.count(ReceivedEvent) == 1
    assert kinds.count(PositionMark) == 2


def test_the_next_relay_goes_on_where_the_last_one_committed(relayed: Relayed) -> None:
    for _ in range(3):
        relayed.grow(50)
        with relayed.relaying():
            relayed.await_published()
    checkpoint = last_checkpoint(relayed.settings, relayed.names)
    assert checkpoint is not None
    assert (checkpoint.position, checkpoint.begun_after) == (relayed.head(), 0)
    assert checkpoint.event_id == f"event-{relayed.head()}"
    relayed.check_all_once_in_order()


def test_an_event_of_a_newer_release_is_published_as_it_stands(relayed: Relayed) -> None:
    head = relayed.grow(1, tag="CaseTeleported.v7", data='{"to" :  "Mars"}')
    with relayed.relaying():
        relayed.await_published()
    [event] = [each for each in relayed.events() if each.position == head]
    assert (event.tag, event.data) == ("CaseTeleported.v7", b'{"to" :  "Mars"}')


def test_rows_that_another_mapper_stored_are_passed_over(relayed: Relayed) -> None:
    with relayed.relaying():
        relayed.grow(3)
        foreign = relayed.foreign_row()
        relayed.await_published()
    assert foreign not in {each.position for each in relayed.events()}
    assert {partition[-1].position for partition in relayed.records().values()} == {foreign}
    relayed.check_all_once_in_order()


def test_figures_and_projections_tell_how_far_it_is_and_what_it_met(relayed: Relayed) -> None:
    assert relayed.standing() is None
    assert "caselog_relay_position" not in relayed.figures()
    with relayed.relaying():
        relayed.await_published()
    behind = relayed.grow(7)
    now = relayed.standing()
    assert now is not None
    assert (now.position, now.begun_after, now.lag_events, now.state, now.last_error) == (
        behind - 7,
        0,
        7,
        "publishing",
        None,
    )
    assert now.lag_seconds > 0
    figures = relayed.figures()
    assert figures["caselog_relay_position"] == behind - 7
    assert figures["caselog_relay_lag_events"] == 7
    assert figures["caselog_relay_lag_seconds"] > 0
    assert figures["caselog_relay_failing"] == 0
    with closing(Standing(relayed.dsn, relayed.schema)) as standing:
        standing.failed("halted", "a reason", behind - 7, 0)
    assert relayed.figures()["caselog_relay_failing"] == 1
    now = relayed.standing()
    assert now is not None
    assert (now.position, now.state, now.last_error) == (behind - 7, "halted", "a reason")
    with closing(Standing(relayed.dsn, relayed.schema)) as standing:
        standing.publishing(behind, 0)
    now = relayed.standing()
    assert now is not None
    assert (now.state, now.last_error) == ("publishing", "a reason"), "it stays, under a name that says it is the last"
    assert now.last_error_at is not None
    assert now.last_error_at < now.seen_at
    assert [each.name for each in fields(RelayShape)] == [each.name for each in fields(now)], "the API tells all of it"
