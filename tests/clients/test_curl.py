"""The tutorial's two calls, letter for letter, with the real curl against the tutorial example."""

import json
import shlex
import subprocess

import pytest

import programs

LOG_IN = """curl -X POST "http://127.0.0.1:8000/token" \
-H "accept: application/json" -H "Content-Type: application/x-www-form-urlencoded" \
-d "grant_type=password&username=admin&password=yourpassword\""""
GET = """curl -X GET "http://127.0.0.1:8000{path}" \
-H "accept: application/json" -H "Authorization: Bearer {token}\""""


@pytest.fixture(scope="module", autouse=True)
def tutorial():
    with programs.tutorial_server() as server:
        yield server


def curl(command):
    """Runs a call as it stands."""
    words = shlex.split(command)
    words[0] = programs.program("XTASK_CURL", "curl")
    done = subprocess.run(
        [*words, "--silent", "--show-error", "--write-out", "\n%{http_code}"],
        capture_output=True, text=True, timeout=60, check=True)
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


def log_in(command=LOG_IN):
    status, body = curl(command)
    assert status == 200, body
    answer = json.loads(body)
    assert answer["token_type"] == "bearer"
    return answer["access_token"]


def test_the_tutorials_two_calls_work():
    token = log_in()
    assert curl(GET.format(path="/items/", token=token)) == (
        200, '[{"item_id":"Foo","owner":"admin"}]')


def test_alice_sees_the_users_and_not_the_items():
    token = log_in(LOG_IN.replace("username=admin", "username=alice"))
    assert curl(GET.format(path="/users/", token=token)) == (
        200, '[{"username":"alice"}]')
    status, body = curl(GET.format(path="/items/", token=token))
    assert (status, json.loads(body)["detail"]) == (403, "Operation not permitted")


def test_the_admin_of_the_application_is_not_the_owner_of_the_accounts():
    status, body = curl(GET.format(path="/api/users", token=log_in()))
    assert (status, json.loads(body)["detail"]) == (403, "Operation not permitted")


def test_a_wrong_password_is_answered_as_in_the_tutorial():
    status, body = curl(LOG_IN.replace("yourpassword", "wrong"))
    assert (status, json.loads(body)["detail"]) == (401, "Incorrect username or password")
