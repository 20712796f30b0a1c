"""Why is nothing compared?"""


class CannotReconcile(Exception):
    """There is nothing to compare, or no way to; the text says why."""


class NotFedByKafka(CannotReconcile):
    """The view has no live build in that database which Kafka feeds."""
