"""Which worker of a group has which partitions? The same ones in all groups that the same workers are in.

Each view has a group of its own. kafka-python's assignors go by the ids of members, which say nothing of the process
they are in: of four views a worker has other partitions each, and has to read and unpack nearly all of the topic.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kafka import TopicPartition
from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor, RebalanceProtocol
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription


class AlignedAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # kafka-python has no types
    """Deals partitions out in their order to workers in the order of their names.

    As in any cooperative group (KIP-429) a partition goes from one to another in two rounds, so that it does not have
    two: its owner lets it go in the first and asks for the second, in which its new owner gets it.

    `owned` returns what the consumer has at the moment. It must be the consumer's own word: who has lost its
    membership has nothing any more, and asks for no second round. A partition that is held back for one who says that
    it has it, and has not, is nobody's for as long as nobody joins or leaves.
    """

    name = "caselog-aligned"
    version = 1
    """That of the protocol: the first one in which members say what they own."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self.owned: Callable[[], Collection[TopicPartition]] = tuple

    def supported_protocols(self) -> list[RebalanceProtocol]:
        """Return how partitions change hands."""
        return [RebalanceProtocol.COOPERATIVE]

    def metadata(self, topics: Collection[str]) -> ConsumerProtocolSubscription:
        """Return what a member says of itself when it joins: its partitions, and the name of its worker."""
        owned: dict[str, list[int]] = defaultdict(list)
        for place in sorted(self.owned()):
            owned[place.topic].append(place.partition)
        return ConsumerProtocolSubscription(
            version=self.version,
            topics=sorted(topics),
            user_data=self._worker.encode(),
            owned_partitions=[
                ConsumerProtocolSubscription.TopicPartition(topic=topic, partitions=partitions)
                for topic, partitions in owned.items()
            ],
        )

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

    def on_assignment(self, assignment: ConsumerProtocolAssignment, generation: int) -> None:
        """Keep nothing: what the consumer has, it says itself."""
