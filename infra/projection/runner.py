"""How does the log bring one build of a view forward? By its position, one for the whole build."""

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.projection.builds import Build, advance, lock_live, switch, wait_for_locks
from infra.projection.feed import MOST_EVENTS, Batch, read_batch
from infra.projection.rows import CACHED_ROWS
from infra.projection.writer import BuildWriter
from projections.view import View


class BuildRunner(BuildWriter[Batch]):
    """One build of a view that follows the log. Not for use by several threads."""

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
        self.position = build.position

    @property
    def build_at(self) -> Build:
        """The build as its row has it while this runner stands where it does."""
        return msgspec.structs.replace(self.build, position=self.position)

    def _move(self, cursor: Cursor, batch: Batch) -> None:
        advance(cursor, self.build, self.position, batch.position)

    def _moved(self, batch: Batch) -> None:
        self.position = batch.position

    def _found(self, build: Build) -> None:
        self.build, self.position = build, build.position

    def reach(self, position: int) -> None:
        """Apply the log up to a position. Raises as `apply`."""
        while self.position < position:
            batch = read_batch(self._connection, self.position, min(position - self.position, MOST_EVENTS))
            self._connection.rollback()
            if batch.position == self.position:
                raise LookupError(f"the log ends before position {position}")
            self.apply(batch)

    def go_live(self) -> None:
        """Make readers see this build instead of the one they see now, which is kept.

        That one is held where it is until then, and this one brought up to it in the same transaction: a reader who
        has seen an event goes on seeing it. Raises as `apply`, and psycopg2's `LockNotAvailable` where readers keep
        the view in use.
        """
        with self._undone_on_error(), self._connection.cursor() as cursor:
            wait_for_locks(cursor)
            target = lock_live(cursor, self.view)
            reached = self._reach(cursor, target)
            live = switch(cursor, self.view, self.build)
        self.build = live
        self.position = reached

    def _reach(self, cursor: Cursor, target: int) -> int:
        """Apply the log up to a position in the transaction under way, and return where that led."""
        reached = self.position
        while reached < target:
            batch = read_batch(self._connection, reached, min(target - reached, MOST_EVENTS))
            if batch.position == reached:
                raise LookupError(f"the log ends before position {target}")
            advance(cursor, self.build, reached, batch.position)
            self.write(cursor, batch)
            reached = batch.position
        return reached
