from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from domain.article import (
    Article,
    ArticleCommand,
    ArticleEvent,
    ArticleExists,
    ArticleIsRetired,
    ArticleNotPublished,
    ArticlePublished,
    ArticleRetired,
    ArticleRevised,
    Content,
    PublishArticle,
    RetireArticle,
    ReviseArticle,
    decide,
    evolve,
    refuse_retired,
)
from tests.spec import Decider

article: Decider[ArticleCommand, Article, ArticleEvent] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST = Content(title="Weeks", body="Choose Monday.", topics=("calendar",))
SECOND = Content(title="Weeks", body="Choose any day.", topics=("calendar", "settings"))
PUBLISH = PublishArticle(now=NOW, article_id="a-1", content=FIRST)
PUBLISHED = ArticlePublished(
    occurred_at=NOW, article_id="a-1", title="Weeks", body="Choose Monday.", topics=("calendar",)
)
REVISE = ReviseArticle(now=NOW, content=SECOND)
REVISED = ArticleRevised(
    occurred_at=NOW, article_id="a-1", title="Weeks", body="Choose any day.", topics=("calendar", "settings")
)
RETIRE = RetireArticle(now=NOW)
RETIRED = ArticleRetired(occurred_at=NOW, article_id="a-1")


def test_an_article_is_published_once() -> None:
    article.given().when(PUBLISH).then(PUBLISHED)
    article.given(PUBLISHED).when(PUBLISH).then_nothing()


def test_a_publication_may_come_again_after_a_revision_and_a_retirement() -> None:
    article.given(PUBLISHED, REVISED, RETIRED).when(PUBLISH).then_nothing()
    article.given(PUBLISHED, REVISED).when(replace(PUBLISH, content=SECOND)).then_nothing()


@pytest.mark.parametrize("field", ["title", "body"])
def test_an_id_stands_for_one_article(field: str) -> None:
    other = replace(PUBLISH, content=replace(FIRST, **{field: "Months"}))
    article.given(PUBLISHED).when(other).then_refused(ArticleExists)


def test_an_article_is_revised_to_what_it_does_not_say_already() -> None:
    article.given(PUBLISHED).when(REVISE).then(REVISED)
    article.given(PUBLISHED, REVISED).when(REVISE).then_nothing()
    article.given(PUBLISHED).when(replace(REVISE, content=FIRST)).then_nothing()


def test_a_retired_article_is_not_revised() -> None:
    article.given(PUBLISHED, RETIRED).when(REVISE).then_refused(ArticleIsRetired)


def test_an_article_is_retired_once() -> None:
    article.given(PUBLISHED).when(RETIRE).then(RETIRED)
    article.given(PUBLISHED, RETIRED).when(RETIRE).then_nothing()


@pytest.mark.parametrize("command", [REVISE, RETIRE])
def test_an_article_begins_with_its_publication(command: ArticleCommand) -> None:
    article.given().when(command).then_refused(ArticleNotPublished)


def test_only_a_retired_article_cannot_be_cited() -> None:
    published = article.given(PUBLISHED, REVISED).state
    retired = article.given(PUBLISHED, REVISED, RETIRED).state
    assert published is not None
    assert retired is not None
    refuse_retired(published)
    with pytest.raises(ArticleIsRetired) as refusal:
        refuse_retired(retired, pointer="/article")
    assert refusal.value.pointer == "/article"
