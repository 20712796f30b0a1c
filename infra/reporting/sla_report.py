"""How does the SLA report read? One page that needs nothing else, and a CSV behind each of its pictures."""

import csv
import io
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, Template

from infra.reporting import sla_plots
from infra.reporting.export import NotWritten, replacing
from infra.reporting.formulas import as_text
from infra.reporting.sla_figures import SlaFigures

PAGE = "sla.html"


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the page: its words, its table (`texts` columns of words first), and its picture."""

    title: str
    note: str
    none: str
    file: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    plot: Callable[[SlaFigures], str]
    texts: int = 1
    picture: str = ""


def write_sla_report(figures: SlaFigures, folder: Path, *, plots: bool = True) -> list[Path]:
    """Write the page and its tables into a folder, made when missing; return what was written, the page last.

    Raises `NotWritten`, and `ExtraMissing` where there is no matplotlib for the plots.
    """
    if plots:
        sla_plots.plotting()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(f"{folder} cannot be written: {error.strerror}") from error
    written = []
    shown = []
    for section in _sections(figures):
        path = folder / section.file
        with replacing(path) as file:
            file.write(_csv(section))
        written.append(path)
        drawn = plots and section.rows
        shown.append(msgspec.structs.replace(section, picture=_picture(section.plot(figures)) if drawn else ""))
    with replacing(folder / PAGE) as file:
        file.write(_template().render(figures=figures, numbers=_numbers(figures), sections=shown).encode())
    return [*written, folder / PAGE]


def _sections(figures: SlaFigures) -> list[_Section]:
    between = f"from {figures.first} to {figures.last}"
    return [
        _Section(
            title="Attainment",
            note="Targets judged in these days: when one was missed, or when its clock was fulfilled in time. The"
            " verdict on a resolution in time comes when the case is closed. Urgency is that of the case now.",
            none=f"No target was judged {between}.",
            file="attainment.csv",
            columns=("clock", "urgency", "met", "breached", "met_percent"),
            rows=[(e.clock, e.urgency, e.met, e.breached, f"{e.percent:.1f}") for e in figures.attained],
            texts=2,
            plot=sla_plots.attainment_plot,
        ),
        _Section(
            title="Backlog",
            note="Cases open at the end of each day; opened counts receipts and reopenings, ended resolutions, closings"
            " and merges of open cases.",
            none=f"No case was open {between}.",
            file="backlog.csv",
            columns=("day", "opened", "ended", "backlog"),
            rows=[(e.day, e.opened, e.ended, e.backlog) for e in figures.days] if _any_case(figures) else [],
            plot=sla_plots.backlog_plot,
        ),
        _Section(
            title="Age of open cases",
            note=f"Cases open at the end of {figures.last}, by the time since their receipt and their urgency now.",
            none=f"No case was open at the end of {figures.last}.",
            file="age.csv",
            columns=("age", "urgency", "cases"),
            rows=[(e.age, e.urgency, e.cases) for e in figures.ages],
            texts=2,
            plot=sla_plots.age_plot,
        ),
        _Section(
            title="Workload by agent",
            note="Time worked in these days as logged, corrections made, not as billed.",
            none=f"No work was logged {between}.",
            file="agents.csv",
            columns=("agent", "hours", "entries", "cases"),
            rows=[(e.name, f"{e.seconds / 3600:.2f}", e.entries, e.cases) for e in figures.agents],
            plot=sla_plots.agents_plot,
        ),
        _Section(
            title="Workload by team",
            note="The same time by the team that its case is with now.",
            none=f"No work was logged {between}.",
            file="teams.csv",
            columns=("team", "hours", "entries", "cases"),
            rows=[(e.name, f"{e.seconds / 3600:.2f}", e.entries, e.cases) for e in figures.teams],
            plot=sla_plots.teams_plot,
        ),
    ]


def _any_case(figures: SlaFigures) -> bool:
    return any(day.backlog or day.opened or day.ended for day in figures.days)


def _numbers(figures: SlaFigures) -> list[tuple[str, str, str]]:
    """Return the figures at the top: name, value, what it is of."""
    met = sum(each.met for each in figures.attained)
    judged = met + sum(each.breached for each in figures.attained)
    opened, ended = sum(day.opened for day in figures.days), sum(day.ended for day in figures.days)
    hours = sum(each.seconds for each in figures.agents) / 3600
    agents = len(figures.agents)
    return [
        ("Targets met", f"{100 * met / judged:.0f} %" if judged else "none judged", f"{met:,} of {judged:,} judged"),
        ("Open at the end", f"{figures.days[-1].backlog:,}", f"cases on {figures.last}"),
        ("Opened and ended", f"{opened:,} / {ended:,}", "cases in these days"),
        ("Worked", f"{hours:,.1f} h", f"by {agents} agent{'' if agents == 1 else 's'}"),
    ]


def _csv(section: _Section) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(section.columns)
    for row in section.rows:
        writer.writerow([*map(as_text, row[: section.texts]), *row[section.texts :]])
    return out.getvalue().encode()


def _picture(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


@cache
def _template() -> Template:
    text = Path(__file__).with_name("sla_page.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, trim_blocks=True).from_string(text)
