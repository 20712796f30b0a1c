"""Everything that can be answered instead of what was asked for: one type for each error code."""
