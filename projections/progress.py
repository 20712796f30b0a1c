"""How far have the views and the policies come? Each with its version, position and lag behind the log."""

from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from projections.catalogue import VIEWS
from projections.reading import Json, without_nulls

_COLUMNS = (
    *("view", "version", "position", "lag_events", "lag_seconds", "state"),
    *("building", "parked_keys", "fed_by", "partitions"),
)
_PARTITIONS = (
    "(SELECT json_agg(json_build_object('partition', v.partition, 'position', v.position, 'next_offset', v.next_offset,"
    " 'skipped_records', v.skipped) ORDER BY v.partition)"
    " FROM view_partitions AS v WHERE v.view = p.view AND v.build = p.build)"
)


def of_views(connection: Connection) -> list[Json]:
    """Return each view by name, as the HTTP contract's `projection`.

    It is the build that readers see; before the first, the one that is being built. `lag_seconds` is how long the
    oldest event that it does not show has been in the log. `building` (version, position) tells of a build beside it,
    `parked_keys` counts what is set aside because a handler failed. The policies are among them, for they follow the
    log in the same way: their `parked_keys` are events whose consequences could not be carried out yet.
    `fed_by`: whether the log's projector keeps it, or workers that read Kafka. Of those there are the `partitions`:
    where the view stands in each, how far that is behind the log, and how many records of nobody it has passed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.view, p.version, p.position, greatest(h.position - p.position, 0),"
            " coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8,"
            " p.state, b.building,"
            " CASE WHEN p.view = 'policies' THEN (SELECT count(*) FROM parked_reactions)"
            " ELSE (SELECT count(DISTINCT (part, key)) FROM parked_events"
            f" WHERE view = p.view AND build = p.build AND dropped_at IS NULL) END, p.fed_by, {_PARTITIONS}, h.position"
            " FROM (SELECT DISTINCT ON (view) * FROM projections ORDER BY view, live DESC, build DESC) AS p"
            " CROSS JOIN log_head AS h"
            " LEFT JOIN events AS e ON e.position = p.position + 1"
            " LEFT JOIN LATERAL (SELECT json_build_object('version', version, 'position', position) AS building"
            " FROM projections WHERE view = p.view AND build > p.build ORDER BY build DESC LIMIT 1) AS b ON true"
            " ORDER BY p.view"
        )
        return [_told(row, head) for *row, head in cursor]


def of_views_elsewhere(connection: Connection, desk: Connection) -> list[Json]:
    """Return each view that another database has, by name, in the same form.

    `connection` is to that database, whose log is empty; `desk` tells how far the log is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.view, p.version, p.position, p.state, b.building,"
            " (SELECT count(DISTINCT (part, key)) FROM parked_events"
            f" WHERE view = p.view AND build = p.build AND dropped_at IS NULL), p.fed_by, {_PARTITIONS}"
            " FROM (SELECT DISTINCT ON (view) * FROM projections ORDER BY view, live DESC, build DESC) AS p"
            " LEFT JOIN LATERAL (SELECT json_build_object('version', version, 'position', position) AS building"
            " FROM projections WHERE view = p.view AND build > p.build ORDER BY build DESC LIMIT 1) AS b ON true"
            " ORDER BY p.view"
        )
        rows = cursor.fetchall()
    found = []
    with desk.cursor() as cursor:
        for view, version, position, state, *rest in rows:
            cursor.execute(
                "SELECT h.position, greatest(h.position - %(position)s, 0),"
                " coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8"
                " FROM log_head AS h LEFT JOIN events AS e ON e.position = %(position)s + 1",
                {"position": position},
            )
            head, *lag = cursor.fetchone() or (0, 0, 0.0)
            found.append(_told([view, version, position, *lag, state, *rest], head))
    return found


def _told(values: Sequence[Any], head: int) -> Json:
    view = without_nulls(dict(zip(_COLUMNS, values, strict=True)))
    for partition in view.get("partitions", ()):
        partition["lag_events"] = max(head - partition["position"], 0)
    return view


def not_readable(connection: Connection, views: Sequence[str]) -> list[str]:
    """Return those of the views that readers cannot rely on, in order.

    Such a view has never been built yet, or is seen in another version than this code's: rows of another form, maybe.
    """
    versions = {view.name: view.version for view in VIEWS}
    with connection.cursor() as cursor:
        cursor.execute("SELECT view, version FROM projections WHERE live AND view = ANY (%s)", (list(views),))
        live = {str(view): int(version) for view, version in cursor}
    return sorted(view for view in views if live.get(view) != versions[view])
