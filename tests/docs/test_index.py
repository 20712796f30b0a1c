"""Every page is found from the README, and every link from one page to another leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def links(page: Path) -> set[Path]:
    """The files that a page links to."""
    named = {found for found in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in found}
    return {(page.parent / each).resolve() for each in named}


def test_the_readme_leads_to_every_page() -> None:
    assert set((ROOT / "docs").glob("*.md")) - links(ROOT / "README.md") == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(page: Path) -> None:
    assert [link for link in links(page) if not link.exists()] == []
