"""Commands about the articles of the knowledge base (SUPPORT_POLICY R24)."""

from collections.abc import Mapping
from typing import Any

import uuid_utils

from commands.application import Evolve
from commands.errors import UnknownArticle
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.ports import Guard
from commands.unit_of_work import Stream, UnitOfWork
from domain import article as articles
from domain.article import Article, ArticleCommand, Content, PublishArticle, RetireArticle, ReviseArticle

EVOLVE_ARTICLE: Evolve[Article] = articles.evolve


def publish_article(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Let everybody read an article. Result: `article_id`. Refused: `article_exists`."""
    article_id = data.get("article_id") or str(uuid_utils.uuid7())
    stream = work.stream(f"article-{article_id}", EVOLVE_ARTICLE, is_new="article_id" not in data)
    return _decide(work, stream, PublishArticle(now=work.now, article_id=article_id, content=_content(data)))


def revise_article(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say it otherwise. Refused: `article_retired`."""
    stream = _article_named(work, data["article_id"], "/article_id")
    return _decide(work, stream, ReviseArticle(now=work.now, content=_content(data)))


def retire_article(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Take an article out of the knowledge base."""
    return _decide(work, _article_named(work, data["article_id"], "/article_id"), RetireArticle(now=work.now))


def check_citable(work: UnitOfWork, article_id: str) -> None:
    """Hold that everybody can read an article that a command names in `/article`, and the append to it.

    Raises `UnknownArticle` or `ArticleIsRetired`.
    """
    stream = _article_named(work, article_id, "/article")
    work.guard([Guard(stream.id, stream.loaded_version)])
    if stream.state is not None:
        articles.refuse_retired(stream.state, pointer="/article")


def _article_named(work: UnitOfWork, article_id: str, pointer: str) -> Stream[Article]:
    stream = work.stream(f"article-{article_id}", EVOLVE_ARTICLE)
    if stream.state is None:
        raise UnknownArticle(f"there is no article {article_id!r}", pointer=pointer)
    return stream


def _decide(work: UnitOfWork, stream: Stream[Article], command: ArticleCommand) -> Outcome:
    work.expect(stream)
    stream.add(articles.decide(command, stream.state))
    article_id = stream.id.removeprefix("article-")
    return Outcome(
        stream=stream,
        location=f"/v1/articles/{article_id}",
        result={"article_id": article_id},
        created=isinstance(command, PublishArticle),
    )


def _content(data: Mapping[str, Any]) -> Content:
    return Content(title=data["title"], body=data["body"], topics=tuple(data["topics"]))
