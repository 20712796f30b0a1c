"""What does the text of each stored event hold, for others? A JSON Schema a tag, old versions included.

The schemas are those of the types by which events are written, as draft 07 that AsyncAPI builds on has them. A reader
may not rely on there being no further fields: new optional ones come without a new tag.
"""

from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

from domain.event import Event
from domain.tags import EVENT_TYPES, stored_type

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"


@cache
def event_schemas() -> Json:
    """Return the schemas of all stored events by tag, and those of their parts by name."""
    stored = {stored_type(tag): tag for tag in EVENT_TYPES}
    _, components = msgspec.json.schema_components(list(stored), ref_template=REFERENCE)
    told = {told.cls: told for told in _structs(inspect.multi_type_info(list(stored)))}
    schemas: Json = {}
    for kind, described in told.items():
        schema = components[kind.__name__]
        for field in described.fields:
            _say_of_instants(schema["properties"][field.encode_name], field.type)
        tag = stored.get(kind) if issubclass(kind, Event) else None
        name = kind.__name__ if tag is None else tag
        schemas[name] = {**schema, "title": name, "description": cleandoc(schema.get("description", ""))}
    return schemas


def _structs(kinds: Any) -> list[inspect.StructType]:
    """Return all types with fields that types are made of, each once."""
    found: dict[type, inspect.StructType] = {}

    def look(kind: Any) -> None:
        if isinstance(kind, inspect.StructType):
            if kind.cls in found:
                return
            found[kind.cls] = kind
            for field in kind.fields:
                look(field.type)
        for part in _parts(kind):
            look(part)

    for kind in kinds:
        look(kind)
    return list(found.values())


def _parts(kind: Any) -> tuple[Any, ...]:
    match kind:
        case inspect.UnionType():
            return kind.types
        case inspect.VarTupleType() | inspect.ListType():
            return (kind.item_type,)
        case inspect.DictType():
            return (kind.value_type,)
        case inspect.Metadata():
            return (kind.type,)
        case _:
            return ()


def _say_of_instants(schema: Json, kind: Any) -> None:
    """Say which texts are instants: msgspec leaves it out, since the types would take one without an offset as well."""
    match kind:
        case inspect.DateTimeType():
            schema["format"] = "date-time"
        case inspect.UnionType():
            if inspect.DateTimeType in {type(each) for each in kind.types}:
                next(each for each in schema["anyOf"] if each.get("type") == "string")["format"] = "date-time"
        case inspect.VarTupleType() | inspect.ListType():
            _say_of_instants(schema["items"], kind.item_type)
        case inspect.DictType():
            _say_of_instants(schema["additionalProperties"], kind.value_type)
        case _:
            pass
