"""Runs an import in a process of its own, to be killed. Arguments: libpq URL, schema, file."""

import sys
from pathlib import Path

from tests.e2e.imported_desk import import_into

if __name__ == "__main__":
    dsn, schema, file = sys.argv[1:]
    import_into(dsn, schema, Path(file))
