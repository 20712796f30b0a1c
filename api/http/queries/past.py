"""A list as of an earlier position of the log, so that its pages, and several lists, show one and the same state."""

from collections.abc import Sequence

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.problems.types import POSITION_GONE
from api.http.replies import ProblemRaised
from infra.feed import read_streams, streams_changed
from projections.catalogue import VIEWS
from projections.past import mended, tags_of_tables
from projections.reading import Mended, furthest_of

MOST_EVENTS = 100_000
"""So many events may have been recorded since the position."""
MOST_STREAMS = 2_000
"""So many streams may have changed: each is folded anew for every page."""

_VIEWS = {view.name: view for view in VIEWS}


def tables_as_of(connection: Connection, names: Sequence[str], position: int) -> list[Mended]:
    """Return what to read in place of the tables of views, as of a position that they have passed.

    Ends the request with 410 where too much has happened since.
    """
    views = [_VIEWS[name] for name in names]
    now = furthest_of(connection, *names)
    if now == position:
        return []
    tags = tags_of_tables(views)
    changed: list[str] = []
    if now - position > MOST_EVENTS:
        raise _gone(position, now)
    if tags:
        changed = streams_changed(connection, tags, position, now, MOST_STREAMS + 1)
    if len(changed) > MOST_STREAMS:
        raise _gone(position, now)
    return mended(views, read_streams(connection, changed) if changed else [], position)


def _gone(position: int, now: int) -> ProblemRaised:
    return ProblemRaised(POSITION_GONE, f"the list is at {now} now, too far from {position}; begin again")
