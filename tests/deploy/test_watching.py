"""The dashboard and the alerts ask for figures that a running desk has, by labels that those have."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from api.http.access.table import OTHERS
from infra.metrics import instruments
from tests.api.http.conftest import Api, api
from tests.api.http.test_metrics import Figures
from tests.deploy.files import DEPLOY, DOCUMENT, yaml_of

__all__ = ["api"]

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/caselog.json").read_text())
ALERTS = [rule for group in yaml_of("alerts.yml")["groups"] for rule in group["rules"]]
OUTCOMES = {"accepted", "replayed", "unavailable", "failed", "reached", "behind", "crowded"}
FUNCTIONS = {"sum", "max", "min", "rate", "histogram_quantile", "by"}
OF_PROMETHEUS = {"up": {"job"}}

_STRING = re.compile(r'"[^"]*"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def expressions() -> list[str]:
    """Every query of the dashboard and the alerts."""
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return asked + [rule["expr"] for rule in ALERTS]


def asked_for(expression: str) -> tuple[set[str], set[str], list[tuple[str, str]]]:
    """Metrics, labels, and pairs of label and value that an expression names."""
    selected: list[tuple[str, str]] = []
    for selector in re.findall(r"\{([^}]*)\}", expression):
        selected += re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', selector)
    grouped = [label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")]
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", " ", _STRING.sub('""', expression))
    metrics = set(_NAME.findall(bare)) - FUNCTIONS
    return metrics, {label for label, _ in selected} | {*grouped}, selected


@pytest.fixture(scope="module")
def known(api: Api) -> dict[str, set[str]]:
    """Name of each sample that a desk can tell -> its labels: what is counted, and what is asked at the scrape."""
    found: dict[str, set[str]] = {}
    for each in vars(instruments).values():
        if isinstance(each, MetricWrapperBase):
            (family,) = each.describe()
            labels = set(each._labelnames)
            if family.type == "histogram":
                found |= {f"{family.name}_{part}": labels for part in ("count", "sum")}
                found[f"{family.name}_bucket"] = labels | {"le"}
            else:
                found[family.name if family.type == "gauge" else f"{family.name}_total"] = labels
    api.ticket(api.customer())
    for family in text_string_to_metric_families(figures_text(api)):
        for sample in family.samples:
            if sample.name.startswith("caselog_"):
                found.setdefault(sample.name, set(sample.labels))
    found["caselog_view_rebuild_position"] = {"view"}  # there only while a view is built
    found |= {f"caselog_relay_lag_{unit}": set() for unit in ("events", "seconds")}  # only where a relay has ever run
    for prefix in ("view", "views_database"):  # only of views that Kafka feeds
        found |= {
            f"caselog_{prefix}_partition_{name}": {"view", "partition", "instance"}
            for name in ("lag_events", "skipped_records")
        }
    return found


def figures_text(api: Api) -> str:
    Figures(api)
    return str(api.client.get("/metrics").text)


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_a_query_names_figures_and_labels_that_a_desk_has(expression: str, known: dict[str, set[str]]) -> None:
    assert expression.count("(") == expression.count(")")
    metrics, labels, selected = asked_for(expression)
    assert metrics
    for metric in metrics:
        has = OF_PROMETHEUS[metric] if metric in OF_PROMETHEUS else known[metric]
        assert labels <= has, metric
    for label, value in selected:
        if label == "outcome":
            assert set(value.split("|")) <= OUTCOMES
        if label == "job":
            assert value in {each["job_name"] for each in yaml_of("prometheus.yml")["scrape_configs"]}


def test_every_gauge_of_a_desk_is_on_the_dashboard(known: dict[str, set[str]]) -> None:
    """What the API's process cannot tell of the projector's is left out: in containers each counts for itself."""
    shown = {metric for expression in expressions() for metric in asked_for(expression)[0]}
    for needed in (
        "caselog_commands_total",
        "caselog_command_seconds_bucket",
        "caselog_append_group_commands_bucket",
        "caselog_append_conflicts_total",
        "caselog_view_lag_events",
        "caselog_view_lag_seconds",
        "caselog_view_parked_keys",
        "caselog_position_wait_seconds_count",
        "caselog_database_reachable",
    ):
        assert needed in shown
        assert needed in known


def test_prometheus_is_given_a_key_that_reads_no_more_than_it_must() -> None:
    made = re.findall(r"keys create --name prometheus --role (\w+) > secrets/metrics_key", DOCUMENT.read_text())
    assert made == ["reporting"]
    assert "reporting" in OTHERS["metrics.metrics"]


def test_the_dashboard_fits_its_schema() -> None:
    """The fields used, of the right types, and no others: Grafana drops what it does not know without a word."""
    schema = json.loads(Path(__file__).with_name("dashboard_schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(DASHBOARD)] == []
    panels = DASHBOARD["panels"]
    for changed in (
        {"titel": "x"},
        {"fieldConfig": {"defaults": {"unit": "parsecs"}, "overrides": []}},
        {"type": "graph"},
    ):
        assert not validator.is_valid({**DASHBOARD, "panels": [*panels[:-1], {**panels[-1], **changed}]})


def test_no_panel_lies_over_another_and_legends_name_labels_that_are_asked_for() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells
        targets = panel.get("targets", ())
        assert len({target["refId"] for target in targets}) == len(targets)
        for target in targets:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown <= asked_for(target["expr"])[1]


def test_every_alert_is_told_to_people_and_named_in_the_document() -> None:
    document = DOCUMENT.read_text()
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for rule in ALERTS:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[0-9]+[smh]", rule["for"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary"}
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= asked_for(rule["expr"])[1]
        assert f"| `{rule['alert']}` |" in document


def test_prometheus_asks_the_api_with_its_key_from_a_file() -> None:
    prometheus, compose = yaml_of("prometheus.yml"), yaml_of("compose.yaml")
    (job,) = prometheus["scrape_configs"]
    assert set(job) == {"job_name", "metrics_path", "authorization", "static_configs"}
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert compose["services"][host]["environment"]["CASELOG_PORT"] == port
    secret = job["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert secret in compose["services"]["prometheus"]["secrets"]
    mounted = {volume.split(":")[1] for volume in compose["services"]["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in prometheus["rule_files"]} <= mounted
    assert set(compose["services"]["api"]["networks"]) & set(compose["services"]["prometheus"]["networks"])
