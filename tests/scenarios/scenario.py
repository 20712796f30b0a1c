"""Marks a test as the scenario of rules of the support policy."""

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])


def scenario(*rules: str) -> Callable[[Test], Test]:
    """Say which rules the test shows to hold: the one that it is named after, then others."""

    def mark(test: Test) -> Test:
        test.rules = rules  # type: ignore[attr-defined]
        return test

    return mark
