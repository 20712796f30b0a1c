"""docs/reporting.md tells of the views that there are."""

from api.reporting_page import MARK, PAGE, page


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert MARK in text
    assert text == page(text), "python -m api.reporting_page renews it"
