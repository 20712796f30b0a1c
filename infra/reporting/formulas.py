"""What may a cell of CSV not begin with? What a spreadsheet takes for a formula; such a text gets a `'` in front."""

BEGINNINGS = "=+-@\t\r'"
"""What a text may begin with that a spreadsheet takes for more than text, and the mark itself."""


def as_text(value: object) -> object:
    """Return a cell's value, a text that begins so with the mark in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple(BEGINNINGS)) else value


def as_text_in_sql(expression: str) -> str:
    """Return the same of a text in SQL."""
    beginnings = BEGINNINGS.replace("\t", r"\t").replace("\r", r"\r").replace("'", "''")
    begins_so = f"strpos(E'{beginnings}', left({expression}, 1)) > 0 AND {expression} <> ''"
    return f"CASE WHEN {begins_so} THEN '''' || {expression} ELSE {expression} END"
