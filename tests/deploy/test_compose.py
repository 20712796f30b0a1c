"""compose.yaml and Dockerfile are sound, and what they name exists. No container engine is needed for that.

The schema is of our own making: the part of the Compose specification that the file uses. A key outside it fails.
"""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from api import compose
from api.http.document.asyncapi import asyncapi_document
from api.http.server import KILL_AFTER_SECONDS
from domain.desk import Desk
from infra.config import SECRETS, Config, ConfigError
from infra.config_meanings import MEANINGS
from infra.kafka.names import Names
from infra.kafka.workers.source import refuse_total_order
from projections.catalogue import VIEWS
from tests.deploy.files import DEPLOY, DOCUMENT, ROOT, check_command, commands_of, texts, yaml_of

COMPOSE = yaml_of("compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "caselog:" in service["image"]}
KAFKA_PASSWORD_FILE = "CASELOG_KAFKA_PASSWORD_FILE"
OF_TOPICS = {"CASELOG_KAFKA_PARTITIONS", "CASELOG_KAFKA_REPLICATION"}
"""What a process without Kafka has to know of it: the API tells readers of the topics."""
WITH_KAFKA = {name for name, service in OURS.items() if set(service.get("profiles", ())) & {"kafka", "views"}}
FIXED = {"CASELOG_ENV", "CASELOG_DATABASE_URL_FILE", "CASELOG_HOST", "CASELOG_PORT", KAFKA_PASSWORD_FILE}
"""What the file says itself."""
LEFT_OUT = {"CASELOG_DATA", "CASELOG_DATABASE_URL", "CASELOG_TEST_CLOCK", "CASELOG_KAFKA_PASSWORD"}
"""Of the embedded database, with a password, refused in production."""
OUR_BROKER = {
    "CASELOG_KAFKA_BOOTSTRAP": "kafka:9092",
    "CASELOG_KAFKA_SECURITY": "SASL_PLAINTEXT",
    "CASELOG_KAFKA_USERNAME": "caselog",
}
"""The defaults of the file: a broker of its own. The other settings have none but the code's."""
INSTRUCTIONS = {
    "FROM", "ARG", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines() if line.strip()]


def command_of(service: str, **shell: str) -> list[str]:
    """The arguments that the engine gives to `caselog`."""
    command = SERVICES[service]["command"]
    return shlex.split(substituted(command, shell)) if isinstance(command, str) else list(command)


def substituted(text: str, shell: Mapping[str, str]) -> str:
    """A text of the file with what the shell or `.env` says."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: shell.get(found[1]) or found[2], text)


def environment_of(service: str, shell: Mapping[str, str], dsn: str) -> dict[str, str]:
    """The environment that the engine gives to a process, with the database's URL in the place of the file."""
    given = {variable: substituted(value, shell) for variable, value in SERVICES[service]["environment"].items()}
    for secret in SECRETS:
        if given.pop(f"{secret}_FILE", None):
            given[secret] = dsn if secret.endswith("_URL") else "a password"
    return given


def test_the_compose_file_fits_its_schema() -> None:
    schema = json.loads(Path(__file__).with_name("compose_schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    errors = [
        f"{list(error.path)}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(COMPOSE)
    ]
    assert errors == []


def test_what_a_service_refers_to_is_declared_or_there() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", ())) <= set(SERVICES), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source == "./backups":  # made by who runs it, see docs/operations.md
                assert "/deploy/backups/" in (ROOT / ".gitignore").read_text().splitlines()
            else:
                assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], volume
        for value in service.get("environment", {}).values():
            if value.startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"], (name, value)
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/"), "which .gitignore keeps out of the source"
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_process_of_a_desk_is_a_service_and_its_command_exists() -> None:
    started: dict[tuple[str, ...], set[str]] = {}
    for name, service in OURS.items():
        if "entrypoint" not in service:
            started.setdefault(tuple(service.get("profiles", ())), set()).add(command_of(name)[0])
            check_command(command_of(name))
    assert started == {
        (): {"api", "project", "timekeeper", "deliver"},
        ("kafka",): {"relay", "kafka-commands"},
        ("views",): {"kafka-project"},
    }


def test_views_that_kafka_feeds_are_those_that_the_shell_names() -> None:
    assert command_of("views") == ["kafka-project", "queue"]
    assert command_of("views", VIEWS="queue ticket sla") == ["kafka-project", "queue", "ticket", "sla"]
    with pytest.raises(click.UsageError, match="everything"):
        check_command(command_of("views", VIEWS="everything"))
    refuse_total_order([view for view in VIEWS if view.name in command_of("views")])
    assert "ports" not in SERVICES["views"], "two of them could not have the same"
    assert "container_name" not in SERVICES["views"], "nor the same name"
    assert "VIEWS" not in MEANINGS, "no process takes it for a setting"


def test_what_is_run_once_is_told_with_arguments_that_its_command_takes() -> None:
    told: dict[str, list[list[str]]] = {}
    for _, text in texts():
        plain = re.sub(r"\$\([^)]*\)", "DATE", text)
        for service, arguments in re.findall(r"docker compose run --rm ([a-z]+)((?: [^\s;]+)+)", plain):
            told.setdefault(service, []).append(arguments.split())
    once = {name: service for name, service in OURS.items() if "entrypoint" in service}
    assert set(told) == set(once) == {"backup", "restore"}
    for name, service in once.items():
        program, command = service["entrypoint"]
        assert (program, service["restart"], service["command"]) == ("caselog", "no", ["--help"])
        for arguments in told[name]:
            check_command([command, *arguments])


def test_what_is_run_beside_a_desk_is_told_with_commands_that_exist_and_the_image_that_can() -> None:
    """An upgrade: a new release's image before all else; the way back takes the old one, by what `.env` says then."""
    text = DOCUMENT.read_text()
    section = text[text.index("## Upgrade") : text.index("## Backup")]
    told = re.findall(r"^\$ (.*?)docker compose run --rm --no-deps ([a-z]+) (.+)$", section, re.MULTILINE)
    images: dict[str, str] = {}
    for image, service, arguments in told:
        assert "entrypoint" not in SERVICES[service], "it is `caselog` of the image"
        check_command(arguments.split())
        images[arguments] = image
    new = "IMAGE=caselog:1.5 "
    assert images == {
        "config --check": new,
        "rebuild queue --check": new,
        "rebuild queue": new,
        "rebuild queue --drop-old": "",
        "rebuild queue --switch-back": "",
    }
    back = section.index("--no-deps project rebuild queue --switch-back")
    old, project = section.index("/IMAGE=caselog:1.4/"), section.rindex("--no-build project")
    assert old < project < back, "a new projector would build its own version again at once"


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_configured_as_the_start_would_take_it(name: str) -> None:
    environment = environment_of(name, {}, "postgresql://caselog:secret@postgres/caselog")
    config = Config.from_environment(environment)
    assert config.environment == "production"
    assert config.database_url is not None
    with pytest.raises(ConfigError):
        Config.from_environment(environment | {"CASELOG_TEST_CLOCK": "1"})


@pytest.mark.parametrize("name", OURS)
def test_every_setting_can_be_said_in_the_shell_and_has_no_other_default_here(name: str) -> None:
    environment = SERVICES[name]["environment"]
    told = {variable for variable in environment if variable.startswith("CASELOG_")} - FIXED
    of_kafka = {variable for variable in MEANINGS if variable.startswith("CASELOG_KAFKA_")} - OF_TOPICS
    assert told == set(MEANINGS) - FIXED - LEFT_OUT - (set() if name in WITH_KAFKA else of_kafka)
    for variable in {*told, "OTEL_EXPORTER_OTLP_HEADERS"}:
        assert environment[variable] == f"${{{variable}:-{OUR_BROKER.get(variable, '')}}}"


def test_the_api_tells_of_topics_as_they_are_and_needs_no_broker_for_it() -> None:
    """docs/adr/0107: it does not say where the broker is, and so need not know."""
    environment = environment_of(
        "api", {"CASELOG_KAFKA_PARTITIONS": "12", "CASELOG_SCHEMA": "north"}, "postgresql://db"
    )
    config = Config.from_environment(environment)
    assert config.kafka.bootstrap == ()
    assert "kafka_password" not in SERVICES["api"]["secrets"]
    events = asyncapi_document(Names(config.schema), config.kafka)["channels"]["events"]
    assert (events["address"], events["bindings"]["kafka"]["partitions"]) == ("north.caselog.events", 12)


def test_views_may_have_a_database_of_their_own_which_all_who_read_or_keep_them_know() -> None:
    for name in ("api", "project", "views"):
        environment = environment_of(name, {"CASELOG_VIEWS_URL": "postgresql://views/caselog"}, "postgresql://db")
        assert Config.from_environment(environment).views_url == "postgresql://views/caselog"


def test_a_desk_is_found_again_by_who_leaves_its_zone_and_currency_out(
    postgres_dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    italian = {"CASELOG_SCHEMA": schema, "CASELOG_ZONE": "Europe/Rome", "CASELOG_CURRENCY": "EUR"}
    plain = {"CASELOG_SCHEMA": schema}
    for shell in (italian, plain):
        for name in ("api", "project", "timekeeper", "deliver"):
            desk = _prepared(environment_of(name, shell, postgres_dsn), monkeypatch)
            assert (desk.zone, desk.currency) == ("Europe/Rome", "EUR")
    with pytest.raises(ConfigError, match="CASELOG_ZONE: this desk was created with Europe/Rome"):
        _prepared(environment_of("api", plain | {"CASELOG_ZONE": "Europe/Paris"}, postgres_dsn), monkeypatch)


def test_a_new_desk_has_the_default_zone_where_the_shell_says_nothing(
    postgres_dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = _prepared(environment_of("api", {"CASELOG_SCHEMA": schema}, postgres_dsn), monkeypatch)
    assert (desk.zone, desk.currency) == ("America/Denver", "USD")


def _prepared(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    with monkeypatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("CASELOG_")]:
            patched.delenv(name)
        for name, value in environment.items():
            patched.setenv(name, value)
        config = Config.from_environment()
        assert config.database_url is not None
        return compose.prepare(config, config.database_url)


def test_image_and_libraries_are_said_by_variables_that_no_process_takes_for_a_setting() -> None:
    """An upgrade names another image, `up --build` the same libraries again; see docs/operations.md."""
    for name, service in OURS.items():
        assert service["image"] == "${IMAGE:-caselog:local}", name
        assert service["build"]["args"] == {"LOCK": "${LOCK:-requirements.lock}"}, name


def test_the_workers_are_as_many_as_keep_the_answers_quick_on_two_cores() -> None:
    config = Config.from_environment(environment_of("api", {}, "postgresql://postgres/caselog"))
    assert config.workers * config.threads <= 16, "docs/adr/0095-shedding-load.md"
    assert config.workers * config.queue_size <= 32


def test_the_engine_waits_longer_for_an_api_than_the_api_for_its_workers() -> None:
    assert int(SERVICES["api"]["stop_grace_period"].removesuffix("s")) >= KILL_AFTER_SECONDS + 5


def test_images_are_pinned_and_of_one_python() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.fullmatch(r"[a-z/]+:v?[0-9]+\.[0-9.]+", service["image"]), service["image"]
    bases = {argument.split(" ")[0] for instruction, argument in instructions() if instruction == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.[0-9]+-slim-\w+", bases.pop())


def test_the_dockerfile_copies_what_there_is_and_all_that_the_package_needs() -> None:
    found = instructions()
    assert {name for name, _ in found} <= INSTRUCTIONS
    copied = {
        source
        for name, argument in found
        if name == "COPY" and not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= copied
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == taken, "what is left out of the context cannot be copied"


def test_the_image_runs_as_nobody_special_and_installs_by_hashes() -> None:
    found = instructions()
    last_stage = found[max(number for number, (name, _) in enumerate(found) if name == "FROM") :]
    assert ("USER", "10001") in last_stage
    assert ("ENTRYPOINT", '["caselog"]') in last_stage
    (locked,) = [argument for name, argument in found if name == "RUN" and "-r ${LOCK}" in argument]
    assert "--require-hashes --no-deps" in locked
    assert ("ARG", "LOCK=requirements.lock") in found
    for name, argument in last_stage:
        if name == "CMD":
            check_command(json.loads(argument))
        if name == "HEALTHCHECK":
            compile(json.loads(argument[argument.index("CMD ") + 4 :])[2], "healthcheck", "exec")


def test_every_setting_that_is_named_exists() -> None:
    for name, text in texts():
        named = set(re.findall(r"CASELOG_[A-Z_]+", text))
        assert named <= set(MEANINGS), name


def test_every_command_that_is_named_exists_with_its_options() -> None:
    seen = 0
    for name, text in texts():
        for arguments in commands_of(text):
            try:
                check_command(arguments)
            except click.UsageError as error:
                raise AssertionError(f"{name}: caselog {' '.join(arguments)}: {error.message}") from None
            seen += 1
    assert seen > 5


def test_the_proxy_takes_the_longest_batch_and_drops_names_with_underscores() -> None:
    from commands.wire.headers import LONGEST_BATCH

    text = (DEPLOY / "nginx.conf").read_text()
    assert f"client_max_body_size {LONGEST_BATCH // 2**20}m;" in text
    assert "underscores_in_headers off;" in text
    assert "proxy_request_buffering on;" in text
    assert text.count("{") == text.count("}")
