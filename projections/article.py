"""What does the knowledge base say? One row an article (SUPPORT_POLICY R24)."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.article import ArticlePublished, ArticleRetired, ArticleRevised
from domain.recorded import RecordedEvent
from projections.reading import Json, Page, cut, decode_cursor, position_of, select
from projections.view import Row, Table, View

ArticleState = Literal["published", "retired"]


class ArticleRow(Row, frozen=True, kw_only=True):
    """An article as its last event left it; `changed_at` is when its text was published or revised last."""

    article_id: str
    title: str
    body: str
    topics: tuple[str, ...]
    state: ArticleState = "published"
    published_at: datetime
    changed_at: datetime
    version: int
    position: int


articles = Table("article", ArticleRow, key=("article_id",))
VIEW = View("article", version=1, tables=(articles,))


@articles.begin(ArticlePublished)
def published(event: ArticlePublished, at: RecordedEvent) -> ArticleRow:
    """Everybody can read it."""
    return ArticleRow(
        article_id=event.article_id,
        title=event.title,
        body=event.body,
        topics=event.topics,
        published_at=event.occurred_at,
        changed_at=event.occurred_at,
        version=at.originator_version,
        position=at.position or 0,
    )


def _moved(row: ArticleRow, at: RecordedEvent, **changes: Any) -> ArticleRow:
    return replace(row, version=at.originator_version, position=at.position or 0, **changes)


@articles.on(ArticleRevised)
def revised(row: ArticleRow, event: ArticleRevised, at: RecordedEvent) -> ArticleRow:
    """The whole of it anew."""
    return _moved(row, at, title=event.title, body=event.body, topics=event.topics, changed_at=event.occurred_at)


@articles.on(ArticleRetired)
def retired(row: ArticleRow, _: ArticleRetired, at: RecordedEvent) -> ArticleRow:
    """It stays for the cases that cite it."""
    return _moved(row, at, state="retired")


class ArticleFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which articles; without a topic those of all."""

    state: ArticleState = "published"
    topic: str | None = None


def shape(row: ArticleRow) -> Json:
    """An article as JSON."""
    return msgspec.structs.asdict(row)


def find(connection: Connection, article_id: str) -> ArticleRow | None:
    """Return an article by id, a retired one too."""
    rows = select(connection, ArticleRow, "FROM article t WHERE article_id = %s", (article_id,))
    return rows[0] if rows else None


def page(connection: Connection, filters: ArticleFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return articles by id. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values = {
        "state": filters.state,
        "topic": filters.topic,
        "after": "" if cursor is None else decode_cursor(cursor, tuple[str])[0],
        "limit": limit + 1,
    }
    about = "" if filters.topic is None else " AND topics::jsonb @> to_jsonb(ARRAY[%(topic)s::text])"
    rows = select(
        connection,
        ArticleRow,
        f"FROM article t WHERE article_id > %(after)s AND state = %(state)s{about} ORDER BY article_id LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, lambda row: (row.article_id,), shape, position)
