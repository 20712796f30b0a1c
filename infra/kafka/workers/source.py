"""Can views be fed from the events topic? Only where it has the whole log of this desk, from its first event on."""

from collections.abc import Sequence

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka import topics
from infra.kafka.clients import admin_client
from infra.kafka.names import Names
from infra.kafka.relay.checkpoint import event_id_at, last_checkpoint, topic_id
from infra.kafka.settings import KafkaSettings
from infra.projection.builds import Build
from infra.projection.partitions import Place
from projections.view import View


class NotFed(Exception):
    """A view cannot be fed by Kafka; the text says why, and what to do about it."""


class NothingPublished(Exception):
    """No relay has published anything of the desk's yet."""


class Source(msgspec.Struct, frozen=True):
    """The events topic: how it is called, the broker's own id of it, and how many partitions it has."""

    topic: str
    topic_id: str
    partitions: int


def refuse_total_order(views: Sequence[View]) -> None:
    """Raise `NotFed` for the first view whose rows depend on the order of different customers' events."""
    for view in views:
        if view.total_order is not None:
            raise NotFed(
                f"view {view.name} cannot be fed by Kafka, which keeps no order between keys: {view.total_order}"
            )


def open_source(settings: KafkaSettings, names: Names, log: Connection) -> Source:
    """Return the topic that views of the desk whose log that is can be fed from.

    Raises `NotFed`, `NothingPublished`, `TopicMismatch`, and kafka-python's errors.
    """
    admin = admin_client(settings)
    try:
        topics.ensure(admin, [topics.events_topic(names, settings), topics.relay_topic(names)], settings)
        source = Source(names.events, topic_id(admin, names.events), settings.partitions)
    finally:
        admin.close()
    published = last_checkpoint(settings, names)
    if published is None:
        raise NothingPublished(f"no relay has published to topic {names.events} yet: `caselog relay` does")
    if published.desk != event_id_at(log, 1):
        raise NotFed(f"topic {names.events} has the events of another desk (`caselog relay` says more)")
    if published.events_topic_id != source.topic_id:
        raise NotFed(
            f"topic {names.events} was deleted and made again, and not all of the log is in it:"
            " `caselog relay --reset-to 0` publishes it"
        )
    if published.begun_after > 0:
        raise NotFed(
            f"topic {names.events} has no events up to position {published.begun_after}, where publishing began,"
            " and a view needs them all: `caselog relay --reset-to 0` publishes them"
        )
    return source


def check_source(build: Build, places: Sequence[Place], source: Source) -> None:
    """Raise `NotFed` where a build that readers see was fed from another topic, or from one that has been changed."""
    if any(place.topic_id != source.topic_id for place in places):
        raise NotFed(
            f"topic {source.topic} was deleted and made again since it fed view {build.view}, so its offsets mean"
            f" other records now: `caselog rebuild {build.view}` brings the view back to the log"
        )
    if len(places) != source.partitions:
        raise NotFed(
            f"topic {source.topic} has {source.partitions} partitions, and had {len(places)} when it began to feed view"
            f" {build.view}, so keys are in other partitions now: `caselog rebuild {build.view}` brings the view back"
            " to the log"
        )
