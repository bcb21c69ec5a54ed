"""docs/other-languages.md: its programs verify tokens and refuse those that they should."""

import json
import os
import shutil
import subprocess
import time
from datetime import datetime, timedelta

import jwt
import jwt.api_jwt
import pytest

import access_tokens
import api
import builds
import oauth
import programs
import services
import tours

CLIENTS = programs.ROOT / "tests" / "clients"


def block(language, url, containing=""):
    """The only program in this language that contains a text, with the URL of the server under test."""
    (program,) = [text for text in tours.blocks(tours.page("docs/other-languages.md", url), language)
                  if containing in text]
    assert url in program
    return program


@pytest.fixture
def refused(admin, bob):
    """Tokens that every program must refuse: a tampered one, and one for another audience."""
    client = api.create_client(admin, audiences=[oauth.STOCK])
    return [access_tokens.tampered(bob.access_token), api.client_token(admin.url, client)]


@pytest.fixture
def python(bob):
    """The names that the Python program defines."""
    names = {}
    exec(block("python", bob.url), names)
    return names


def set_clock(monkeypatch, seconds):
    """Sets the clock of PyJWT and of the program ahead, or back if `seconds` is negative."""
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + timedelta(seconds=seconds)

    monkeypatch.setattr(jwt.api_jwt, "datetime", Clock)
    monkeypatch.setattr(time, "time", lambda: datetime.now().timestamp() + seconds)


def test_the_python_program_verifies_a_token_and_refuses_invalid_ones(python, admin, bob, refused):
    assert python["verify"](bob.access_token)["sub"] == bob.me["id"]
    assert python["may_read_items"](admin.access_token) is True
    assert python["may_read_items"](bob.access_token) is False
    for token in refused:
        with pytest.raises(jwt.InvalidTokenError):
            python["verify"](token)


@pytest.mark.parametrize("behind", [2, 5, 20])
def test_the_python_program_accepts_a_new_token_on_a_clock_that_is_behind(python, bob, monkeypatch, behind):
    token = bob.log_in(bob.me["username"], bob.password)["access_token"]
    set_clock(monkeypatch, -behind)
    assert python["verify"](token)["sub"] == bob.me["id"]


def test_the_python_program_accepts_no_token_after_its_end(python, bob, monkeypatch):
    lifetime = bob.log_in(bob.me["username"], bob.password)["expires_in"]
    set_clock(monkeypatch, lifetime - 60)
    assert python["verify"](bob.access_token)["sub"] == bob.me["id"]
    set_clock(monkeypatch, lifetime + 1)
    with pytest.raises(jwt.ExpiredSignatureError):
        python["verify"](bob.access_token)


def test_the_node_program_verifies_a_token_and_refuses_invalid_ones(bob, refused):
    node = programs.program("XTASK_NODE", "node")
    services.require_node_package("jose")
    script = block("js", bob.url) + "console.log(JSON.stringify(await verify(process.argv[1])));"

    def run(token):
        return subprocess.run(
            [node, "--input-type=module", "--eval", script, token],
            cwd=services.NODE, capture_output=True, text=True, timeout=60)

    verified = run(bob.access_token)
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["sub"] == bob.me["id"]
    for token in refused:
        assert run(token).returncode != 0


def assert_verifies(command, bob, refused):
    """Checks a program that prints the subject and the roles of each token, or `refused`."""
    result = subprocess.run([*command, bob.access_token, *refused], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [f"{bob.me['id']} user", *("refused" for _ in refused)], result.stderr


def test_the_go_program_verifies_a_token_and_refuses_invalid_ones(bob, refused, tmp_path):
    go = builds.optional_program("go")
    for name in ("go.mod", "go.sum", "main.go"):
        shutil.copy(CLIENTS / "go" / name, tmp_path)
    (tmp_path / "verify.go").write_text(block("go", bob.url))
    settings = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    builds.download(go, "mod", "download", cwd=tmp_path, env=settings)
    builds.build(go, "build", "-o", "verify", ".", cwd=tmp_path, env=settings)
    assert_verifies([tmp_path / "verify"], bob, refused)


@pytest.fixture(scope="module")
def java_libraries():
    builds.optional_program("java")
    builds.optional_program("javac")
    return builds.java_libraries(CLIENTS / "java" / "pom.xml", "java")


@pytest.mark.parametrize("library", ["nimbus", "spring"])
def test_a_java_program_verifies_a_token_and_refuses_invalid_ones(java_libraries, bob, refused, tmp_path, library):
    shutil.copy(CLIENTS / "java" / "Verify.java", tmp_path)
    for name in ("AccessTokens", "ResourceServer"):
        (tmp_path / f"{name}.java").write_text(block("java", bob.url, f"class {name}"))
    class_path = f"{tmp_path}{os.pathsep}{java_libraries}"
    builds.build("javac", "-cp", class_path, *tmp_path.glob("*.java"))
    assert_verifies(["java", "-cp", class_path, "Verify", library], bob, refused)
