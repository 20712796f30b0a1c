"""The relay is set elsewhere by a person who was told what that does, and never beside one that publishes."""

from collections import Counter
from pathlib import Path

import pytest

from infra.kafka.relay.checkpoint import last_checkpoint
from infra.kafka.relay.resetting import NoSuchPosition, RelayLeads, resetting
from tests.infra.kafka.processes import environment, running
from tests.infra.kafka.relay.conftest import Relayed


@pytest.fixture
def published(relayed: Relayed) -> Relayed:
    relayed.grow(20)
    with relayed.relaying():
        relayed.await_published()
    return relayed


def test_back_means_twice_and_is_said(published: Relayed) -> None:
    head = published.head()
    with resetting(published.dsn, published.schema, published.settings) as reset:
        assert f"The events {head - 4} to {head} will be on topic" in reset.consequences(head - 5)
        assert reset.consequences(head) == f"The relay goes on after position {head}, as it would have anyway."
        with pytest.raises(NoSuchPosition, match=f"ends at position {head}"):
            reset.consequences(head + 1)
        reset.write(head - 5)
    with published.relaying():
        published.grow(1)
        published.await_published(head + 1)
    times = Counter(event.position for event in published.events())
    assert {position for position, count in times.items() if count == 2} == set(range(head - 4, head + 1))
    assert times[head + 1] == 1


def test_forward_means_never_and_is_said(published: Relayed) -> None:
    head = published.grow(10)
    with resetting(published.dsn, published.schema, published.settings) as reset:
        said = reset.consequences(head)
        assert f"The events {head - 9} to {head} will never be on topic" in said
        assert "stop their workers" in said
        reset.write(head)
    with published.relaying():
        published.grow(1)
        published.await_published()
    assert set(range(head - 9, head + 1)).isdisjoint(event.position for event in published.events())


def test_it_is_refused_beside_a_relay_that_publishes_and_without_a_word(published: Relayed, tmp_path: Path) -> None:
    with published.relaying():
        published.grow(1)
        published.await_published()
        with (
            pytest.raises(RelayLeads, match="stop"),
            resetting(published.dsn, published.schema, published.settings),
        ):
            pass
    where = environment(published.dsn, published.schema, published.settings)
    with running("relay", "--reset-to", "3", output=tmp_path / "asked", environment=where) as process:
        assert process.popen.wait(60) != 0
        assert "a second time" in process.output
    now = last_checkpoint(published.settings, published.names)
    assert now is not None
    assert now.position == published.head()
    with running("relay", "--reset-to", "3", "--yes", output=tmp_path / "told", environment=where) as process:
        assert process.popen.wait(60) == 0
    now = last_checkpoint(published.settings, published.names)
    assert now is not None
    assert (now.position, now.begun_after) == (3, 0)
