"""Questions about the knowledge base."""

from typing import Any, get_args

from api.http.parameters import ListParameters
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.common import Page
from api.http.shapes.knowledge import ArticleShape
from commands.errors import UnknownArticle
from commands.wire.fields import Choice, Line
from commands.wire.knowledge import LONGEST_TOPIC
from projections import article


class ArticlesParameters(ListParameters):
    """Which articles."""

    topic = Line(longest=LONGEST_TOPIC)
    state = Choice(get_args(article.ArticleState), metadata={"description": "published where it is left out."})


def _articles(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = article.ArticleFilters(**choose(wanted, "topic", "state"))
    return page_of(article.page(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def _article(asked: Asked) -> Any:
    found = article.find(asked.connection, asked.path["article"])
    if found is None:
        raise UnknownArticle(f"there is no article {asked.path['article']!r}")
    return article.shape(found)


QUERIES = (
    Query(
        path="/v1/articles",
        name="articles",
        summary="Articles of the knowledge base by id.",
        views=(article.VIEW.name,),
        parameters=ArticlesParameters(),
        shapes=(Page[ArticleShape],),
        answer=_articles,
    ),
    Query(
        path="/v1/articles/<article>",
        name="article",
        summary="One article, a retired one too.",
        views=(article.VIEW.name,),
        shapes=(ArticleShape,),
        answer=_article,
        failures=(UnknownArticle,),
        tagged=True,
    ),
)
