"""A webhook's new secret, shown in the answer to the command that made it and in repeats of that answer: nowhere else.

The answer as the log keeps it names the secret's generation; the secret itself is derived when the answer leaves.
"""

import msgspec
from msgspec.structs import replace

from commands.answers import Answer
from infra.webhooks.secrets import WebhookSecrets

COMMANDS = frozenset({"create-webhook", "rotate-webhook-secret"})
"""Commands that make a secret."""


def with_secret(secrets: WebhookSecrets, answer: Answer) -> Answer:
    """Return the answer of one of these commands with the secret in its result, if the command did make one."""
    body = msgspec.json.decode(answer.body)
    if not body["events"]:
        return answer
    result = body["result"]
    result["secret"] = secrets.secret(result["webhook_id"], result["secret_generation"])
    return replace(answer, body=msgspec.json.encode(body))
