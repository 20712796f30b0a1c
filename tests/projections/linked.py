"""Which figures of an answer name no event? Walks all of it, so that a figure that is added later is found as well."""

from collections.abc import Iterator
from typing import Any

OF_THE_ANSWER = {"positions", "figure_positions", "position", "as_of_position"}
"""What says where the figures are from, and is none itself."""

NO_FIGURES = {"instance", "policy_version"}
"""Numbers beside a clock's figures that say which it is: the clock's `positions` are behind them."""


def figures_of(value: Any, path: tuple[str, ...] = (), linked: Any = None, around: Any = None) -> Iterator[Any]:
    """Yield each number and instant of an answer: path, value, positions.

    They are those of `figure_positions` of the object that it stands in, or of one around that, by the figure's own
    name; where there is no such list, `positions` of the item that it is a part of. Those of an object do not speak for
    the figures that its `figure_positions` should name.
    """
    if isinstance(value, dict):
        own = value.get("figure_positions")
        if own is not None:
            linked = own
        if "positions" in value:
            around = value["positions"]
        elif "position" in value:  # of an item that is what one event says
            around = [value["position"]]
        for name, part in value.items():
            if name in OF_THE_ANSWER:
                continue
            if own is not None and name not in NO_FIGURES and not isinstance(part, list):
                yield from figures_of(part, (*path, name), linked.get(name, {}), None)
            elif linked is not None and own is None:
                yield from figures_of(part, (*path, name), linked.get(name, {}), around)
            else:
                yield from figures_of(part, (*path, name), None, around)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from figures_of(part, (*path, str(number)), None, around)
    elif is_figure(path[-1], value):
        yield "/".join(path), value, linked if isinstance(linked, list | tuple) else around


def is_figure(name: str, value: Any) -> bool:
    """Whether a value is a number, or an instant by its name."""
    return (isinstance(value, int | float) and not isinstance(value, bool)) or name.endswith("_at")


def without_events(answer: Any) -> list[str]:
    """Return the paths of the figures that name no event, though they are not 0 for want of any."""
    return [path for path, value, positions in figures_of(answer) if value and not positions]
