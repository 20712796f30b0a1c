"""How is this process to run? The environment's answer, checked as a whole before anything starts.

A configuration belongs to a process; what belongs to the desk (calendars, plans, policies) is a setting, an event in
its log. Of the desk only zone and currency stand here, and only the start that makes the desk reads them.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Protocol, Self, TypeVar, cast

import msgspec
from psycopg2.extensions import parse_dsn

from infra import config_values as parse
from infra.config_meanings import MEANINGS
from infra.kafka.settings import SASL_MECHANISMS, SECURITY_PROTOCOLS, KafkaSettings, SaslMechanism, SecurityProtocol
from infra.webhooks.addresses import LOOPBACK, Network
from infra.webhooks.schedule import RETRY_SECONDS

T = TypeVar("T")
Environment = Literal["development", "production"]

JWT_SETTINGS = ("CASELOG_JWT_ISSUER", "CASELOG_JWT_AUDIENCE", "CASELOG_JWT_JWKS")
"""All of them are set, or none."""
KAFKA_BOOTSTRAP = "CASELOG_KAFKA_BOOTSTRAP"
"""Where the brokers are; a desk that runs one of its own tells its processes so."""


class ConfigError(Exception):
    """The environment asks for what cannot be; `problems` tells the reason by variable, for all of them at once."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{variable}: {reason}" for variable, reason in problems.items()))


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says, with the defaults of the README's table."""

    data_folder: Path
    host: str
    port: int
    database_url: str | None
    database_url_file: str
    schema: str
    zone: str
    currency: str
    test_clock: bool
    environment: Environment
    pool_size: int
    pool_wait_ms: int
    statement_timeout_ms: int
    workers: int
    threads: int
    queue_size: int
    queue_wait_ms: int
    access_log: bool
    traces_endpoint: str
    traces_ratio: float
    requests_per_minute: int
    webhook_networks: tuple[Network, ...]
    webhook_timeout_ms: int
    webhook_retry_seconds: tuple[float, ...]
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_jwks: str | None
    kafka: KafkaSettings
    views_url: str | None
    views_url_file: str
    kafka_password_file: str

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, try_folder: bool = False, read_keys: bool = True
    ) -> Self:
        """Read every `CASELOG_` variable; an empty one counts as not set.

        `try_folder` asks whether the data folder can be made or written to as well, where the database is embedded.
        Without `read_keys` a file with an issuer's keys is not looked into: one that became bad after the start must
        not keep a worker that is started again from serving those who have keys of ours.
        Raises `ConfigError`, also for a variable that there is none of: it may be a misspelt one, left without effect.
        """
        problems = _unknown(environment)
        of_files = {
            name: environment[f"{name}_FILE"]
            for name in SECRETS
            if environment.get(f"{name}_FILE") and not environment.get(name)
        }
        environment = _with_secrets_from_files(environment, problems)

        def read(variable: str, default: str, meaning_of: Callable[[str], T]) -> T:
            try:
                return meaning_of(environment.get(variable) or default)
            except ValueError as error:
                if variable in of_files:
                    problems[f"{variable}_FILE"] = f"what {of_files[variable]} holds {error}"
                else:
                    problems[variable] = str(error)
                return meaning_of(default)

        config = cls(
            data_folder=read("CASELOG_DATA", ".caselog", lambda value: Path(value).absolute()),
            host=read("CASELOG_HOST", "127.0.0.1", parse.address),
            port=read("CASELOG_PORT", "8000", parse.whole_number(1, 65535)),
            database_url=read("CASELOG_DATABASE_URL", "", parse.database_url),
            database_url_file=read("CASELOG_DATABASE_URL_FILE", "", str),
            schema=read("CASELOG_SCHEMA", "caselog", parse.schema_name),
            zone=read("CASELOG_ZONE", "America/Denver", parse.zone_name),
            currency=read("CASELOG_CURRENCY", "USD", parse.currency_code),
            test_clock=read("CASELOG_TEST_CLOCK", "0", parse.one_of("0", "1")) == "1",
            environment=cast(
                "Environment", read("CASELOG_ENV", "development", parse.one_of("development", "production"))
            ),
            pool_size=read("CASELOG_POOL_SIZE", "20", parse.whole_number(2, 1000)),
            pool_wait_ms=read("CASELOG_POOL_WAIT_MS", "5000", parse.whole_number(1, 600_000)),
            statement_timeout_ms=read("CASELOG_STATEMENT_TIMEOUT_MS", "10000", parse.whole_number(1, 600_000)),
            workers=read("CASELOG_WORKERS", "1", parse.whole_number(1, 64)),
            threads=read("CASELOG_THREADS", "16", parse.whole_number(1, 256)),
            queue_size=read("CASELOG_QUEUE_SIZE", "32", parse.whole_number(0, 1024)),
            queue_wait_ms=read("CASELOG_QUEUE_WAIT_MS", "100", parse.whole_number(1, 60_000)),
            access_log=read("CASELOG_ACCESS_LOG", "0", parse.one_of("0", "1")) == "1",
            traces_endpoint=read("CASELOG_TRACES_ENDPOINT", "", parse.traces_endpoint),
            traces_ratio=read("CASELOG_TRACES_RATIO", "1", parse.ratio),
            requests_per_minute=read("CASELOG_REQUESTS_PER_MINUTE", "60000", parse.whole_number(0, 999_999_999)),
            webhook_networks=read("CASELOG_WEBHOOK_NETWORKS", _text_of(_own_networks(environment)), parse.network_list),
            webhook_timeout_ms=read("CASELOG_WEBHOOK_TIMEOUT_MS", "15000", parse.whole_number(100, 60_000)),
            webhook_retry_seconds=read("CASELOG_WEBHOOK_RETRY_SECONDS", _text_of(RETRY_SECONDS), parse.pauses),
            jwt_issuer=environment.get("CASELOG_JWT_ISSUER") or None,
            jwt_audience=environment.get("CASELOG_JWT_AUDIENCE") or None,
            jwt_jwks=read(
                "CASELOG_JWT_JWKS",
                "",
                parse.jwks_place(production=environment.get("CASELOG_ENV") == "production", read_file=read_keys),
            ),
            kafka=_kafka(environment, read, problems),
            views_url=read("CASELOG_VIEWS_URL", "", parse.database_url),
            views_url_file=read("CASELOG_VIEWS_URL_FILE", "", str),
            kafka_password_file=read("CASELOG_KAFKA_PASSWORD_FILE", "", str),
        )
        of_tokens = {name: environment.get(name) for name in JWT_SETTINGS}
        if any(of_tokens.values()):
            problems |= {
                name: "is needed with the other JWT settings" for name, value in of_tokens.items() if not value
            }
        if config.test_clock and config.environment == "production":
            problems["CASELOG_TEST_CLOCK"] = "is refused together with CASELOG_ENV=production"
        if try_folder and not (environment.get("CASELOG_DATABASE_URL") or of_files):
            unusable = parse.unusable_folder(config.data_folder)
            problems |= {"CASELOG_DATA": unusable} if unusable else {}
        if problems:
            raise ConfigError(problems)
        return config

    def described(self) -> dict[str, str]:
        """Variable -> value in force, fit to be shown and logged: the database's password is left out."""
        return {
            "CASELOG_DATA": str(self.data_folder),
            "CASELOG_HOST": self.host,
            "CASELOG_PORT": str(self.port),
            "CASELOG_DATABASE_URL": _without_password(self.database_url) if self.database_url else "",
            "CASELOG_DATABASE_URL_FILE": self.database_url_file,
            "CASELOG_SCHEMA": self.schema,
            "CASELOG_ZONE": self.zone,
            "CASELOG_CURRENCY": self.currency,
            "CASELOG_TEST_CLOCK": "1" if self.test_clock else "0",
            "CASELOG_ENV": self.environment,
            "CASELOG_POOL_SIZE": str(self.pool_size),
            "CASELOG_POOL_WAIT_MS": str(self.pool_wait_ms),
            "CASELOG_STATEMENT_TIMEOUT_MS": str(self.statement_timeout_ms),
            "CASELOG_WORKERS": str(self.workers),
            "CASELOG_THREADS": str(self.threads),
            "CASELOG_QUEUE_SIZE": str(self.queue_size),
            "CASELOG_QUEUE_WAIT_MS": str(self.queue_wait_ms),
            "CASELOG_ACCESS_LOG": "1" if self.access_log else "0",
            "CASELOG_TRACES_ENDPOINT": self.traces_endpoint,
            "CASELOG_TRACES_RATIO": f"{self.traces_ratio:g}",
            "CASELOG_REQUESTS_PER_MINUTE": str(self.requests_per_minute),
            "CASELOG_WEBHOOK_NETWORKS": _text_of(self.webhook_networks),
            "CASELOG_WEBHOOK_TIMEOUT_MS": str(self.webhook_timeout_ms),
            "CASELOG_WEBHOOK_RETRY_SECONDS": _text_of(self.webhook_retry_seconds),
            "CASELOG_JWT_ISSUER": self.jwt_issuer or "",
            "CASELOG_JWT_AUDIENCE": self.jwt_audience or "",
            "CASELOG_JWT_JWKS": self.jwt_jwks or "",
            "CASELOG_VIEWS_URL": _without_password(self.views_url) if self.views_url else "",
            "CASELOG_VIEWS_URL_FILE": self.views_url_file,
            **_described_kafka(self.kafka, self.kafka_password_file),
        }

    def __repr__(self) -> str:
        return f"Config({self.described()})"


SECRETS = ("CASELOG_DATABASE_URL", "CASELOG_VIEWS_URL", "CASELOG_KAFKA_PASSWORD")
"""Variables that may come from a file, as container engines hand secrets over: the same name with `_FILE`."""


class _Read(Protocol):
    def __call__(self, variable: str, default: str, meaning_of: Callable[[str], T], /) -> T: ...


def _kafka(environment: Mapping[str, str], read: _Read, problems: dict[str, str]) -> KafkaSettings:
    """Return how the brokers are reached, if any are named, and what topics are like, which holds without as well."""
    settings = KafkaSettings(
        bootstrap=read(KAFKA_BOOTSTRAP, "", parse.brokers),
        security=cast(
            "SecurityProtocol", read("CASELOG_KAFKA_SECURITY", "PLAINTEXT", parse.one_of(*SECURITY_PROTOCOLS))
        ),
        sasl_mechanism=cast(
            "SaslMechanism", read("CASELOG_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512", parse.one_of(*SASL_MECHANISMS))
        ),
        username=environment.get("CASELOG_KAFKA_USERNAME") or "",
        password=environment.get("CASELOG_KAFKA_PASSWORD") or "",
        ca_file=read("CASELOG_KAFKA_CA_FILE", "", parse.readable_file),
        certificate_file=read("CASELOG_KAFKA_CERTIFICATE_FILE", "", parse.readable_file),
        key_file=read("CASELOG_KAFKA_KEY_FILE", "", parse.readable_file),
        partitions=read("CASELOG_KAFKA_PARTITIONS", "6", parse.whole_number(1, 1000)),
        replication=read("CASELOG_KAFKA_REPLICATION", "0", parse.whole_number(0, 99)) or -1,
    )
    if settings.security.startswith("SASL"):
        problems |= {
            name: f"is needed with CASELOG_KAFKA_SECURITY={settings.security}"
            for name in ("CASELOG_KAFKA_USERNAME", "CASELOG_KAFKA_PASSWORD")
            if not environment.get(name)
        }
    return settings


def _described_kafka(shown: KafkaSettings, password_file: str) -> dict[str, str]:
    return {
        KAFKA_BOOTSTRAP: _text_of(shown.bootstrap),
        "CASELOG_KAFKA_SECURITY": shown.security,
        "CASELOG_KAFKA_SASL_MECHANISM": shown.sasl_mechanism,
        "CASELOG_KAFKA_USERNAME": shown.username,
        "CASELOG_KAFKA_PASSWORD": "(set)" if shown.password else "",
        "CASELOG_KAFKA_PASSWORD_FILE": password_file,
        "CASELOG_KAFKA_CA_FILE": shown.ca_file,
        "CASELOG_KAFKA_CERTIFICATE_FILE": shown.certificate_file,
        "CASELOG_KAFKA_KEY_FILE": shown.key_file,
        "CASELOG_KAFKA_PARTITIONS": str(shown.partitions),
        "CASELOG_KAFKA_REPLICATION": str(max(shown.replication, 0)),
    }


_PREFIX = "CASELOG_"
_NOT_SETTINGS = frozenset({"CASELOG_SUPERVISOR_PIPE", "CASELOG_URL", "CASELOG_KEY"})
"""What our own processes tell one another, and what clients in a shell keep the desk's address and their key in."""


def _unknown(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each variable that looks like one of ours and is none."""
    unknown = {name for name in environment if name.startswith(_PREFIX)} - MEANINGS.keys() - _NOT_SETTINGS
    return {name: _no_such_variable(name, MEANINGS) for name in sorted(unknown)}


def _no_such_variable(name: str, known: Iterable[str]) -> str:
    # Compared without what all of them begin with, which would make any two alike.
    nearest = get_close_matches(name[len(_PREFIX) :], [each[len(_PREFIX) :] for each in known], n=1)
    advice = f"; is {_PREFIX}{nearest[0]} meant?" if nearest else ", see `caselog config`"
    return f"there is no such variable{advice}"


def _with_secrets_from_files(environment: Mapping[str, str], problems: dict[str, str]) -> Mapping[str, str]:
    """Return the environment with secrets read from the files that it names; note a problem under the file's name.

    A reason names the file, never what is in it. One line break at the end is not part of a secret.
    """
    found: dict[str, str] = {}
    for variable in SECRETS:
        named = f"{variable}_FILE"
        path = environment.get(named)
        if not path:
            continue
        if environment.get(variable):
            problems[named] = f"is set together with {variable}, and only one of them can count"
            continue
        try:
            found[variable] = Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            problems[named] = f"{path} cannot be read: {reason}"
        else:
            if not found[variable]:
                problems[named] = f"{path} is empty"
    return {**environment, **found}


def _own_networks(environment: Mapping[str, str]) -> tuple[Network, ...]:
    """Return where webhooks may be sent to if nothing is said of it: beside public addresses nowhere, in production."""
    return () if environment.get("CASELOG_ENV") == "production" else LOOPBACK


def _text_of(values: Iterable[object]) -> str:
    """Return a list as it stands in a variable, whole numbers without a point."""
    return ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _without_password(url: str) -> str:
    settings = parse_dsn(url)
    settings.pop("password", None)
    settings.pop("sslpassword", None)
    return " ".join(f"{name}={value}" for name, value in settings.items())
