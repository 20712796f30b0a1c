"""docs/errors.md, the OpenAPI document and the classes of failures name the same codes, each with one meaning."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.http.document.openapi import openapi_document
from api.http.problems.catalogue import all_problem_types, all_problems
from api.http.problems.command_failures import FAILURES, problem_types_of
from api.http.problems.page import PAGE, errors_page
from api.http.queries.catalogue import QUERIES
from commands.errors import RequestError, UnknownAggregate
from domain.refusal import Refusal
from domain.setting import InvalidSetting

CODES = {kind.code for kind in all_problem_types()}
BASES = {UnknownAggregate, InvalidSetting}


def failures() -> Iterator[type[Any]]:
    """Every class of a refused rule or of a request that cannot be carried out."""
    waiting = [Refusal, RequestError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind not in BASES and kind.__module__.split(".")[0] in {"domain", "commands", "infra", "api"}:
                yield kind


def codes_below(node: Any) -> Iterator[list[str]]:
    """The lists of codes that the OpenAPI document allows anywhere."""
    if isinstance(node, dict):
        code = node.get("properties", {}).get("code") if isinstance(node.get("properties"), dict) else None
        if isinstance(code, dict) and "enum" in code:
            yield code["enum"]
        for below in node.values():
            yield from codes_below(below)
    elif isinstance(node, list):
        for below in node:
            yield from codes_below(below)


def test_the_page_is_what_the_classes_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == errors_page(), "make it anew: python -m api.http.problems.page"


def test_the_page_has_every_code_once_with_its_status() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3})?", errors_page(), flags=re.MULTILINE)
    assert sorted(code for code, _ in rows) == sorted(CODES)
    statuses = {kind.code: str(kind.status) for kind in all_problem_types()}
    assert {code: status or "422" for code, status in rows} == statuses


def test_each_class_of_failures_has_a_code_of_its_own() -> None:
    kinds = list(failures())
    assert len(kinds) > 40
    assert [kind.__name__ for kind in kinds if "code" not in vars(kind)] == []
    codes = [kind.code for kind in kinds]
    assert sorted(codes) == sorted(set(codes))


def test_the_openapi_document_names_exactly_these_codes() -> None:
    document = openapi_document()
    assert set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == CODES
    assert {code for codes in codes_below(document) for code in codes} == CODES


def test_each_refused_rule_is_on_the_page_with_the_commands_that_reach_it() -> None:
    answered = {each.kind.code: each for each in all_problems()}
    for command, own in FAILURES.items():
        assert {failure.code for failure in own} <= {kind.code for kind in problem_types_of(command)}
        for failure in own:
            assert command in answered[failure.code].commands
    for query in QUERIES:
        for failure in query.failures:
            assert query.name in answered[failure.code].queries


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_says_what_it_means_in_a_sentence(code: str) -> None:
    (kind,) = (each for each in all_problem_types() if each.code == code)
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code)
    assert kind.description.endswith("."), kind.description
