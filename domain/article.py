"""The knowledge base: articles that answer common questions (SUPPORT_POLICY R24)."""

from domain.event import Event


class ArticlePublished(Event, frozen=True, kw_only=True):
    """An article answers a question for everybody."""

    article_id: str
    title: str
    body: str
    topics: tuple[str, ...] = ()


class ArticleRevised(Event, frozen=True, kw_only=True):
    """It says something else, or says it better."""

    article_id: str
    title: str
    body: str
    topics: tuple[str, ...] = ()


class ArticleRetired(Event, frozen=True, kw_only=True):
    """It is not to be read any more; cases that cite it still do."""

    article_id: str
