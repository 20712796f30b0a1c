"""What may stand behind an option: numbers that a benchmark can work with, checked before it begins."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from math import isfinite


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that is not below another."""

    def read(text: str) -> int:
        try:
            number = int(text.replace("_", ""))
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no whole number") from None
        if number < least:
            raise ArgumentTypeError(f"at least {least:,} is needed, not {number:,}")
        return number

    return read


def positive(text: str) -> float:
    """Read a number above zero: seconds, or how many a second."""
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number") from None
    if not (isfinite(number) and number > 0):
        raise ArgumentTypeError(f"a number above 0 is needed, not {text}")
    return number
