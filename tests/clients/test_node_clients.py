"""Runs the tests of openid-client and oauth4webapi in `node` with Node's own test runner."""

import json
import re
import subprocess

import pytest

import oauth
import programs
import services
import sign_in

AFTER = "https://app.example/signed-out"


def run(program, settings, tests):
    """Runs a file of tests, all of which have to pass."""
    result = subprocess.run(
        [programs.program("XTASK_NODE", "node"), "--test-reporter=tap", program], cwd=services.NODE,
        env=programs.environment(SETTINGS=json.dumps(settings)), text=True, capture_output=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(rf"^# pass {tests}$", result.stdout, re.MULTILINE), result.stdout


@pytest.mark.parametrize("library, tests", [("openid-client", 12), ("oauth4webapi", 8)])
def test_a_node_library_works_with_the_oauth_endpoints(stock, keeper, library, tests):
    services.require_node_package(library)
    clients = {name: getattr(stock, name) for name in ("shop", "app", "job", "api")}
    settings = {"issuer": stock.url, "user": vars(keeper), "stock": oauth.STOCK,
                "permissions": oauth.PERMISSIONS, **clients}
    run(f"{library}.mjs", settings, tests)


@pytest.mark.parametrize("library, tests", [("openid-client", 8), ("oauth4webapi", 11)])
def test_a_node_library_signs_people_in(admin, library, tests):
    services.require_node_package(library)
    after = {"post_logout_redirect_uris": [AFTER]}
    web = sign_in.register(admin, **after).registration
    page = sign_in.register(admin, kind="browser", public=True, **after).registration
    settings = {"issuer": admin.url, "user": vars(sign_in.create_user(admin)), "web": web, "page": page,
                "redirectUri": sign_in.CALLBACK, "afterLogout": AFTER}
    run(f"{library}-code.mjs", settings, tests)
