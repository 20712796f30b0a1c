"""Why is there no broker?"""


class BrokerError(Exception):
    """The broker does not run here; the message says why and what to change."""


class BrokerUnavailable(BrokerError):
    """The programs of a broker cannot be had on this machine: the extra is not installed, or no jars are to be got."""
