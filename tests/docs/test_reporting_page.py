"""docs/reporting.md tells of the views that there are."""

from api.reporting_page import MARK, PAGE, page
from infra.postgres.data_folder import CLOSING


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert MARK in text
    assert text == page(text), "python -m api.reporting_page renews it"


def test_what_an_administrator_may_run_is_what_an_embedded_server_is_closed_with() -> None:
    assert f"```sql\n{CLOSING}```\n" in PAGE.read_text(encoding="utf-8")
