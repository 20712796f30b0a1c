"""Can views be fed from the events topic? Only where it has the whole log of this desk, from its first event on."""

from collections.abc import Sequence

import msgspec
from kafka import KafkaAdminClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.kafka import topics
from infra.kafka.names import Names
from infra.kafka.relay.checkpoint import RelayHalted, check, last_checkpoint
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import topic_id
from infra.projection.builds import Build
from infra.projection.partitions import Place
from projections.view import View


class NotFed(Exception):
    """A view cannot be fed by Kafka; the text says why, and what to do about it."""


class NothingPublished(Exception):
    """No relay has published anything of the desk's yet."""


class SourceChanged(Exception):
    """The topic or the log is no longer the one that a worker began with: both have to be looked at anew."""


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


def open_source(admin: KafkaAdminClient, settings: KafkaSettings, names: Names, log: Connection) -> Source:
    """Return the topic that views of the desk whose log that is can be fed from.

    Raises `NotFed`, also where a relay would halt, `NothingPublished`, `TopicMismatch`, and kafka-python's errors.
    """
    topics.ensure(admin, [topics.events_topic(names, settings), topics.relay_topic(names)], settings)
    source = Source(names.events, topic_id(admin, names.events), settings.partitions)
    published = last_checkpoint(settings, names)
    if published is None:
        raise NothingPublished(f"no relay has published to topic {names.events} yet: `caselog relay` does")
    try:
        check(published, log, names, source.topic_id)
    except RelayHalted as halted:
        raise NotFed(str(halted)) from None
    if published.gap_after is not None:
        raise NotFed(
            f"topic {names.events} has not all events after position {published.gap_after} in their order, since"
            f" `caselog relay --reset-to` was used, and a view needs them so: {_publish_anew(names)}"
        )
    if published.begun_after > 0:
        raise NotFed(
            f"topic {names.events} has no events up to position {published.begun_after}, where publishing began,"
            f" and a view needs them all, in order: {_publish_anew(names)}"
        )
    return source


class Watch:
    """Is what a worker reads still the topic that it began with, and the log still the one that was published?"""

    def __init__(self, admin: KafkaAdminClient, log: Connection, source: Source) -> None:
        self._admin = admin
        self._log = log
        self._source = source

    def ask_for_topic(self) -> None:
        """Raise `SourceChanged` where what was read until now may be another topic's.

        kafka-python reads by a topic's name, and an id never comes back: asked after a read and before its records
        count, the answer holds for all of them.
        """
        now = topic_id(self._admin, self._source.topic)
        if now != self._source.topic_id:
            raise SourceChanged(f"topic {self._source.topic} was deleted (its id was {self._source.topic_id})")

    def ask_for_log(self, position: int) -> None:
        """Raise `SourceChanged` where the log ends before a position that a partition of the view has come to."""
        head = self.head()
        if head < position:
            raise SourceChanged(f"the log ends at {head}, and the view has come to {position}")

    def head(self) -> int:
        """Return the position of the log's last event."""
        return head_position(self._log)


def _publish_anew(names: Names) -> str:
    return f"delete the topics {names.events} and {names.relay}, and `caselog relay` publishes the whole log anew"


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
