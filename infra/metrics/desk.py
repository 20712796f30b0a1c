"""What the desk's database says of itself when it is asked: how far log and views have come, and what is parked."""

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.feed import head_position
from infra.kafka.relay.standing import RelayStanding, standing
from infra.postgres.pool import DATABASE_AWAY, ConnectionPool
from infra.webhooks.standing import Totals, totals
from projections import progress


class DeskCollector(Collector):
    """Asks the database at each scrape, so that what is told is true whichever processes run, and where."""

    def __init__(self, pool: ConnectionPool, elsewhere: ConnectionPool | None = None) -> None:
        self._pool = pool
        self._elsewhere = elsewhere

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; where the database cannot be had, only that."""
        reachable = GaugeMetricFamily("caselog_database_reachable", "Whether the database answers: 1 or 0.")
        try:
            with self._pool.connection() as connection:
                head = head_position(connection)
                views = progress.of_views(connection)
                webhooks = totals(connection)
                relay = standing(connection)
        except DATABASE_AWAY:
            reachable.add_metric([], 0)
            yield reachable
            return
        reachable.add_metric([], 1)
        yield reachable
        yield GaugeMetricFamily("caselog_log_position", "Position of the last event of the log.", value=head)
        for field, name, documentation in (
            ("position", "caselog_view_position", "Position of the last event that readers of a view see."),
            ("lag_events", "caselog_view_lag_events", "Events of the log that a view has not seen."),
            ("lag_seconds", "caselog_view_lag_seconds", "How long the oldest event not seen has been in the log."),
            ("parked_keys", "caselog_view_parked_keys", "Keys of a view set aside since a handler failed."),
        ):
            family = GaugeMetricFamily(name, documentation, labels=["view"])
            for view in views:
                family.add_metric([view["view"]], view[field])
            yield family
        built = GaugeMetricFamily(
            "caselog_view_rebuild_position", "Position of the build in the making beside a view.", labels=["view"]
        )
        for view in views:
            if "building" in view:
                built.add_metric([view["view"]], view["building"]["position"])
        yield built
        yield from _of_partitions("view", views)
        yield from _of_webhooks(webhooks)
        if self._elsewhere is not None:
            yield from self._of_views_elsewhere(self._elsewhere)
        yield from _of_relay(relay)

    def _of_views_elsewhere(self, elsewhere: ConnectionPool) -> Iterator[Metric]:
        """Yield the gauges of the database for views; where it cannot be had, only that."""
        reachable = GaugeMetricFamily(
            "caselog_views_database_reachable", "Whether the database of CASELOG_VIEWS_URL answers: 1 or 0."
        )
        try:
            with elsewhere.connection() as connection, self._pool.connection() as desk:
                views = progress.of_views_elsewhere(connection, desk)
        except DATABASE_AWAY:
            reachable.add_metric([], 0)
            yield reachable
            return
        reachable.add_metric([], 1)
        yield reachable
        for field, name, documentation in (
            ("position", "position", "Position up to which a view in that database shows everything."),
            ("lag_events", "lag_events", "Events of the log that a view in that database has not all seen."),
            ("lag_seconds", "lag_seconds", "How long the oldest of them has been in the log."),
            ("parked_keys", "parked_keys", "Keys of such a view set aside since a handler failed."),
        ):
            family = GaugeMetricFamily(f"caselog_views_database_{name}", documentation, labels=["view"])
            for view in views:
                family.add_metric([view["view"]], view[field])
            yield family
        yield from _of_partitions("views_database", views)


def _of_partitions(prefix: str, views: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    """Yield where views that Kafka feeds stand in each partition; of a desk that has none, nothing."""
    fed = [(view["view"], partition) for view in views for partition in view.get("partitions", ())]
    if not fed:
        return
    for field, documentation in (
        ("position", "Position up to which a view that Kafka feeds has all events of a partition."),
        ("lag_events", "Events of the log after that, of whichever partition."),
        ("skipped_records", "Records of a partition passed over, for no relay of this desk has written them."),
    ):
        family = GaugeMetricFamily(f"caselog_{prefix}_partition_{field}", documentation, labels=["view", "partition"])
        for view, partition in fed:
            family.add_metric([view, str(partition["partition"])], partition[field])
        yield family


def _of_webhooks(webhooks: Totals) -> Iterator[Metric]:
    states = GaugeMetricFamily("caselog_webhooks", "Webhooks by how they are sent to.", labels=["state"])
    for state in ("sending", "failing", "disabled"):
        states.add_metric([state], getattr(webhooks, state))
    yield states
    for name, documentation, value in (
        ("waiting_deliveries", "Deliveries that are tried again by themselves.", webhooks.waiting),
        ("parked_deliveries", "Deliveries that were given up.", webhooks.parked),
        ("lag_events", "Events not looked at for the webhook furthest behind.", webhooks.lag_events),
        ("lag_seconds", "How long the oldest of them has been in the log.", webhooks.lag_seconds),
    ):
        yield GaugeMetricFamily(f"caselog_webhook_{name}", documentation, value=value)


def _of_relay(relay: RelayStanding | None) -> Iterator[Metric]:
    if relay is None:
        return  # a desk without Kafka has no figures of it
    for name, documentation, value in (
        ("position", "Position up to which the log is in Kafka.", relay.position),
        ("lag_events", "Events of the log that are not in Kafka.", relay.lag_events),
        ("lag_seconds", "How long the oldest of them has been in the log.", relay.lag_seconds),
        ("failing", "Whether the relay's last try failed: 1 or 0.", relay.state != "publishing"),
    ):
        yield GaugeMetricFamily(f"caselog_relay_{name}", documentation, value=value)
