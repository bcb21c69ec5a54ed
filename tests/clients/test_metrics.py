"""Metrics as Prometheus reads them, with the parser of its client library."""

import re
import socket

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

import api
import programs
from programs import PASS_PHRASE

CANARY = "canary-5c0ffee"


@pytest.fixture(scope="module")
def measured():
    """A server with metrics at `measured.metrics`."""
    port = programs.free_port()
    with programs.serve(ROLECALL_REGISTRATION__MODE="open",
                        ROLECALL_METRICS__LISTEN=f"127.0.0.1:{port}") as server:
        server.metrics = f"http://127.0.0.1:{port}"
        yield server


def read(server):
    response = requests.get(f"{server.metrics}/metrics", timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return response.text


def samples(server):
    families = text_string_to_metric_families(read(server))
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples}


def value(server, name, **labels):
    return samples(server).get((name, tuple(sorted(labels.items()))), 0)


def test_prometheus_can_parse_the_metrics(measured):
    api.register(measured.url)
    families = list(text_string_to_metric_families(read(measured)))
    assert len({family.name for family in families}) == len(families) > 25
    for family in families:
        assert family.documentation and family.type in ("counter", "gauge", "histogram")
        assert re.fullmatch(r"(rolecall|process)_[a-z_]+", family.name)
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        keys = [(sample.name, tuple(sample.labels.items())) for sample in family.samples]
        assert len(set(keys)) == len(keys), family.name
    assert value(measured, "rolecall_build_info", version="0.1.0") == 1
    assert value(measured, "process_resident_memory_bytes") > 1e6


def test_buckets_are_cumulative_and_end_at_infinity(measured):
    requests.get(f"{measured.url}/health/live", timeout=10)
    name = "rolecall_http_request_duration_seconds"
    found = {}
    for family in text_string_to_metric_families(read(measured)):
        for sample in family.samples:
            if sample.name == f"{name}_bucket":
                labels = sample.labels["route"], sample.labels["method"]
                found.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
    assert ("/health/live", "GET") in found
    for (route, method), buckets in found.items():
        assert buckets == sorted(buckets), route
        counts = [count for _, count in buckets]
        assert counts == sorted(counts), route
        assert buckets[-1][0] == float("inf")


def test_metrics_count_events_without_naming_anyone(measured):
    logins = "rolecall_log_ins_total"
    before = value(measured, logins, outcome="success"), value(measured, logins, outcome="wrong")
    account, _ = api.register(measured.url, CANARY, PASS_PHRASE)
    caller = api.login(measured.url, CANARY, PASS_PHRASE)
    api.Caller(measured.url).token(CANARY, "a wrong pass phrase")
    caller.get(f"/api/users/{account['id']}")
    requests.get(f"{measured.url}/{CANARY}?{CANARY}={CANARY}", timeout=10)
    after = value(measured, logins, outcome="success"), value(measured, logins, outcome="wrong")
    assert after == (before[0] + 1, before[1] + 1)
    assert value(measured, "rolecall_refusals_total", reason="forbidden") >= 1
    text = read(measured)
    for secret in (CANARY, account["id"], caller.access_token, PASS_PHRASE):
        assert secret not in text


def test_the_metrics_port_serves_only_metrics(measured):
    assert requests.head(f"{measured.metrics}/metrics", timeout=10).status_code == 200
    for path in ("/", "/token", "/health/live", "/api/me", "/metrics/"):
        assert requests.get(measured.metrics + path, timeout=10).status_code == 404, path
    for method in ("POST", "PUT", "DELETE"):
        response = requests.request(method, f"{measured.metrics}/metrics", timeout=10)
        assert response.status_code == 405, method
    other = requests.get(f"{measured.metrics}/metrics", timeout=10, headers={"Host": "evil.test"})
    assert other.status_code == 421
    assert "rolecall_" not in other.text
    assert requests.get(f"{measured.url}/metrics", timeout=10).status_code == 404


def test_the_address_of_the_metrics_is_logged_if_it_is_set(measured, server):
    assert measured.metrics.removeprefix("http://") in measured.log.read_text()
    assert "metrics" not in server.log.read_text()


def test_a_port_in_use_is_reported_before_anything_is_created(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        settings = {"ROLECALL_LISTEN": "127.0.0.1:0", "ROLECALL_METRICS__LISTEN": address}
        result = programs.run_rolecall("serve", folder=tmp_path, **settings)
    assert result.returncode == 1
    assert f"{address} is used by another program" in result.stderr
    assert "`metrics.listen`" in result.stderr
    assert not (tmp_path / "rolecall-data").exists()


def test_the_alert_rules_name_metrics_that_exist(measured):
    api.register(measured.url)
    names = {family.name for family in text_string_to_metric_families(read(measured))}
    names |= {f"{name}_total" for name in names} | {"up"}
    page = (programs.ROOT / "docs" / "metrics.md").read_text()
    rules = yaml.safe_load((programs.ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len(alerts) >= 3
    for alert in alerts:
        assert f"| `{alert['alert']}` |" in page
        used = re.findall(r"\b(?:rolecall|process)_[a-z_]+", alert["expr"])
        assert used or "up" in alert["expr"]
        for name in used:
            assert name in names, name
        assert alert["annotations"]["summary"] and alert["labels"]["severity"] in ("page", "warn")
