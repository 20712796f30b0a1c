"""How does Kafka bring one build of a view forward? By an offset in each of the partitions that this worker has."""

from collections.abc import Collection, Mapping

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.kafka.workers.batches import PartitionBatch
from infra.projection import partitions
from infra.projection.builds import Build, PositionMoved
from infra.projection.partitions import Place
from infra.projection.rows import CACHED_ROWS
from infra.projection.writer import BuildWriter
from projections.view import View


class PartitionRunner(BuildWriter[PartitionBatch]):
    """A worker's part of one build. Not for use by several threads.

    `places` are those of the partitions that it has, as it left them: if anybody has moved one, it cannot write.
    """

    def __init__(
        self,
        connection: Connection,
        view: View,
        build: Build,
        *,
        log: Connection | None = None,
        cached_rows: int = CACHED_ROWS,
    ) -> None:
        super().__init__(connection, view, build, log=log, cached_rows=cached_rows)
        self.places: Mapping[int, Place] = {}

    def stand(self, assigned: Collection[int]) -> None:
        """Look up where the build stands in these partitions, and what of it is parked.

        The rows in memory are forgotten: another worker may have written them meanwhile.
        """
        with self._connection, self._connection.cursor() as cursor:
            found = partitions.places(cursor, self.view.name, self.build.build)
        self.places = {place.partition: place for place in found if place.partition in assigned}
        # After the places: what is parked later than they were looked up has moved one of them.
        self.forget()

    def settle(self) -> int:
        """Note and return how far the build has come on the whole, whichever workers brought it there."""
        with self._connection, self._connection.cursor() as cursor:
            return partitions.settle(cursor, self.view.name, self.build.build)

    def _move(self, cursor: Cursor, batch: PartitionBatch) -> None:
        if not partitions.move(cursor, self.view.name, self.build.build, batch.moves):
            raise PositionMoved(f"build {self.build.build} of view {self.view.name} is not where this worker left it")

    def _moved(self, batch: PartitionBatch) -> None:
        self.places = {**self.places, **{part.end.partition: part.end for part in batch.parts}}
