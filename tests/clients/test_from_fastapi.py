"""The steps of docs/from-fastapi.md, with the application in examples/fastapi/before: nobody is logged out."""

import importlib.util
import json
import subprocess
import sys
import time

import pytest
import requests

import programs

BEFORE = programs.ROOT / "examples" / "fastapi" / "before"
PASSWORDS = {"alice": "the pass phrase of alice", "root": "the pass phrase of root"}
SECRET = "your-secret-key"


@pytest.fixture
def old(tmp_path):
    """The old application with two users, who are logged in: its address and their tokens."""
    for needed in ("bcrypt", "fastapi", "jwt", "python_multipart", "uvicorn"):
        if importlib.util.find_spec(needed) is None:
            programs.left_out(f"the Python package `{needed}` is not there")
    port = programs.free_port()
    url = f"http://127.0.0.1:{port}"
    settings = programs.environment(DATABASE=str(tmp_path / "users.db"), PYTHONDONTWRITEBYTECODE="1")
    with (tmp_path / "old.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "warning"],
            cwd=BEFORE, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(url, process, tmp_path / "old.log")
        tokens = {}
        for name, password in PASSWORDS.items():
            role = "admin" if name == "root" else "user"
            made = requests.post(f"{url}/register", data={"username": name, "password": password, "role": role})
            assert made.status_code == 201, made.text
            tokens[name] = log_in(url, name)
        assert requests.get(f"{url}/users/", headers=bearer(tokens["alice"])).status_code == 200
        yield tokens, settings
    finally:
        process.kill()
        process.wait()


def wait_for(url, process, log):
    began = time.perf_counter()
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            assert process.poll() is None and time.perf_counter() - began < 60, log.read_text()
            time.sleep(0.02)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def log_in(url, name):
    form = {"grant_type": "password", "username": name, "password": PASSWORDS[name]}
    answer = requests.post(f"{url}/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def test_nobody_is_logged_out_on_the_way_from_fastapi(old, tmp_path):
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
        look = server.run("import", "users", str(users), "--add-roles", "--dry-run")
        assert look.stdout.splitlines()[0].startswith("2 users could be imported"), look.stderr
        done = server.run("import", "users", str(users), "--add-roles")
        page = (programs.ROOT / "docs" / "from-fastapi.md").read_text()
        assert done.returncode == 0 and done.stdout in page, (done.stdout, done.stderr)
        made = server.run("client", "add", "items", "--grant", "client_credentials",
                          "--role", "rolecall.resource-server", "--json")
        assert made.returncode == 0, made.stderr
        client = json.loads(made.stdout)

        def introspect(token):
            answer = requests.post(f"{server.url}/introspect", data={"token": token},
                                   auth=(client["client_id"], client["client_secret"]))
            assert answer.status_code == 200, answer.text
            return answer.json()

        for name, role in (("alice", "user"), ("root", "admin")):
            seen = introspect(tokens[name])
            assert seen["active"] and seen["username"] == name and seen["roles"] == [role], seen
            # the old token opens nothing of rolecall's own
            assert requests.get(f"{server.url}/api/me", headers=bearer(tokens[name])).status_code == 401
        new = log_in(server.url, "alice")
        assert introspect(new)["roles"] == ["user"]
        assert requests.get(f"{server.url}/api/me", headers=bearer(new)).status_code == 200
        assert introspect(tokens["alice"])["active"], "a log-in ended the old session"
        disabled = server.run("user", "disable", "alice")
        assert disabled.returncode == 0, disabled.stderr
        assert introspect(tokens["alice"]) == {"active": False}
        assert introspect(tokens["root"])["active"], "somebody else's loss ended this session"
        assert "legacy tokens are accepted" in server.log.read_text()
