"""openid-client and oauth4webapi (Node) drive the OAuth endpoints: each file in `node` is run by node's own test runner."""

import json
import re
import subprocess

import pytest

import oauth
import programs
import services


@pytest.mark.parametrize("library, tests", [("openid-client", 12), ("oauth4webapi", 8)])
def test_a_node_library_drives_the_oauth_endpoints(stock, keeper, library, tests):
    if not (services.NODE / "node_modules" / library).exists():
        programs.left_out("node packages are not installed")
    clients = {name: getattr(stock, name) for name in ("shop", "app", "job", "api")}
    setting = {"issuer": stock.url, "user": vars(keeper), "stock": oauth.STOCK,
               "permissions": oauth.PERMISSIONS, **clients}
    ran = subprocess.run(
        [programs.program("XTASK_NODE", "node"), "--test-reporter=tap", f"{library}.mjs"], cwd=services.NODE,
        env=programs.environment(SETTING=json.dumps(setting)), text=True, capture_output=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(rf"^# pass {tests}$", ran.stdout, re.MULTILINE), ran.stdout
