"""The two curl calls of the tutorial, unchanged, against the tutorial example."""

import base64
import json
import re
import shlex
import subprocess

import pytest

import programs
from programs import wait_until

LOGIN = """curl -X POST "http://127.0.0.1:8000/token" \
-H "accept: application/json" -H "Content-Type: application/x-www-form-urlencoded" \
-d "grant_type=password&username=admin&password=yourpassword\""""
GET = """curl -X GET "http://127.0.0.1:8000{path}" \
-H "accept: application/json" -H "Authorization: Bearer {token}\""""


@pytest.fixture(scope="module", autouse=True)
def tutorial():
    with programs.tutorial_server() as server:
        yield server


def curl(command):
    """Runs a call and returns the status and the body."""
    words = shlex.split(command)
    words[0] = programs.program("XTASK_CURL", "curl")
    result = subprocess.run(
        [*words, "--silent", "--show-error", "--write-out", "\n%{http_code}"],
        capture_output=True, text=True, timeout=60, check=True)
    body, status = result.stdout.rsplit("\n", 1)
    return int(status), body


def log_in(command=LOGIN):
    status, body = curl(command)
    assert status == 200, body
    response = json.loads(body)
    assert response["token_type"] == "bearer"
    return response["access_token"]


def test_the_tutorials_two_calls_work():
    token = log_in()
    assert curl(GET.format(path="/items/", token=token)) == (
        200, '[{"item_id":"Foo","owner":"admin"}]')


def test_alice_may_read_users_but_not_items():
    token = log_in(LOGIN.replace("username=admin", "username=alice"))
    assert curl(GET.format(path="/users/", token=token)) == (
        200, '[{"username":"alice"}]')
    status, body = curl(GET.format(path="/items/", token=token))
    assert (status, json.loads(body)["detail"]) == (403, "Operation not permitted")


def test_the_admin_role_of_the_application_does_not_administer_accounts():
    status, body = curl(GET.format(path="/api/users", token=log_in()))
    assert (status, json.loads(body)["detail"]) == (403, "Operation not permitted")


def test_the_tutorial_takes_the_next_port_beside_another_program(tmp_path):
    second = subprocess.Popen([programs.tutorial()], cwd=tmp_path, env=programs.environment(), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for line in second.stdout:
            found = re.search(r"Listening on (http://127\.0\.0\.1:(\d+)) ", line)
            if found:
                break
        else:
            raise AssertionError("no address was printed")
        url, port = found[1], int(found[2])
        assert port != programs.TUTORIAL_PORT
        log_in = LOGIN.replace("http://127.0.0.1:8000", url)
        wait_until(30, lambda: programs.listens(port))
        status, body = curl(log_in)
        assert status == 200, body
        token = json.loads(body)["access_token"]
        # the tokens are the second program's own
        assert json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["iss"] == url
        items = GET.format(path="/items/", token=token)
        assert curl(items)[0] == 401
        assert curl(items.replace("http://127.0.0.1:8000", url))[0] == 200
    finally:
        second.kill()
        second.wait()


def test_an_error_of_the_tutorial_is_a_sentence(tmp_path):
    (tmp_path / "rolecall-data").write_text("a file where the folder should be")
    failed = subprocess.run([programs.tutorial()], cwd=tmp_path, env=programs.environment(), text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert failed.returncode != 0
    assert failed.stderr.startswith("Error: ") and "rolecall-data" in failed.stderr, failed.stderr
    assert not re.search(r"[({]\s*\w+: |Os \{|Custom|Error\(", failed.stderr), failed.stderr


def test_a_wrong_password_gets_the_tutorials_response():
    status, body = curl(LOGIN.replace("yourpassword", "wrong"))
    assert (status, json.loads(body)["detail"]) == (401, "Incorrect username or password")
