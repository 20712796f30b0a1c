"""How many threads does the server need?"""

SPARE_THREADS = 16
"""Threads beside those that places and queues can hold: they turn the others away, and answer whoever watches."""


def threads_for(places: int, queue_size: int) -> int:
    """Return how many threads the server needs for so many places of each kind, and as long a queue for each."""
    return 2 * (places + queue_size) + SPARE_THREADS
