"""Which hours are drawn from what: facts in, draws out (SUPPORT_POLICY B2-B9)."""
