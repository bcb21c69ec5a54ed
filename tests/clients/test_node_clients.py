"""Runs the tests of openid-client and oauth4webapi in `node` with Node's own test runner."""

import json
import re
import subprocess

import pytest

import oauth
import programs
import services


@pytest.mark.parametrize("library, tests", [("openid-client", 12), ("oauth4webapi", 8)])
def test_a_node_library_works_with_the_oauth_endpoints(stock, keeper, library, tests):
    services.require_node_package(library)
    clients = {name: getattr(stock, name) for name in ("shop", "app", "job", "api")}
    settings = {"issuer": stock.url, "user": vars(keeper), "stock": oauth.STOCK,
                "permissions": oauth.PERMISSIONS, **clients}
    result = subprocess.run(
        [programs.program("XTASK_NODE", "node"), "--test-reporter=tap", f"{library}.mjs"], cwd=services.NODE,
        env=programs.environment(SETTINGS=json.dumps(settings)), text=True, capture_output=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(rf"^# pass {tests}$", result.stdout, re.MULTILINE), result.stdout
