"""What do documents say of the data of commands? What the marshmallow schemas say that check it, by apispec."""

from functools import cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import fields

from commands.wire.batch import Batch, BatchCommand, BatchCommands, ExpectedVersion
from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.fields import Anything, Day, Instant

Json = dict[str, Any]


def wire_specification(title: str, version: str, **options: Any) -> tuple[APISpec, Any]:
    """Return a document of OpenAPI 3.1 that knows our fields, without paths, and apispec's converter of schemas."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(title=title, version=version, openapi_version="3.1.0", plugins=[plugin], **options)
    converter = plugin.converter
    assert converter is not None  # noqa: S101 - the plugin makes it when the document begins
    converter.field_mapping = {
        **converter.field_mapping,
        Instant: ("string", "date-time"),
        Day: ("string", "date"),
        Anything: (None, None),
    }
    converter.attribute_functions.append(_of_a_batch)
    spec.components.schema("BatchCommand", schema=BatchCommand)
    return spec, converter


@cache
def command_schemas() -> Json:
    """Return the schemas of all commands' data, of a batch, and of their parts, by name."""
    spec, _ = wire_specification("commands", "0")
    for schema in (Batch, *(type(command.schema) for command in COMMAND_TYPES.values())):
        name = _schema_name(schema)
        if name not in spec.components.schemas:
            spec.components.schema(name, schema=schema)
    return dict(spec.to_dict()["components"]["schemas"])


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _of_a_batch(field: fields.Field[Any], **_: Any) -> Json:
    """Say what the fields of a batch do not tell of themselves."""
    if isinstance(field, BatchCommands):
        # Each is checked when its turn comes: what is none of these is refused in its own answer.
        return {"items": {"anyOf": [{"$ref": "#/components/schemas/BatchCommand"}, {}]}}
    if isinstance(field, ExpectedVersion):
        return {"type": ["integer", "string"], "pattern": r'^"?[0-9]{1,9}"?$'}
    return {}
