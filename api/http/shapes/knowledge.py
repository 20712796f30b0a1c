"""The shape of articles."""

from datetime import datetime

from api.http.shapes.common import Position, Shape
from projections.article import ArticleState


class ArticleShape(Shape, kw_only=True):
    """An article of the knowledge base."""

    article_id: str
    title: str
    body: str
    topics: list[str]
    state: ArticleState
    published_at: datetime
    changed_at: datetime
    version: int
    position: Position
