"""Which answers does the OpenAPI document show? Those of a desk on which everything was done once.

They are kept in `answers.json`, as tests/api/http/test_document_examples.py had them from a desk. It holds that a desk
still answers so, and writes them anew with CASELOG_RENEW_EXAMPLES=1.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

RECORDED = Path(__file__).with_name("answers.json")


@cache
def recorded() -> Json:
    """Return the answers: `commands` by command and status, `queries` by name and form; `plain` by name.

    A query's answers as JSON have names, which say by which parameters they were asked for. What is new has none until
    they are written anew; a test misses it.
    """
    loaded: Json = json.loads(RECORDED.read_text(encoding="utf-8"))
    return loaded


def done(command: str) -> dict[int, Any]:
    """Return the answers to a command by status: 201 only where it can make something.

    What only makes things is answered with 200 when it is repeated, and then has no events.
    """
    told: dict[str, Any] = recorded()["commands"].get(command, {"200": None, "201": None})
    if "200" not in told:
        told = {"200": told["201"] | {"events": []}, **told}
    return {int(status): body for status, body in sorted(told.items())}


def answered(query: str, form: str) -> Json:
    """Return the members of a media type of a query's answer that show what comes in that form."""
    shown = recorded()["queries"].get(query, {}).get(form)
    if shown is None:
        return {}
    if isinstance(shown, str):
        return {"example": shown}
    if len(shown) == 1:
        return {"example": next(iter(shown.values()))}
    return {"examples": {name: {"value": body} for name, body in shown.items()}}


def plain(name: str) -> Any:
    """Return the answer of an operation that is neither a command nor a query; of a document, its head."""
    if name == "openapi.json":
        return {"openapi": "3.1.0", "info": {"title": "Caselog", "version": "1.0.0"}, "paths": {}}
    if name == "asyncapi.json":
        return {"asyncapi": "3.0.0", "info": {"title": "Caselog", "version": "1.0.0"}, "channels": {}}
    return recorded()["plain"].get(name)


def an_event() -> Any:
    """Return an event as the feed has it."""
    return next(iter(recorded()["queries"]["events"]["application/json"].values()))["items"][0]
