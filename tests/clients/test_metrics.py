"""Metrics as Prometheus reads them: with the parser of its own client library."""

import re
import socket
import subprocess

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

import api
import programs

CANARY = "canary-5c0ffee"
PASS_PHRASE = "a long enough pass phrase"


@pytest.fixture(scope="module")
def counted():
    """A server with metrics on; `counted.metrics` is where."""
    port = programs.free_port()
    with programs.serve(ROLECALL_REGISTRATION__MODE="open",
                        ROLECALL_METRICS__LISTEN=f"127.0.0.1:{port}") as server:
        server.metrics = f"http://127.0.0.1:{port}"
        yield server


def read(server):
    answer = requests.get(f"{server.metrics}/metrics", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


def samples(server):
    families = text_string_to_metric_families(read(server))
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples}


def value(server, name, **labels):
    return samples(server).get((name, tuple(sorted(labels.items()))), 0)


def test_the_text_is_what_the_parser_of_prometheus_takes(counted):
    api.register(counted.url)
    families = list(text_string_to_metric_families(read(counted)))
    assert len({family.name for family in families}) == len(families) > 25
    for family in families:
        assert family.documentation and family.type in ("counter", "gauge", "histogram")
        assert re.fullmatch(r"(rolecall|process)_[a-z_]+", family.name)
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        keys = [(sample.name, tuple(sample.labels.items())) for sample in family.samples]
        assert len(set(keys)) == len(keys), family.name
    assert value(counted, "rolecall_build_info", version="0.1.0") == 1
    assert value(counted, "process_resident_memory_bytes") > 1e6


def test_buckets_grow_and_end_at_the_count(counted):
    requests.get(f"{counted.url}/health/live", timeout=10)
    name = "rolecall_http_request_duration_seconds"
    found = {}
    for family in text_string_to_metric_families(read(counted)):
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


def test_what_happens_is_counted_and_nobody_is_named(counted):
    log_ins = "rolecall_log_ins_total"
    before = value(counted, log_ins, outcome="success"), value(counted, log_ins, outcome="wrong")
    account, _ = api.register(counted.url, CANARY, PASS_PHRASE)
    caller = api.logged_in(counted.url, CANARY, PASS_PHRASE)
    api.Caller(counted.url).token(CANARY, "a wrong pass phrase")
    caller.get(f"/api/users/{account['id']}")
    requests.get(f"{counted.url}/{CANARY}?{CANARY}={CANARY}", timeout=10)
    after = value(counted, log_ins, outcome="success"), value(counted, log_ins, outcome="wrong")
    assert after == (before[0] + 1, before[1] + 1)
    assert value(counted, "rolecall_refusals_total", reason="forbidden") >= 1
    text = read(counted)
    for secret in (CANARY, account["id"], caller.access_token, PASS_PHRASE):
        assert secret not in text


def test_only_metrics_are_answered_and_only_to_readers(counted):
    assert requests.head(f"{counted.metrics}/metrics", timeout=10).status_code == 200
    for path in ("/", "/token", "/health/live", "/api/me", "/metrics/"):
        assert requests.get(counted.metrics + path, timeout=10).status_code == 404, path
    for method in ("POST", "PUT", "DELETE"):
        answer = requests.request(method, f"{counted.metrics}/metrics", timeout=10)
        assert answer.status_code == 405, method
    other = requests.get(f"{counted.metrics}/metrics", timeout=10, headers={"Host": "evil.test"})
    assert other.status_code == 421
    assert "rolecall_" not in other.text
    assert requests.get(f"{counted.url}/metrics", timeout=10).status_code == 404


def test_the_address_is_told_and_without_the_setting_there_is_none(counted, served):
    assert counted.metrics.removeprefix("http://") in counted.log.read_text()
    assert "metrics" not in served.log.read_text()


def test_a_port_that_is_taken_is_told_before_anything_begins(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = programs.environment(ROLECALL_LISTEN="127.0.0.1:0", ROLECALL_METRICS__LISTEN=address)
        done = subprocess.run([programs.rolecall(), "serve"], cwd=tmp_path, env=settings,
                              text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert f"{address} is used by another program" in done.stderr
    assert "`metrics.listen`" in done.stderr
    assert not (tmp_path / "rolecall-data").exists()


def test_the_alert_rules_name_metrics_that_exist(counted):
    api.register(counted.url)
    there = {family.name for family in text_string_to_metric_families(read(counted))}
    there |= {f"{name}_total" for name in there} | {"up"}
    page = (programs.ROOT / "docs" / "metrics.md").read_text()
    rules = yaml.safe_load((programs.ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len(alerts) >= 3
    for alert in alerts:
        assert f"| `{alert['alert']}` |" in page
        named = re.findall(r"\b(?:rolecall|process)_[a-z_]+", alert["expr"])
        assert named or "up" in alert["expr"]
        for name in named:
            assert name in there, name
        assert alert["annotations"]["summary"] and alert["labels"]["severity"] in ("page", "warn")
