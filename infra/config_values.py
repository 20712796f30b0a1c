"""How is one value of the environment read? Each function returns what a text stands for.

Each raises `ValueError` with a reason that people can act on. It names the value, unless that may hold a password.
"""

import re
from collections.abc import Callable
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg2
from psycopg2.extensions import parse_dsn

from infra.webhooks.addresses import Network, networks

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


def address(value: str) -> str:
    """Return an IP address."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address such as 127.0.0.1") from None


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number within these bounds."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"{value!r} is not a whole number from {least} to {most}")
        return int(value)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return what reads one of these words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
        return value

    return parse


def schema_name(value: str) -> str:
    """Return the name of a desk's schema."""
    if not _SCHEMA.fullmatch(value) or value.startswith("pg_") or value == "information_schema":
        raise ValueError(
            f"{value!r} is not a plain name: at most 40 small letters, digits and underscores, not beginning with a "
            "digit or pg_"
        )
    if value.endswith("_reporting"):
        raise ValueError(f"{value!r} is where the reporting views of a desk {value.removesuffix('_reporting')!r} go")
    return value


def zone_name(value: str) -> str:
    """Return an IANA zone's name."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder such as "America" is an OSError
        raise ValueError(f"{value!r} is not an IANA time zone such as America/Denver") from None
    return value


def currency_code(value: str) -> str:
    """Return an ISO 4217 code."""
    if value not in CURRENCIES:
        raise ValueError(f"{value!r} is not an ISO 4217 currency code such as USD")
    return value


def network_list(value: str) -> tuple[Network, ...]:
    """Return networks, told by commas."""
    try:
        return networks(value) if value else ()
    except ValueError:
        raise ValueError(f"{value!r} is not a list of networks such as 10.1.0.0/16,fd00:1::/64") from None


def pauses(value: str) -> tuple[float, ...]:
    """Return seconds, told by commas."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?(,[0-9]{1,6}(\.[0-9]{1,3})?){0,19}", value):
        raise ValueError(f"{value!r} is not a list of at most twenty numbers of seconds such as 5,300,1800")
    return tuple(map(float, value.split(",")))


def jwks_place(*, production: bool, read_file: bool) -> Callable[[str], str | None]:
    """Return what reads where an issuer's keys are: an https address, or a file with such keys.

    Whoever can answer in the issuer's place lets anybody in, so plain http is for this machine alone, in development.
    """

    def parse(value: str) -> str | None:
        if not value:
            return None
        try:
            url = urlsplit(value)
            host = url.hostname or ""
        except ValueError:
            raise ValueError(f"{value!r} is not an address such as https://id.example/jwks.json") from None
        if url.scheme == "https" and host:
            return value
        if url.scheme == "http":
            if production or not _is_this_machine(host):
                raise ValueError(f"{value!r} is not https; http is for a loopback address, and not in production")
            return value
        return _file_of_keys(value) if read_file else value

    return parse


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _file_of_keys(value: str) -> str:
    from infra.access.key_sets import key_set_of  # noqa: PLC0415 - cryptography takes its time, and few need it

    try:
        key_set_of(Path(value).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{value!r} is neither an https address nor a file to be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{value!r} is a file without keys of an issuer: {error}") from None
    return value


def unusable_folder(path: Path) -> str | None:
    """Return why a folder cannot be made, or written to; none where it can. Nothing is left of the trial."""
    there = next(each for each in (path, *path.parents) if each.exists())
    try:
        TemporaryDirectory(dir=there, prefix=".caselog-trial-").cleanup()
    except OSError as error:
        return f"{str(path)!r} cannot be made or written to: {error.strerror}"
    return None


def database_url(value: str) -> str | None:
    """Any form libpq takes. The reason names no part of the value, for it may hold a password."""
    try:
        if value:
            parse_dsn(value)
    except psycopg2.ProgrammingError:
        raise ValueError("is not a libpq URL such as postgresql://user:password@host:5432/database") from None
    return value or None


def traces_endpoint(value: str) -> str:
    """Return the address of a collector; "" stays so."""
    if not value:
        return value
    try:
        url = urlsplit(value)
        sound = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        sound = False
    else:
        if url.username is not None or url.password is not None:
            raise ValueError("must not hold a name or password: OTEL_EXPORTER_OTLP_HEADERS can hold them")
    if not sound:
        raise ValueError(f"{value!r} is not an OTLP/HTTP URL such as http://127.0.0.1:4318/v1/traces")
    try:
        installed = find_spec("opentelemetry.exporter.otlp.proto.http") and find_spec("opentelemetry.sdk")
    except ModuleNotFoundError:
        installed = None
    if installed is None:
        raise ValueError("needs the extra `tracing`, which is not installed: pip install 'caselog[tracing]'")
    return value


def ratio(value: str) -> float:
    """Return a part of one."""
    if not re.fullmatch(r"0|1|1\.0{1,9}|0\.[0-9]{1,9}", value):
        raise ValueError(f"{value!r} is not a number from 0 to 1 such as 0.1")
    return float(value)


_BROKER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def brokers(value: str) -> tuple[str, ...]:
    """Return addresses of brokers; none for an empty text."""
    named = tuple(each.strip() for each in value.split(",") if each.strip())
    for each in named:
        found = _BROKER.fullmatch(each)
        if found is None or not 1 <= int(found[2]) <= 65535:
            raise ValueError(f"{each!r} is not host:port such as kafka.example:9092")
    return named


def readable_file(value: str) -> str:
    """Return the path of a file that can be read; an empty text names none."""
    if value:
        try:
            with Path(value).open("rb"):
                pass
        except OSError as error:
            raise ValueError(f"{value} cannot be read: {error.strerror}") from None
    return value
