"""Workers in processes of their own, one of which stands still for longer than its group waits for it."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from projections import queue
from tests.infra.kafka.processes import CaselogProcess, environment, running
from tests.infra.kafka.workers.conftest import SETTING_UP, FedDesk
from tests.waiting import eventually


@pytest.fixture
def worker(fed: FedDesk, stack: ExitStack, tmp_path: Path) -> Callable[[str], CaselogProcess]:
    """Starts a worker of a view, which has a name for its log."""
    where = environment(fed.dsn, fed.schema, fed.settings)

    def start(name: str) -> CaselogProcess:
        return stack.enter_context(
            running("kafka-project", queue.VIEW.name, output=tmp_path / f"{name}.log", environment=where)
        )

    return start


def test_no_partition_is_left_alone_by_one_who_sleeps_while_another_dies(
    fed: FedDesk, worker: Callable[[str], CaselogProcess]
) -> None:
    fed.append(SETTING_UP)
    fed.publish()
    sleeping = worker("sleeping")
    fed.await_members(queue.VIEW, 1)
    sleeping.freeze()
    dying = worker("dying")
    eventually(partial(dying.has_all_partitions, queue.VIEW.name, fed.settings.partitions), 60)
    dying.kill()
    worker("another")
    sleeping.wake()
    fed.await_members(queue.VIEW, 2)
    fed.append()
    fed.publish()
    fed.await_fed(queue.VIEW)
    fed.check_like_the_logs(queue.VIEW)
