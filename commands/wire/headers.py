"""What may a command bring beside its data, and how large may it be? The same by HTTP and by Kafka."""

import re

LONGEST_BODY = 1024 * 1024
"""Bytes of one command."""
LONGEST_BATCH = 16 * LONGEST_BODY
"""Bytes of a batch of them."""
GREATEST_VERSION = 2**31 - 1

# A comma is left out: two headers look like one with a comma once they have passed a server or a proxy.
IDEMPOTENCY_KEY_PATTERN = r"^[!-+\--~]{1,255}$"

CORRELATION_ID_PATTERN = r"^[!-~]{1,128}$"
TRACEPARENT_PATTERN = r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$"

_idempotency_key = re.compile(IDEMPOTENCY_KEY_PATTERN)
_correlation_id = re.compile(CORRELATION_ID_PATTERN)
_traceparent = re.compile(TRACEPARENT_PATTERN)


def is_idempotency_key(text: str) -> bool:
    """Tell whether a text is 1 to 255 visible ASCII characters without a comma."""
    return _idempotency_key.fullmatch(text) is not None


def is_correlation_id(text: str) -> bool:
    """Tell whether a text is 1 to 128 visible ASCII characters."""
    return _correlation_id.fullmatch(text) is not None


def is_traceparent(text: str) -> bool:
    """Tell whether a text names a span (W3C Trace Context)."""
    return _traceparent.fullmatch(text) is not None
