"""`python -m api.cli`: the command `caselog` without its script."""

from api.cli import main

main()
