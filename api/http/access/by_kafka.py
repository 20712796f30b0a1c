"""Which commands may come by Kafka? Those of a service, but for those whose answers show a secret."""

from api.http.access.table import roles_of_command
from api.http.webhook_secrets import COMMANDS as MAKING_SECRETS

ROLE = "service"
"""What those may do who may write to the topic of commands."""


def barred(command: str) -> str | None:
    """Tell why a command may not come by Kafka: it is no service's, or its answer shows a secret; none where it may."""
    if command in MAKING_SECRETS:
        return f"the answer to {command} shows a secret, and whoever reads the topic of answers would read it: use HTTP"
    roles = roles_of_command(command)
    if ROLE not in roles:
        return f"what comes by Kafka has the role {ROLE}; this takes {', '.join(sorted(roles))}"
    return None
