"""The knowledge base: articles that answer common questions (SUPPORT_POLICY R24)."""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from domain.event import Event, Value
from domain.refusal import Refusal


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


class Content(Value, frozen=True, kw_only=True):
    """What an article says, and about which topics."""

    title: str
    body: str
    topics: tuple[str, ...] = ()


class PublishArticle(Value, frozen=True, kw_only=True):
    """Let everybody read an article."""

    now: datetime
    article_id: str
    content: Content


class ReviseArticle(Value, frozen=True, kw_only=True):
    """Say it otherwise: the whole article anew."""

    now: datetime
    content: Content


class RetireArticle(Value, frozen=True, kw_only=True):
    """Take an article out of the knowledge base, for good."""

    now: datetime


ArticleCommand = PublishArticle | ReviseArticle | RetireArticle
ArticleEvent = ArticlePublished | ArticleRevised | ArticleRetired


class Article(Value, frozen=True, kw_only=True):
    """An article as it reads now, and as it was published: one that is published again is compared with both."""

    article_id: str
    content: Content
    published: Content
    retired: bool = False


class ArticleNotPublished(Refusal):
    """An article begins with its publication; there is none under that id."""

    code = "article_not_published"
    pointer = "/article_id"


class ArticleExists(Refusal):
    """The id names an article that says something else; it is changed by revising it."""

    code = "article_exists"
    pointer = "/article_id"


class ArticleIsRetired(Refusal):
    """A retired article is neither revised nor cited any more (R24)."""

    code = "article_retired"
    pointer = "/article_id"


def decide(command: ArticleCommand, state: Article | None) -> list[ArticleEvent]:
    """Decide a command; a repeat of a request leads to nothing. Raises a `Refusal` of this module."""
    if isinstance(command, PublishArticle):
        return _publish(command, state)
    if state is None:
        raise ArticleNotPublished("the article has not been published")
    match command:
        case ReviseArticle():
            return _revise(command, state)
        case RetireArticle():
            return [] if state.retired else [ArticleRetired(occurred_at=command.now, article_id=state.article_id)]
        case _ as never:
            assert_never(never)


def refuse_retired(article: Article, *, pointer: str | None = None) -> None:
    """Raise `ArticleIsRetired` if nobody is to read the article any more; `pointer` is where a command names it."""
    if article.retired:
        raise ArticleIsRetired(f"article {article.article_id} is retired", pointer=pointer)


def _publish(command: PublishArticle, state: Article | None) -> list[ArticleEvent]:
    content = command.content
    if state is None:
        return [
            ArticlePublished(
                occurred_at=command.now,
                article_id=command.article_id,
                title=content.title,
                body=content.body,
                topics=content.topics,
            )
        ]
    if content in (state.published, state.content):
        return []
    raise ArticleExists(f"article {command.article_id} says something else")


def _revise(command: ReviseArticle, state: Article) -> list[ArticleEvent]:
    content = command.content
    if content == state.content:
        return []
    refuse_retired(state)
    return [
        ArticleRevised(
            occurred_at=command.now,
            article_id=state.article_id,
            title=content.title,
            body=content.body,
            topics=content.topics,
        )
    ]


def evolve(state: Article | None, event: ArticleEvent) -> Article:
    """Fold one event; never refuses. The first one is `ArticlePublished`."""
    if isinstance(event, ArticlePublished):
        content = _content(event)
        return Article(article_id=event.article_id, content=content, published=content)
    if state is None:
        raise LookupError(f"{type(event).__name__} precedes ArticlePublished")
    match event:
        case ArticleRevised():
            return replace(state, content=_content(event))
        case ArticleRetired():
            return replace(state, retired=True)
        case _ as never:
            assert_never(never)


def _content(event: ArticlePublished | ArticleRevised) -> Content:
    return Content(title=event.title, body=event.body, topics=event.topics)
