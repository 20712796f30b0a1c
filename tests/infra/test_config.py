"""The configuration is checked as a whole, and every wrong variable is named with its reason."""

from pathlib import Path

import pytest

from infra.config import MEANINGS, Config, ConfigError


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    config = Config.from_environment({})
    assert config == Config(
        data_folder=Path(".caselog").absolute(),
        host="127.0.0.1",
        port=8000,
        database_url=None,
        schema="caselog",
        zone="America/Denver",
        currency="USD",
        test_clock=False,
        environment="development",
        pool_size=20,
        pool_wait_ms=5000,
        workers=1,
        threads=16,
        access_log=False,
    )


def test_the_readme_shows_every_variable_with_its_default() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for variable, default in Config.from_environment({}).described().items():
        shown = {"CASELOG_DATA": "`./.caselog`", "CASELOG_DATABASE_URL": "none: embedded"}.get(variable, f"`{default}`")
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
