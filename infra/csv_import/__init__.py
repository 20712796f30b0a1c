"""Event logs kept as CSV files, brought into a desk as the commands that would have led to them.

`mapping` says what a file means, `reader` gives its rows in time order, `plan` turns a row into commands, `run`
carries them out with what fell due in between (docs/import.md).
"""
