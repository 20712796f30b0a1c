"""The configuration is checked as a whole, and every wrong variable is named with its reason."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.config import Config, ConfigError
from infra.config_meanings import MEANINGS
from infra.kafka.settings import NO_BROKER
from infra.webhooks.addresses import LOOPBACK, networks
from infra.webhooks.schedule import RETRY_SECONDS


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    config = Config.from_environment({})
    assert config == Config(
        data_folder=Path(".caselog").absolute(),
        host="127.0.0.1",
        port=8000,
        database_url=None,
        database_url_file="",
        schema="caselog",
        zone="America/Denver",
        currency="USD",
        test_clock=False,
        environment="development",
        pool_size=20,
        pool_wait_ms=5000,
        statement_timeout_ms=10_000,
        workers=1,
        threads=16,
        queue_size=32,
        queue_wait_ms=100,
        access_log=False,
        traces_endpoint="",
        traces_ratio=1.0,
        requests_per_minute=60_000,
        webhook_networks=LOOPBACK,
        webhook_timeout_ms=15_000,
        webhook_retry_seconds=RETRY_SECONDS,
        jwt_issuer=None,
        jwt_audience=None,
        jwt_jwks=None,
        kafka=NO_BROKER,
        views_url=None,
        views_url_file="",
        kafka_password_file="",
    )


def test_the_readme_shows_every_variable_with_its_default() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for variable, default in Config.from_environment({}).described().items():
        shown = {"CASELOG_DATA": "`./.caselog`", "CASELOG_DATABASE_URL": "none: embedded"}.get(
            variable, f"`{default}`" if default else "none"
        )
        assert f"| `{variable}` | {shown} |" in readme


def test_every_variable_has_a_meaning_to_show() -> None:
    assert list(MEANINGS) == list(Config.from_environment({}).described())


def test_a_variable_that_is_set_to_nothing_counts_as_not_set() -> None:
    assert Config.from_environment({"CASELOG_PORT": "", "CASELOG_DATABASE_URL": ""}) == Config.from_environment({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CASELOG_PORT", "0"),
        ("CASELOG_PORT", "65536"),
        ("CASELOG_PORT", "80 "),
        ("CASELOG_PORT", "٨٠"),
        ("CASELOG_HOST", "here"),
        ("CASELOG_HOST", "127.0.0.256"),
        ("CASELOG_DATABASE_URL", "mysql://here"),
        ("CASELOG_SCHEMA", "Caselog"),
        ("CASELOG_SCHEMA", "a-b"),
        ("CASELOG_SCHEMA", 'a"; DROP SCHEMA public'),
        ("CASELOG_SCHEMA", "1a"),
        ("CASELOG_SCHEMA", "pg_desk"),
        ("CASELOG_SCHEMA", "information_schema"),
        ("CASELOG_SCHEMA", "caselog_reporting"),
        ("CASELOG_SCHEMA", "a" * 41),
        ("CASELOG_SCHEMA", "desk\n"),
        ("CASELOG_ZONE", "America"),
        ("CASELOG_ZONE", "America/Nowhere"),
        ("CASELOG_ZONE", "/etc/passwd"),
        ("CASELOG_CURRENCY", "usd"),
        ("CASELOG_CURRENCY", "UDS"),
        ("CASELOG_TEST_CLOCK", "yes"),
        ("CASELOG_ENV", "prod"),
        ("CASELOG_POOL_SIZE", "1"),
        ("CASELOG_POOL_WAIT_MS", "-5"),
        ("CASELOG_WORKERS", "two"),
        ("CASELOG_THREADS", "257"),
        ("CASELOG_TRACES_ENDPOINT", "localhost:4318"),
        ("CASELOG_TRACES_ENDPOINT", "ftp://collector/v1/traces"),
        ("CASELOG_TRACES_ENDPOINT", "http://collector:port/v1/traces"),
        ("CASELOG_TRACES_RATIO", "1.5"),
        ("CASELOG_TRACES_RATIO", "nan"),
        ("CASELOG_TRACES_RATIO", "-0.1"),
        ("CASELOG_WEBHOOK_NETWORKS", "10.1.0.0/16,intranet"),
        ("CASELOG_WEBHOOK_NETWORKS", "10.1.2.3/16"),
        ("CASELOG_WEBHOOK_TIMEOUT_MS", "99"),
        ("CASELOG_WEBHOOK_RETRY_SECONDS", "5,-1"),
        ("CASELOG_WEBHOOK_RETRY_SECONDS", "5,,300"),
        ("CASELOG_WEBHOOK_RETRY_SECONDS", "1e400"),
        ("CASELOG_WEBHOOK_RETRY_SECONDS", ",".join(["1"] * 21)),
    ],
)
def test_a_wrong_value_is_refused_under_its_variable_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({variable: value})
    assert list(refused.value.problems) == [variable]


@pytest.mark.parametrize("schema", ["a", "_desk", "desk_2", "a" * 40])
def test_a_plain_name_is_a_schema(schema: str) -> None:
    assert Config.from_environment({"CASELOG_SCHEMA": schema}).schema == schema


def test_all_wrong_variables_are_named_in_one_message() -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({"CASELOG_PORT": "x", "CASELOG_ZONE": "Mars", "CASELOG_CURRENCY": "EURO"})
    message = str(refused.value)
    assert "CASELOG_PORT: 'x' is not a whole number from 1 to 65535" in message
    assert "CASELOG_ZONE" in message
    assert "CASELOG_CURRENCY" in message


def test_the_test_clock_is_refused_in_production_and_nowhere_else() -> None:
    assert Config.from_environment({"CASELOG_TEST_CLOCK": "1"}).test_clock
    assert Config.from_environment({"CASELOG_ENV": "production"}).environment == "production"
    with pytest.raises(ConfigError, match="CASELOG_TEST_CLOCK: is refused together with CASELOG_ENV=production"):
        Config.from_environment({"CASELOG_TEST_CLOCK": "1", "CASELOG_ENV": "production"})


@pytest.mark.parametrize("url", ["postgresql://me:secret@db/desk", "host=db user=me password=secret dbname=desk"])
def test_the_password_is_in_nothing_that_is_shown(url: str) -> None:
    config = Config.from_environment({"CASELOG_DATABASE_URL": url})
    assert config.database_url == url
    assert "host=db" in config.described()["CASELOG_DATABASE_URL"]
    assert "secret" not in repr(config)


def test_a_wrong_database_url_is_not_repeated_for_it_may_hold_a_password() -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({"CASELOG_DATABASE_URL": "postgresql://me:secret@db:5432:1/x?nonsense=1"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [("CASELOG_DATABASE_ULR", "CASELOG_DATABASE_URL"), ("CASELOG_THREAD", "CASELOG_THREADS")],
)
def test_a_misspelt_variable_is_told_with_the_nearest_name(variable: str, nearest: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({variable: "4", "CASELOG_PORT": "x"})
    assert refused.value.problems[variable] == f"there is no such variable; is {nearest} meant?"
    assert set(refused.value.problems) == {variable, "CASELOG_PORT"}


def test_a_variable_like_no_other_is_refused_and_one_of_other_programs_is_not() -> None:
    with pytest.raises(ConfigError, match="CASELOG_XYZZY_QQ: there is no such variable, see `caselog config`"):
        Config.from_environment({"CASELOG_XYZZY_QQ": "1"})
    Config.from_environment(
        {"PATH": "/bin", "MY_CASELOG_X": "1", "CASELOG_SUPERVISOR_PIPE": "7", "CASELOG_KEY": "k", "CASELOG_URL": "u"}
    )


def test_the_database_url_can_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://me:secret@db/desk\n")
    config = Config.from_environment({"CASELOG_DATABASE_URL_FILE": str(secret)})
    assert config.database_url == "postgresql://me:secret@db/desk"
    assert config.described()["CASELOG_DATABASE_URL_FILE"] == str(secret)
    assert "secret" not in repr(config).replace(str(secret), "")


def test_a_file_that_gives_no_url_is_told_by_its_name_and_never_by_its_content(tmp_path: Path) -> None:
    missing, empty, wrong, binary = (tmp_path / name for name in ("missing", "empty", "wrong", "binary"))
    empty.write_text("\n")
    wrong.write_text("mysql://me:hunter2@here")
    binary.write_bytes(b"\xff\xfe")
    for path, told in [
        (missing, f"CASELOG_DATABASE_URL_FILE: {missing} cannot be read: No such file or directory"),
        (tmp_path, f"CASELOG_DATABASE_URL_FILE: {tmp_path} cannot be read: Is a directory"),
        (empty, f"CASELOG_DATABASE_URL_FILE: {empty} is empty"),
        (binary, f"CASELOG_DATABASE_URL_FILE: {binary} cannot be read: it is no UTF-8 text"),
        (
            wrong,
            (
                f"CASELOG_DATABASE_URL_FILE: what {wrong} holds is not a libpq URL such as "
                "postgresql://user:password@host:5432/database"
            ),
        ),
    ]:
        with pytest.raises(ConfigError) as refused:
            Config.from_environment({"CASELOG_DATABASE_URL_FILE": str(path)})
        assert str(refused.value) == told
        assert "hunter2" not in str(refused.value)


def test_a_url_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CASELOG_DATABASE_URL_FILE: is set together with CASELOG_DATABASE_URL"):
        Config.from_environment(
            {"CASELOG_DATABASE_URL_FILE": str(tmp_path), "CASELOG_DATABASE_URL": "postgresql://db/desk"}
        )


def test_a_collector_without_the_extra_that_sends_traces_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"CASELOG_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces", "CASELOG_PORT": "x"}
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "opentelemetry", None)
        with pytest.raises(ConfigError) as refused:
            Config.from_environment(settings)
    assert set(refused.value.problems) == set(settings)
    assert "pip install 'caselog[tracing]'" in refused.value.problems["CASELOG_TRACES_ENDPOINT"]


def test_a_password_of_a_collector_is_neither_taken_nor_repeated() -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({"CASELOG_TRACES_ENDPOINT": "http://me:hunter2@collector/v1/traces"})
    assert "hunter2" not in str(refused.value)


def test_in_production_webhooks_are_sent_to_public_addresses_and_to_networks_that_are_named() -> None:
    production = {"CASELOG_ENV": "production"}
    assert Config.from_environment(production).webhook_networks == ()
    named = Config.from_environment({**production, "CASELOG_WEBHOOK_NETWORKS": "10.1.0.0/16, fd00:1::/64"})
    assert named.webhook_networks == networks("10.1.0.0/16,fd00:1::/64")
    assert named.described()["CASELOG_WEBHOOK_NETWORKS"] == "10.1.0.0/16,fd00:1::/64"


def test_pauses_between_attempts_are_numbers_of_seconds() -> None:
    config = Config.from_environment({"CASELOG_WEBHOOK_RETRY_SECONDS": "0.5,10"})
    assert config.webhook_retry_seconds == (0.5, 10.0)


def test_the_settings_of_tokens_are_set_together() -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({"CASELOG_JWT_ISSUER": "https://id.example", "CASELOG_JWT_JWKS": "no/such/file"})
    assert set(refused.value.problems) == {"CASELOG_JWT_AUDIENCE", "CASELOG_JWT_JWKS"}
    whole = {"CASELOG_JWT_ISSUER": "i", "CASELOG_JWT_AUDIENCE": "a", "CASELOG_JWT_JWKS": "https://id.example/jwks"}
    assert Config.from_environment(whole).jwt_jwks == "https://id.example/jwks"


JWT = {"CASELOG_JWT_ISSUER": "i", "CASELOG_JWT_AUDIENCE": "a"}
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "one",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}


@pytest.mark.parametrize(
    ("address", "production", "taken"),
    [
        ("https://id.example/jwks", True, True),
        ("http://id.example/jwks", False, False),
        ("http://id.example/jwks", True, False),
        ("http://127.0.0.1:9/jwks", False, True),
        ("http://[::1]:9/jwks", False, True),
        ("http://localhost:9/jwks", False, True),
        ("http://127.0.0.1:9/jwks", True, False),
        ("http://127.0.0.1.id.example/jwks", False, False),
        ("https:///jwks", False, False),
        ("http://[::1/jwks", False, False),
    ],
)
def test_keys_of_an_issuer_come_over_https(address: str, production: bool, taken: bool) -> None:
    environment = {**JWT, "CASELOG_JWT_JWKS": address, "CASELOG_ENV": "production" if production else "development"}
    if taken:
        assert Config.from_environment(environment).jwt_jwks == address
    else:
        with pytest.raises(ConfigError) as refused:
            Config.from_environment(environment)
        assert list(refused.value.problems) == ["CASELOG_JWT_JWKS"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        {"keys": []},
        {"keys": ["text"]},
        {"keys": [{"kty": "EC"}]},
        {"keys": [{name: value for name, value in EC_KEY.items() if name != "kid"}]},
        {"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}]},
        b"\xff\xfe",
    ],
)
def test_a_file_without_keys_of_an_issuer_is_told_with_all_else(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(
        content
        if isinstance(content, bytes)
        else (content if isinstance(content, str) else json.dumps(content)).encode()
    )
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({**JWT, "CASELOG_JWT_JWKS": str(file), "CASELOG_PORT": "x"})
    assert set(refused.value.problems) == {"CASELOG_PORT", "CASELOG_JWT_JWKS"}
    assert str(file) in refused.value.problems["CASELOG_JWT_JWKS"]
    again = Config.from_environment({**JWT, "CASELOG_JWT_JWKS": str(file)}, read_keys=False)
    assert again.jwt_jwks == str(file), "a worker that is started again serves those who have keys of ours"


def test_a_file_with_keys_of_an_issuer_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [EC_KEY]}))
    assert Config.from_environment({**JWT, "CASELOG_JWT_JWKS": str(file)}).jwt_jwks == str(file)


def test_a_folder_is_tried_where_that_is_asked_for_and_needed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for unusable in ("/proc/desk", str(tmp_path / "file"), str(tmp_path / "file" / "desk")):
        environment = {"CASELOG_DATA": unusable}
        with pytest.raises(ConfigError) as refused:
            Config.from_environment(environment, try_folder=True)
        assert list(refused.value.problems) == ["CASELOG_DATA"]
        Config.from_environment(environment | {"CASELOG_DATABASE_URL": "postgresql://db/x"}, try_folder=True)
    Config.from_environment({"CASELOG_DATA": str(tmp_path / "new" / "desk")}, try_folder=True)
    assert [each.name for each in tmp_path.iterdir()] == ["file"], "nothing is left of the trial"


SASL = {
    "CASELOG_KAFKA_BOOTSTRAP": "one.example:9092, [::1]:9093",
    "CASELOG_KAFKA_SECURITY": "SASL_SSL",
    "CASELOG_KAFKA_USERNAME": "desk",
    "CASELOG_KAFKA_PASSWORD": "its secret",
}


def test_brokers_and_what_they_are_shown_reach_the_client() -> None:
    kafka = Config.from_environment({**SASL, "CASELOG_KAFKA_SASL_MECHANISM": "PLAIN"}).kafka
    assert kafka.connection() == {
        "bootstrap_servers": ["one.example:9092", "[::1]:9093"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "desk",
        "sasl_plain_password": "its secret",
        "ssl_cafile": None,
        "ssl_certfile": None,
        "ssl_keyfile": None,
    }


def test_a_password_of_kafka_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("its secret\n")
    environment = {**SASL, "CASELOG_KAFKA_PASSWORD": "", "CASELOG_KAFKA_PASSWORD_FILE": str(tmp_path / "password")}
    config = Config.from_environment(environment)
    assert config.kafka.password == "its secret"
    assert "its secret" not in repr(config) + repr(config.kafka) + str(config.described())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"CASELOG_KAFKA_BOOTSTRAP": "one.example"}, {"CASELOG_KAFKA_BOOTSTRAP"}),
        ({"CASELOG_KAFKA_BOOTSTRAP": "one.example:70000"}, {"CASELOG_KAFKA_BOOTSTRAP"}),
        ({"CASELOG_KAFKA_SECURITY": "TLS"}, {"CASELOG_KAFKA_SECURITY"}),
        (
            {"CASELOG_KAFKA_USERNAME": "", "CASELOG_KAFKA_PASSWORD": ""},
            {"CASELOG_KAFKA_USERNAME", "CASELOG_KAFKA_PASSWORD"},
        ),
        ({"CASELOG_KAFKA_CA_FILE": "no/such/file"}, {"CASELOG_KAFKA_CA_FILE"}),
        ({"CASELOG_VIEWS_URL": "mysql://here"}, {"CASELOG_VIEWS_URL"}),
    ],
)
def test_a_wrong_setting_of_kafka_is_named(changed: dict[str, str], named: set[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environment({**SASL, **changed})
    assert set(refused.value.problems) == named
