"""The knowledge base over HTTP, and cases that cite it (SUPPORT_POLICY R24)."""

from typing import Any

import pytest

from tests.api.http.conftest import Api, json_of, problem_of
from tests.api.http.shapes import fits


def content(title: str = "Weeks", *topics: str) -> dict[str, Any]:
    return {"title": title, "body": "Choose Monday.", "topics": list(topics)}


def test_an_article_is_published_revised_and_retired(api: Api) -> None:
    answer = api.post("publish-article", {"article_id": "weeks", **content("Weeks", "calendar")})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/articles/weeks")
    api.clock.forward(minutes=5)
    api.done("revise-article", article_id="weeks", **content("Weeks and days", "calendar", "settings"))
    shown = fits("article", api.answer("/v1/articles/weeks"))
    assert (shown["title"], shown["topics"], shown["state"]) == (
        "Weeks and days",
        ["calendar", "settings"],
        "published",
    )
    assert shown["changed_at"] > shown["published_at"]
    api.done("retire-article", article_id="weeks")
    assert api.answer("/v1/articles/weeks")["state"] == "retired"
    assert api.get("/v1/articles/weeks").headers["ETag"] == '"3"'
    refused = api.post("revise-article", {"article_id": "weeks", **content("Months")})
    assert problem_of(refused, 422)["code"] == "article_retired"


def test_an_article_without_an_id_gets_one(api: Api) -> None:
    article_id = api.done("publish-article", **content())["result"]["article_id"]
    assert fits("article", api.answer(f"/v1/articles/{article_id}"))["body"] == "Choose Monday."


@pytest.mark.parametrize("command", ["revise-article", "retire-article"])
def test_an_article_that_nobody_published_is_unknown(api: Api, command: str) -> None:
    data = {"article_id": "nothing"} | (content() if command == "revise-article" else {})
    refused = problem_of(api.post(command, data), 404)
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("unknown_article", "/article_id")
    assert problem_of(api.get("/v1/articles/nothing"), 404)["code"] == "unknown_article"


def test_articles_are_listed_by_id_by_topic_and_by_state(api: Api) -> None:
    for name, topics in (("l-1", ["rates"]), ("l-2", ["rates", "tax"]), ("l-3", ["tax"]), ("l-4", ["rates"])):
        api.done("publish-article", article_id=name, **content(name, *topics))
    api.done("retire-article", article_id="l-4")
    first = fits("articles", api.answer("/v1/articles", topic="rates", limit=1))
    assert [item["article_id"] for item in first["items"]] == ["l-1"]
    second = api.answer("/v1/articles", topic="rates", limit=1, cursor=first["next"])
    assert [item["article_id"] for item in second["items"]] == ["l-2"]
    assert "next" not in second
    assert [item["article_id"] for item in api.answer("/v1/articles", topic="tax")["items"]] == ["l-2", "l-3"]
    assert [item["article_id"] for item in api.answer("/v1/articles", topic="rates", state="retired")["items"]] == [
        "l-4"
    ]


def test_a_resolution_cites_an_article_that_can_be_read(api: Api) -> None:
    api.done("publish-article", article_id="cited", **content())
    ticket = api.ticket(api.customer())["ticket_id"]
    data = {"ticket": ticket, "resolution": "As the article says", "article": "cited"}
    api.done("resolve-ticket", **data)
    links = fits("ticket", api.answer(f"/v1/tickets/{ticket}"))["links"]
    assert links == [{"kind": "article", "article_id": "cited"}]
    api.done("retire-article", article_id="cited")
    again = api.post("resolve-ticket", data)
    assert (again.status_code, json_of(again)["events"]) == (200, [])
    api.done("reopen-ticket", ticket=ticket, reason="It was not")
    assert api.answer(f"/v1/tickets/{ticket}")["links"] == []


@pytest.mark.parametrize(
    ("article", "status", "code"), [("none", 404, "unknown_article"), ("old", 422, "article_retired")]
)
def test_a_resolution_that_cites_what_nobody_can_read_is_refused(
    api: Api, article: str, status: int, code: str
) -> None:
    api.done("publish-article", article_id="old", **content())
    api.done("retire-article", article_id="old")
    ticket = api.ticket(api.customer())["ticket_id"]
    refused = api.post("resolve-ticket", {"ticket": ticket, "resolution": "See there", "article": article})
    problem = problem_of(refused, status)
    assert (problem["code"], problem["errors"][0]["pointer"]) == (code, "/article")
    assert api.answer(f"/v1/tickets/{ticket}")["status"] == "new"
