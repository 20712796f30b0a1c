"""What do the figures of the SLA report look like? A picture each, as SVG, by matplotlib (the extra `plots`).

Colours are those of Okabe and Ito (2008), told apart by people who see some colours alike, and differ in lightness, so
that they survive a printer. Every number that a picture shows stands in the table beside it.
"""

import io
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from infra.reporting.export import ExtraMissing
from infra.reporting.sla_figures import AGES, URGENCIES, Attained, SlaFigures, Work

COLOURS = {"high": "#d55e00", "normal": "#0072b2", "low": "#7fc4ee"}
_BLUE, _GREEN, _INK, _SOFT, _LINE = "#0072b2", "#009e73", "#1d2733", "#5b6876", "#d9dfe6"
_OTHERS = "#a9b4c0"
_WIDTH = 8.6  # inches
_MOST_BARS = 20
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _SOFT,
    "axes.edgecolor": _LINE,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": _SOFT,
    "ytick.color": _INK,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "svg.hashsalt": "caselog",
    "svg.fonttype": "path",
}


def plotting() -> Any:
    """Return matplotlib. Raises `ExtraMissing`."""
    try:
        return import_module("matplotlib")
    except ImportError as error:
        raise ExtraMissing(
            "pictures need the extra `plots`, which is not installed: pip install 'caselog[plots]'; --no-plots writes"
            " the tables alone"
        ) from error


def attainment_plot(figures: SlaFigures) -> str:
    """Return bars of the percentage met, by clock and urgency."""
    shown = figures.attained

    def draw(axes: Any) -> None:
        places = _grouped(shown)
        axes.barh(places, [each.percent for each in shown], 0.8, color=[COLOURS[each.urgency] for each in shown])
        for place, each in zip(places, shown, strict=True):
            total = each.met + each.breached
            axes.text(
                102, place, f"{each.percent:.0f} %   {each.met:,} of {total:,}", va="center", fontsize=9, clip_on=False
            )
        axes.set_yticks(places, [f"{spoken(each.clock)}, {each.urgency}" for each in shown])
        axes.set_xlim(0, 100)
        axes.set_xlabel("targets met, % of those judged")
        axes.margins(y=0.02)
        axes.invert_yaxis()
        axes.grid(axis="x")
        axes.tick_params(length=0)

    return _svg(draw, 1.5 + 0.34 * len(shown), "Targets met (%), by clock and urgency of the case")


def backlog_plot(figures: SlaFigures) -> str:
    """Return the number of open cases at each day's end, over the days."""

    def draw(axes: Any) -> None:
        days = [each.day for each in figures.days]
        axes.fill_between(days, [each.backlog for each in figures.days], step="mid", color=_BLUE, alpha=0.18, lw=0)
        axes.step(days, [each.backlog for each in figures.days], where="mid", color=_BLUE, lw=1.8)
        last = figures.days[-1]
        axes.annotate(
            f"{last.backlog:,}",
            (last.day, last.backlog),
            (6, 0),
            textcoords="offset points",
            va="center",
            weight="bold",
        )
        _whole_numbers(axes.yaxis)
        axes.set_ylim(0, max(1, *(each.backlog for each in figures.days)) * 1.12)
        axes.set_xlim(days[0] - timedelta(days=0.5), days[-1] + timedelta(days=0.5))
        _dates(axes)
        axes.set_ylabel("open cases")
        axes.set_xlabel(f"{figures.first} to {figures.last}, days in {figures.zone}")
        axes.grid(axis="y")

    return _svg(draw, 3.4, "Open cases at the end of each day")


def age_plot(figures: SlaFigures) -> str:
    """Return bars of open cases by age, stacked by urgency."""

    def draw(axes: Any) -> None:
        counts = {(each.age, each.urgency): each.cases for each in figures.ages}
        below = [0] * len(AGES)
        for urgency in [each for each in URGENCIES if any(age.urgency == each for age in figures.ages)]:
            values = [counts.get((age, urgency), 0) for age in AGES]
            axes.bar(AGES, values, 0.72, bottom=below, color=COLOURS[urgency], label=f"{urgency} urgency")
            below = [under + value for under, value in zip(below, values, strict=True)]
        for place, total in enumerate(below):
            if total:
                axes.annotate(f"{total:,}", (place, total), (0, 3), textcoords="offset points", ha="center", fontsize=9)
        _whole_numbers(axes.yaxis)
        axes.set_ylim(0, max(1, *below) * 1.14)
        axes.set_ylabel("open cases")
        axes.set_xlabel("time since receipt")
        axes.grid(axis="y")
        axes.tick_params(length=0)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=9, borderpad=0, handlelength=1)

    return _svg(draw, 3.4, "Open cases by the time since their receipt")


def workload_plot(work: Sequence[Work], title: str, colour: str) -> str:
    """Return bars of hours worked, the most first."""
    shown = list(work[:_MOST_BARS])
    rest = work[_MOST_BARS:]
    if rest:
        shown.append(Work(f"{len(rest)} others", sum(each.seconds for each in rest), 0, 0))

    def draw(axes: Any) -> None:
        hours = [each.seconds / 3600 for each in shown]
        places = range(len(shown))
        axes.barh(places, hours, 0.72, color=[colour] * _MOST_BARS + [_OTHERS] if rest else colour)
        for place, value in zip(places, hours, strict=True):
            axes.annotate(f"{value:,.1f}", (value, place), (5, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(places, [_short(each.name) for each in shown])
        axes.set_xlim(0, (max(hours) or 1) * 1.1)
        axes.set_xlabel("hours worked")
        axes.margins(y=0.02)
        axes.invert_yaxis()
        axes.grid(axis="x")
        axes.tick_params(length=0)

    return _svg(draw, 1.3 + 0.34 * len(shown), title)


def agents_plot(figures: SlaFigures) -> str:
    """Return the hours of each agent."""
    return workload_plot(figures.agents, "Time worked (hours), by agent", _BLUE)


def teams_plot(figures: SlaFigures) -> str:
    """Return the hours on cases of each team."""
    return workload_plot(figures.teams, "Time worked (hours), by team of the case", _GREEN)


def spoken(name: str) -> str:
    """Return a clock's name as people say it."""
    return name.replace("_", " ")


def _grouped(shown: Sequence[Attained]) -> list[float]:
    """Return a place for each bar, with a gap between the clocks."""
    places: list[float] = []
    for number, each in enumerate(shown):
        begins = number > 0 and shown[number - 1].clock != each.clock
        places.append(places[-1] + (1.5 if begins else 1) if places else 0)
    return places


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _whole_numbers(axis: Any) -> None:
    ticker = import_module("matplotlib.ticker")
    axis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=6))
    axis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))


def _dates(axes: Any) -> None:
    dates = import_module("matplotlib.dates")
    locator = dates.AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, show_offset=False))


def _svg(draw: Callable[[Any], None], height: float, title: str) -> str:
    """Return a picture as SVG, the same for the same figures."""
    matplotlib = plotting()
    figure_of = import_module("matplotlib.figure").Figure
    with matplotlib.rc_context(_STYLE):
        figure = figure_of(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
        draw(axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _METADATA.sub("", out.getvalue()[out.getvalue().index("<svg") :])
