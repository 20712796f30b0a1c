"""Which worker of a group has which partitions? The same ones in all groups that the same workers are in.

Each view has a group of its own. kafka-python's assignors go by the ids of members, which say nothing of the process
they are in: of four views a worker has other partitions each, and has to read and unpack nearly all of the topic.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription


class AlignedAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """Deals partitions out in their order to workers in the order of their names.

    As in any cooperative group (KIP-429) a partition goes from one to another in two rounds, so that it never has two:
    its owner lets it go in the first, and its new owner gets it in the second.
    """

    name = "caselog-aligned"

    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    def metadata(self, topics: Collection[str]) -> ConsumerProtocolSubscription:
        """Return what a member says of itself when it joins: its partitions, and the name of its worker."""
        said = super().metadata(topics)
        said.user_data = self._worker.encode()
        return said

    def assign(self, cluster: Any, members: Sequence[Any]) -> Mapping[str, ConsumerProtocolAssignment]:
        """Return what each member gets in this round, by its id."""
        owners = {
            (owned.topic, partition): member.member_id
            for member in members
            for owned in member.metadata.owned_partitions or ()
            for partition in owned.partitions
        }
        given: dict[str, dict[str, list[int]]] = {member.member_id: defaultdict(list) for member in members}
        for topic in {topic for member in members for topic in member.metadata.topics}:
            takers = sorted(
                (member for member in members if topic in member.metadata.topics),
                key=lambda member: (member.metadata.user_data or b"", member.member_id),
            )
            partitions = sorted(cluster.partitions_for_topic(topic) or ())
            for index, partition in enumerate(partitions):
                taker = takers[index * len(takers) // len(partitions)].member_id
                if owners.get((topic, partition), taker) == taker:
                    given[taker][topic].append(partition)
        return {
            member: ConsumerProtocolAssignment(self.version, sorted(topics.items()), b"")
            for member, topics in given.items()
        }
