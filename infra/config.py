"""How is this process to run? The environment's answer, checked as a whole before anything starts.

A configuration belongs to a process; what belongs to the desk (calendars, plans, policies) is a setting, an event in
its log. Of the desk only zone and currency stand here, and only the start that makes the desk reads them.
"""

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import psycopg2
from psycopg2.extensions import parse_dsn

T = TypeVar("T")
Environment = Literal["development", "production"]

# ISO 4217, the codes of money in use with minor units; a typing error would stay with the desk for ever.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()
)
# Lower case, so that it means the same quoted and not; short, so that names derived from it fit into 63 bytes.
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,39}")


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
    schema: str
    zone: str
    currency: str
    test_clock: bool
    environment: Environment
    pool_size: int
    pool_wait_ms: int
    workers: int
    threads: int
    access_log: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read every `CASELOG_` variable; an empty one counts as not set. Raises `ConfigError`."""
        problems: dict[str, str] = {}

        def read(variable: str, default: str, parse: Callable[[str], T]) -> T:
            try:
                return parse(environment.get(variable) or default)
            except ValueError as error:
                problems[variable] = str(error)
                return parse(default)

        config = cls(
            data_folder=read("CASELOG_DATA", ".caselog", lambda value: Path(value).absolute()),
            host=read("CASELOG_HOST", "127.0.0.1", _address),
            port=read("CASELOG_PORT", "8000", _whole(1, 65535)),
            database_url=read("CASELOG_DATABASE_URL", "", _database_url),
            schema=read("CASELOG_SCHEMA", "caselog", _schema),
            zone=read("CASELOG_ZONE", "America/Denver", _zone),
            currency=read("CASELOG_CURRENCY", "USD", _currency),
            test_clock=read("CASELOG_TEST_CLOCK", "0", _one_of("0", "1")) == "1",
            environment=cast("Environment", read("CASELOG_ENV", "development", _one_of("development", "production"))),
            pool_size=read("CASELOG_POOL_SIZE", "20", _whole(2, 1000)),
            pool_wait_ms=read("CASELOG_POOL_WAIT_MS", "5000", _whole(1, 600_000)),
            workers=read("CASELOG_WORKERS", "1", _whole(1, 64)),
            threads=read("CASELOG_THREADS", "16", _whole(1, 256)),
            access_log=read("CASELOG_ACCESS_LOG", "0", _one_of("0", "1")) == "1",
        )
        if config.test_clock and config.environment == "production":
            problems["CASELOG_TEST_CLOCK"] = "is refused together with CASELOG_ENV=production"
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
            "CASELOG_SCHEMA": self.schema,
            "CASELOG_ZONE": self.zone,
            "CASELOG_CURRENCY": self.currency,
            "CASELOG_TEST_CLOCK": "1" if self.test_clock else "0",
            "CASELOG_ENV": self.environment,
            "CASELOG_POOL_SIZE": str(self.pool_size),
            "CASELOG_POOL_WAIT_MS": str(self.pool_wait_ms),
            "CASELOG_WORKERS": str(self.workers),
            "CASELOG_THREADS": str(self.threads),
            "CASELOG_ACCESS_LOG": "1" if self.access_log else "0",
        }

    def __repr__(self) -> str:
        return f"Config({self.described()})"


MEANINGS: Mapping[str, str] = {
    "CASELOG_DATA": "folder of the embedded PostgreSQL; beside it only private folders for socket and metrics",
    "CASELOG_HOST": "IP address that the API listens on",
    "CASELOG_PORT": "port that the API listens on",
    "CASELOG_DATABASE_URL": "libpq URL of a PostgreSQL 15 or later of your own; empty: embedded",
    "CASELOG_SCHEMA": "schema of the desk; several desks can share a database",
    "CASELOG_ZONE": "IANA zone of a desk made by this start; a desk's zone never changes",
    "CASELOG_CURRENCY": "ISO 4217 code, likewise",
    "CASELOG_TEST_CLOCK": "1 lets callers move the desk's clock forward; refused in production",
    "CASELOG_ENV": "development or production",
    "CASELOG_POOL_SIZE": "most database connections a process keeps",
    "CASELOG_POOL_WAIT_MS": "milliseconds a request waits for one of them before it is refused",
    "CASELOG_WORKERS": "processes of the API",
    "CASELOG_THREADS": "threads of each",
    "CASELOG_ACCESS_LOG": "1 writes a line to standard error for each request",
}
"""What each variable is for."""


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address such as 127.0.0.1") from None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"{value!r} is not a whole number from {least} to {most}")
        return int(value)

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
        return value

    return parse


def _schema(value: str) -> str:
    if not _SCHEMA.fullmatch(value) or value.startswith("pg_") or value == "information_schema":
        raise ValueError(
            f"{value!r} is not a plain name: at most 40 small letters, digits and underscores, not beginning with a "
            "digit or pg_"
        )
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder such as "America" is an OSError
        raise ValueError(f"{value!r} is not an IANA time zone such as America/Denver") from None
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError(f"{value!r} is not an ISO 4217 currency code such as USD")
    return value


def _database_url(value: str) -> str | None:
    """Any form libpq takes. The reason names no part of the value, for it may hold a password."""
    try:
        if value:
            parse_dsn(value)
    except psycopg2.ProgrammingError:
        raise ValueError("is not a libpq URL such as postgresql://user:password@host:5432/database") from None
    return value or None


def _without_password(url: str) -> str:
    settings = parse_dsn(url)
    settings.pop("password", None)
    settings.pop("sslpassword", None)
    return " ".join(f"{name}={value}" for name, value in settings.items())
