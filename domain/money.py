"""What hours cost: integer cents, rounded once (SUPPORT_POLICY B9)."""

SECONDS_PER_HOUR = 3600


def amount_cents(seconds: int, rate_cents_per_hour: int, multiplier: int = 1) -> int:
    """Return seconds x rate x multiplier / 3600 in cents, rounded half up (B9). No argument may be negative."""
    return _half_up(seconds * rate_cents_per_hour * multiplier, SECONDS_PER_HOUR)


def share_cents(part_seconds: int, whole_seconds: int, price_cents: int) -> int:
    """Return the share of a price that a part of its seconds has earned, in cents, rounded half up (B9).

    The differences of growing parts add up to the price exactly when the whole is reached.
    """
    return _half_up(part_seconds * price_cents, whole_seconds)


def _half_up(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)
