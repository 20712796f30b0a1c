"""Is a record as the AsyncAPI document tells of it?"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from jsonschema import Draft7Validator, FormatChecker

from api.http.document.asyncapi import asyncapi_document
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings

Json = dict[str, Any]


class Told:
    """The document of one desk, asked about records of its topics of commands."""

    def __init__(self, names: Names, settings: KafkaSettings) -> None:
        document: Json = json.loads(msgspec.json.encode(asyncapi_document(names, settings)))
        self._components = document["components"]
        self._channels = {channel["address"]: channel for channel in document["channels"].values()}
        self._validators: dict[str, tuple[Draft7Validator, Draft7Validator]] = {}

    def fitting(self, topic: str, headers: Mapping[str, str], value: bytes | None) -> list[str]:
        """Return the names of those messages of a topic that a record is as they are told."""
        return [name for name in self._channels[topic]["messages"] if not self.wrong(name, headers, value)]

    def headers(self, message: str) -> set[str]:
        """Return the names of the headers that a message is told to have."""
        reference: str = self._components["messages"][message]["headers"]["$ref"]
        return set(self._components["schemas"][reference.rpartition("/")[2]]["properties"])

    def wrong(self, message: str, headers: Mapping[str, str], value: bytes | None) -> list[str]:
        """Return what is not as a message is told; the value of one that is no JSON may be anything."""
        is_json = self._components["messages"][message]["contentType"].endswith("json")
        if message not in self._validators:
            told = self._components["messages"][message]
            of_headers, of_payload = (
                Draft7Validator(
                    {**told[part], "components": {"schemas": self._components["schemas"]}},
                    format_checker=FormatChecker(),
                )
                for part in ("headers", "payload")
            )
            self._validators[message] = of_headers, of_payload
        of_headers, of_payload = self._validators[message]
        errors = list(of_headers.iter_errors(headers))
        if is_json:
            errors += of_payload.iter_errors(json.loads(value or b"null"))
        return [error.message for error in errors]
