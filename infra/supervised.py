"""The mark of a process that a `Supervisor` started. Nothing is imported here: it is looked at before all else."""

PIPE = "CASELOG_SUPERVISOR_PIPE"
"""The environment variable with the descriptor of the pipe's reading end."""
