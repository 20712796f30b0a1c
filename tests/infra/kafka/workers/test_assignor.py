"""Partitions are dealt out alike in all groups of the same workers, evenly, and never to two at once."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from kafka.protocol.consumer.metadata import ConsumerProtocolSubscription
from kafka.structs import TopicPartition

from infra.kafka.workers.assignor import AlignedAssignor

TOPIC = "caselog.events"
WORKERS = tuple("abcdefgh")
ROUNDS = 2
"""One lets partitions go, one gives them away."""


class Group:
    """A consumer group as the broker and its members keep it, each with an assignor of its own."""

    def __init__(self, partitions: int) -> None:
        self._cluster = SimpleNamespace(partitions_for_topic=lambda _: set(range(partitions)))
        self._members: dict[str, tuple[str, AlignedAssignor]] = {}
        self._joined = 0

    def join(self, worker: str) -> None:
        """Let a worker in: the broker gives its member an id that says nothing."""
        self._joined += 1
        self._members[f"member-{-self._joined % 1_000}"] = worker, AlignedAssignor(worker)

    def leave(self, worker: str) -> None:
        """Let a worker go, and what it has with it."""
        self._members = {member: each for member, each in self._members.items() if each[0] != worker}

    def round(self) -> Mapping[str, Sequence[int]]:
        """Rebalance once, and return what each worker has then."""
        joined = [
            SimpleNamespace(
                member_id=member,
                metadata=ConsumerProtocolSubscription.decode(assignor.metadata({TOPIC}).encode()),
            )
            for member, (_, assignor) in self._members.items()
        ]
        if not joined:
            return {}
        given = next(iter(self._members.values()))[1].assign(self._cluster, joined)
        before = self._owners()
        for member, (_, assignor) in self._members.items():
            assignor.on_assignment(given[member], 1)
        for partition, worker in self._owners().items():
            assert before.get(partition, worker) == worker, "given away before its owner has let it go"
        return {worker: [place.partition for place in has.member_assignment] for worker, has in self._members.values()}

    def settled(self) -> Mapping[str, Sequence[int]]:
        """Rebalance until nothing changes any more."""
        for _ in range(ROUNDS):
            self.round()
        had = self._owners()
        has = self.round()
        assert self._owners() == had
        return has

    def _owners(self) -> Mapping[TopicPartition, str]:
        owners: dict[TopicPartition, str] = {}
        for worker, assignor in self._members.values():
            for place in assignor.member_assignment or ():
                assert place not in owners, "two have it"
                owners[place] = worker
        return owners


@given(
    partitions=st.integers(1, 12),
    changes=st.lists(st.sampled_from(WORKERS), max_size=12),
    order=st.permutations(WORKERS),
)
def test_whoever_comes_and_goes_each_partition_has_one_worker_and_the_same_in_all_groups(
    partitions: int, changes: list[str], order: list[str]
) -> None:
    group, there = Group(partitions), set[str]()
    for worker in changes:
        if worker in there:
            group.leave(worker)
        else:
            group.join(worker)
        there ^= {worker}
        group.round()
    other = Group(partitions)
    for worker in order:
        if worker in there:
            other.join(worker)
    has = group.settled()
    dealt_out = sorted(partition for mine in has.values() for partition in mine)
    assert dealt_out == (list(range(partitions)) if there else [])
    counts = [len(mine) for mine in has.values()]
    assert not counts or max(counts) - min(counts) <= 1
    assert other.settled() == has
