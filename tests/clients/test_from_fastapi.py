"""The steps of docs/from-fastapi.md, with the application in examples/fastapi/before."""

import importlib.util
import json
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import requests

import access_tokens
import api
import programs
import services
import tours

BEFORE = programs.ROOT / "examples" / "fastapi" / "before"
PASSWORDS = {"alice": "the pass phrase of alice", "root": "the pass phrase of root"}
SECRET = "your-secret-key"


@pytest.fixture
def old(tmp_path):
    """The old application with two logged-in users: their tokens and the application's environment."""
    for package in ("bcrypt", "fastapi", "jwt", "python_multipart", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            programs.skip_without(f"the Python package `{package}`")
    port = programs.free_port()
    url = f"http://127.0.0.1:{port}"
    settings = programs.environment(DATABASE=str(tmp_path / "users.db"), PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "warning"]
    with services.Service(command, BEFORE, tmp_path / "old.log", port, DATABASE=settings["DATABASE"]):
        tokens = {}
        for name, password in PASSWORDS.items():
            role = "admin" if name == "root" else "user"
            created = requests.post(f"{url}/register", data={"username": name, "password": password, "role": role})
            assert created.status_code == 201, created.text
            tokens[name] = log_in(url, name)
        assert requests.get(f"{url}/users/", headers=api.bearer(tokens["alice"])).status_code == 200
        yield tokens, settings


def log_in(url, name):
    form = {"grant_type": "password", "username": name, "password": PASSWORDS[name]}
    response = requests.post(f"{url}/token", data=form)
    assert response.status_code == 200, response.text
    return response.json()["access_token"]


def test_migrating_from_fastapi_logs_nobody_out(old, tmp_path):
    tokens, settings = old
    exported = subprocess.run([sys.executable, "export.py"], cwd=BEFORE, env=settings, text=True,
                              capture_output=True, check=True).stdout
    users = tmp_path / "users.csv"
    users.write_text(exported)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    with programs.serve(
        ROLECALL_TOKENS__LEGACY__SECRET=SECRET, ROLECALL_TOKENS__LEGACY__UNTIL=until,
        ROLECALL_TOKENS__LEGACY__MAX_AGE="30m", ROLECALL_TOKENS__LEGACY__ALLOW_SHORT_SECRET="true",
    ) as server:
        preview = server.run("import", "users", str(users), "--add-roles", "--dry-run")
        assert preview.stdout.splitlines()[0].startswith("2 users could be imported"), preview.stderr
        result = server.run("import", "users", str(users), "--add-roles")
        page = (programs.ROOT / "docs" / "from-fastapi.md").read_text()
        assert result.returncode == 0 and result.stdout in page, (result.stdout, result.stderr)
        client = json.loads(server.check_output("client", "add", "items", "--grant", "client_credentials",
                                                "--role", "rolecall.resource-server", "--json"))

        def introspect(token):
            response = requests.post(f"{server.url}/introspect", data={"token": token},
                                   auth=(client["client_id"], client["client_secret"]))
            assert response.status_code == 200, response.text
            return response.json()

        for name, role in (("alice", "user"), ("root", "admin")):
            claims = introspect(tokens[name])
            assert claims["active"] and claims["username"] == name and claims["roles"] == [role], claims
            # the API of rolecall itself does not accept the old token
            assert requests.get(f"{server.url}/api/me", headers=api.bearer(tokens[name])).status_code == 401
        new = log_in(server.url, "alice")
        assert introspect(new)["roles"] == ["user"]
        assert requests.get(f"{server.url}/api/me", headers=api.bearer(new)).status_code == 200
        assert introspect(tokens["alice"])["active"], "the login ended the old session"
        server.check_output("user", "disable", "alice")
        assert introspect(tokens["alice"]) == {"active": False}
        assert introspect(tokens["root"])["active"], "disabling alice ended root's session"
        assert "legacy tokens are accepted" in server.log.read_text()


def test_the_page_needs_nothing_but_the_wheel(old, tmp_path):
    tokens, settings = old
    wheel = Path(programs.program("XTASK_WHEEL", "rolecall.whl"))
    folder = tmp_path / "moved"
    folder.mkdir()
    (folder / wheel.name).symlink_to(wheel)
    for file in (BEFORE / "export.py", settings["DATABASE"]):
        shutil.copy(file, folder)
    page = (programs.ROOT / "docs" / "from-fastapi.md").read_text()
    # with nothing but the wheel to install from
    assert tours.assert_output_matches(page, folder, PIP_NO_INDEX="1") == 7
    inside = folder / "venv" / "bin"
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    legacy = {"SECRET": SECRET, "UNTIL": until, "MAX_AGE": "30m", "ALLOW_SHORT_SECRET": "true"}
    settings = {f"ROLECALL_TOKENS__LEGACY__{name}": value for name, value in legacy.items()}
    with programs.Server([inside / "rolecall", "serve"], folder=folder, **settings) as server:
        client = json.loads(server.check_output("client", "add", "items", "--grant", "client_credentials",
                                                "--role", "rolecall.resource-server", "--json"))
        (snippet,) = tours.blocks(page, "python")
        program = f"""
            import json, sys, time
            ISSUER, CLIENT_ID, CLIENT_SECRET, *tokens = sys.argv[1:]
            exec({snippet!r})
            while guard.verify("a.b.c").status == 503:
                time.sleep(0.01)
            print(json.dumps([roles_of(token) for token in tokens]))
        """
        asked = [tokens["alice"], tokens["root"], log_in(server.url, "root"), access_tokens.tampered(tokens["root"])]
        result = subprocess.run([inside / "python", "-c", textwrap.dedent(program), server.url, client["client_id"],
                                 client["client_secret"], *asked], capture_output=True, text=True, timeout=60,
                                env=programs.environment(PYTHONPATH=str(with_requests(tmp_path / "packages"))))
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout) == [["user"], ["admin"], ["admin"], None]


def with_requests(folder):
    """A folder with `requests`, and nothing else of the environment of the tests."""
    folder.mkdir()
    for name in ("requests", "urllib3", "idna", "certifi", "charset_normalizer"):
        (folder / name).symlink_to(Path(importlib.util.find_spec(name).origin).parent)
    return folder
