"""Partitions are dealt out alike in all groups of the same workers, evenly, to one at a time, and all of them."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

from hypothesis import example, given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.protocol.consumer.metadata import ConsumerProtocolSubscription

from infra.kafka.workers.assignor import AlignedAssignor

TOPIC = "caselog.events"
WORKERS = tuple("abcdef")
MOST_ROUNDS = 10


class Member:
    """A consumer as kafka-python keeps it: what it has, and whether it has to ask for another round."""

    def __init__(self, worker: str, member_id: str) -> None:
        self.member_id = member_id
        self.owned: set[TopicPartition] = set()
        self.assignor = AlignedAssignor(worker)
        self.assignor.owned = lambda: self.owned

    def joins(self) -> SimpleNamespace:
        """What the group's leader gets of it, by way of the broker."""
        said = ConsumerProtocolSubscription.decode(self.assignor.metadata({TOPIC}).encode())
        return SimpleNamespace(member_id=self.member_id, metadata=said)

    def takes(self, assigned: set[TopicPartition]) -> bool:
        """Take what it is given; whether it has let go of any, and asks for another round."""
        revoked = self.owned - assigned
        self.owned = assigned
        return bool(revoked)


class Group:
    """A consumer group as the broker keeps it: it deals out anew when one comes or goes, or asks for that."""

    def __init__(self, partitions: int) -> None:
        self._cluster = SimpleNamespace(partitions_for_topic=lambda _: set(range(partitions)))
        self.members: dict[str, Member] = {}
        self.asleep: dict[str, Member] = {}
        self._joined = 0

    def join(self, worker: str, member: Member | None = None) -> None:
        """Let a worker in: the broker gives its member an id that says nothing."""
        self._joined += 1
        self.members[worker] = member or Member(worker, "")
        self.members[worker].member_id = f"member-{-self._joined % 1_000}"

    def leave(self, worker: str) -> None:
        """Let a worker go, and what it has with it."""
        del self.members[worker]

    def fall_asleep(self, worker: str) -> None:
        """Go on without a worker that does not know of that yet."""
        self.asleep[worker] = self.members.pop(worker)

    def wake(self, worker: str) -> None:
        """Let one in again that finds its membership lost, and so what it had."""
        member = self.asleep.pop(worker)
        member.owned = set()
        self.join(worker, member)

    def change(self, worker: str, *, sleeps: bool) -> None:
        """Let a worker come, or go in one way or the other."""
        if worker in self.asleep:
            self.wake(worker)
        elif worker not in self.members:
            self.join(worker)
        elif sleeps:
            self.fall_asleep(worker)
        else:
            self.leave(worker)

    def round(self) -> bool:
        """Deal out once; whether anybody asks for another round."""
        joined = [member.joins() for member in self.members.values()]
        if not joined:
            return False
        given = next(iter(self.members.values())).assignor.assign(self._cluster, joined)
        before = self._owners()
        asked = [member.takes(set(given[member.member_id].partitions())) for member in self.members.values()]
        for place, worker in self._owners().items():
            assert before.get(place, worker) == worker, "given away before its owner has let it go"
        return any(asked)

    def settle(self) -> Mapping[str, Sequence[int]]:
        """Deal out for as long as anybody asks for it; what each worker has then."""
        for _ in range(MOST_ROUNDS):
            if not self.round():
                return {
                    worker: sorted(place.partition for place in each.owned) for worker, each in self.members.items()
                }
        raise AssertionError("it never settles")

    def _owners(self) -> Mapping[TopicPartition, str]:
        owners: dict[TopicPartition, str] = {}
        for worker, member in self.members.items():
            for place in member.owned:
                assert place not in owners, "two have it"
                owners[place] = worker
        return owners


changes = st.lists(st.tuples(st.sampled_from(WORKERS), st.booleans(), st.booleans()), max_size=14)
"""Who comes or goes, whether it only sleeps, and whether the group has dealt out before the next one does."""


@given(partitions=st.integers(1, 8), changes=changes, order=st.permutations(WORKERS))
# the only one sleeps while another takes its place, which dies as the first wakes and a third one comes
@example(
    partitions=6,
    changes=[
        *[("a", True, True), ("a", True, True), ("b", True, True)],
        *[("b", False, False), ("a", True, False), ("c", True, True)],
    ],
    order=WORKERS,
)
def test_whoever_comes_goes_and_sleeps_each_partition_has_one_worker_and_the_same_in_all_groups(
    partitions: int, changes: list[tuple[str, bool, bool]], order: Sequence[str]
) -> None:
    group = Group(partitions)
    for worker, sleeps, deals_out in changes:
        group.change(worker, sleeps=sleeps)
        if deals_out:
            group.round()
    has = group.settle()
    dealt_out = sorted(partition for mine in has.values() for partition in mine)
    assert dealt_out == (list(range(partitions)) if has else [])
    counts = [len(mine) for mine in has.values()]
    assert not counts or max(counts) - min(counts) <= 1
    other = Group(partitions)
    for worker in order:
        if worker in has:
            other.join(worker)
    assert other.settle() == has
