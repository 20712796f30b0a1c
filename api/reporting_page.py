"""The page docs/reporting.md: what is read by SQL, with every view and column, and what has changed in them.

`python -m api.reporting_page` writes what follows its hand-written beginning anew, from the views' declarations; a
test holds that it is up to date.
"""

from pathlib import Path

from projections.reporting.catalogue import CHANGES, REPORTING_VIEWS
from projections.reporting.view import ReportingView

PAGE = Path(__file__).parents[1] / "docs" / "reporting.md"
MARK = "<!-- From here on made by `python -m api.reporting_page`, from the comments on views and columns. -->\n"


def page(beginning: str) -> str:
    """Return the page, with its hand-written beginning as it is."""
    written = beginning.partition(MARK)[0]
    views = "".join(_view(view) for view in REPORTING_VIEWS)
    changes = "".join(f"- **{change.version}**: {change.text}\n" for change in reversed(CHANGES))
    return f"{written}{MARK}\n## The views\n{views}\n## Changelog of the views\n\n{changes}"


def _view(view: ReportingView) -> str:
    rows = "".join(f"| `{column.name}` | {column.type} | {_cell(column.comment)} |\n" for column in view.columns)
    key = ", ".join(f"`{name}`" for name in view.key)
    return (
        f"\n### `{view.name}`\n\n{view.comment} A row is told by {key}.\n\n"
        f"| column | type | meaning |\n|---|---|---|\n{rows}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
