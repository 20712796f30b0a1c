"""A calendar month as an argument of a command."""

import re

import click

from commands.wire.fields import PERIOD_PATTERN


class Month(click.ParamType[str]):
    """A calendar month, as in 2026-11."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the month; fails where the text is none."""
        if re.fullmatch(PERIOD_PATTERN, str(value)) is None:
            self.fail(f"{value!r} is no month, such as 2026-11", param, ctx)
        return str(value)
