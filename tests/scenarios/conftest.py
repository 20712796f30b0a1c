"""Each scenario has a desk of its own, and none of them can be left out."""

from collections.abc import Generator, Iterator

import pytest

from tests.scenarios.desk import Desk
from tests.scenarios.running import running_desk


@pytest.fixture
def desk(postgres_dsn: str, schema: str) -> Iterator[Desk]:
    """A new desk in Denver, everything of it running, whose clock the scenario sets."""
    with running_desk(postgres_dsn, schema) as running, Desk(running) as users:
        yield users


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A scenario that does not run says nothing of its rule: one that is skipped, or expected to fail, fails."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.name}: a scenario may not be skipped or expected to fail"
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    return report
