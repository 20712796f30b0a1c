"""What are a desk's topics, groups and transactional ids called? All of them tell the desk's schema."""

import msgspec


class Names(msgspec.Struct, frozen=True):
    """The names of one desk, told apart by its schema from those of other desks on the same broker.

    The default schema `caselog` gives `caselog.events`, the schema `north` gives `north.caselog.events`: no schema can
    make a name of another one's, since a schema has no dot in it.
    """

    schema: str

    @property
    def prefix(self) -> str:
        """What all names begin with."""
        return "caselog" if self.schema == "caselog" else f"{self.schema}.caselog"

    @property
    def events(self) -> str:
        """The topic of the log's events, and of position marks."""
        return f"{self.prefix}.events"

    @property
    def relay(self) -> str:
        """The compacted topic of the relay's checkpoint."""
        return f"{self.prefix}.relay"

    @property
    def commands(self) -> str:
        """The topic that commands are taken from."""
        return f"{self.prefix}.commands"

    @property
    def replies(self) -> str:
        """The topic of their answers."""
        return f"{self.prefix}.replies"

    @property
    def dead_commands(self) -> str:
        """The topic of records that are no commands."""
        return f"{self.prefix}.commands.dead"

    @property
    def relay_transactional_id(self) -> str:
        """Shared by all relays of the desk, so that each fences the one before it."""
        return f"{self.prefix}.relay"

    @property
    def commands_group(self) -> str:
        """The consumer group that carries commands out."""
        return f"{self.prefix}.commands"

    def view_group(self, view: str, build: int, *, elsewhere: bool = False) -> str:
        """The consumer group that keeps one build of a view.

        `elsewhere`: in a database of its own, which numbers its builds by itself. Workers of two builds of the same
        number that shared a group would each be given a part of the partitions, and neither build would come on.
        """
        return f"{self.prefix}.view.{'elsewhere.' if elsewhere else ''}{view}.{build}"


DEFAULT_NAMES = Names("caselog")
"""Those of a desk in the default schema."""
