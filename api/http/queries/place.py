"""Where is a question answered? In the database for views where that shows all it reads, else in the desk's own.

The desk's own has every view, kept by the projector, so an answer from there is right in any case; what lives in the
other one takes the load off it. Whoever asks after a position waits for the database that the answer is read in.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.parameters import AS_OF
from api.http.queries.query import Query
from api.http.replies import ProblemRaised
from api.http.services import Services, Views, ViewsDatabase
from commands.problems import UNAVAILABLE
from infra.postgres.pool import TOOK_TOO_LONG, UNREACHABLE
from projections.catalogue import VIEWS

AWAY = "the database of these views cannot be reached; commands, and what the desk's own database shows, go on"

_VERSIONS = {view.name: view.version for view in VIEWS}


class Place(msgspec.Struct, frozen=True):
    """A database to be read. `other` is that for views, where it is not the desk's own."""

    services: Services
    other: ViewsDatabase | None = None

    @property
    def views(self) -> Views:
        """How far the views there have come."""
        return self.services.views if self.other is None else self.other.views

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for one transaction; ends the request with 503 where the database for views is away."""
        if self.other is None:
            with self.services.connections.connection() as connection:
                yield connection
            return
        try:
            with self.other.connections.connection() as connection:
                yield connection
        except TOOK_TOO_LONG:
            raise
        except UNREACHABLE as error:
            raise ProblemRaised(UNAVAILABLE, AWAY) from error


def place_of(query: Query, services: Services, parameters: Mapping[str, Any]) -> Place:
    """Return where a question is answered that has these parameters."""
    other = services.views_database
    if other is None or not query.views or query.of_desk or AS_OF in parameters or "as_of" in parameters:
        return Place(services)  # the past is made of the log
    shown = other.views.shows({name: _VERSIONS[name] for name in query.views})
    return Place(services, other if shown else None)
