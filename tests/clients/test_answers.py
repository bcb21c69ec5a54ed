"""Every row of the table of answers: status, `detail` and `WWW-Authenticate`."""

import pytest
import requests

import api
import programs
from api import is_oauth_error, is_problem, raw_request, refuses


def test_no_token_is_401_and_names_no_error(anyone):
    is_problem(anyone.get("/api/me"), 401, "Not authenticated", "Bearer")
    is_problem(anyone.get("/items/"), 401, "Not authenticated", "Bearer")
    basic = requests.get(f"{anyone.url}/api/me", auth=("alice", "yourpassword"), timeout=30)
    is_problem(basic, 401, "Not authenticated", "Bearer")


def test_a_token_that_is_not_valid_is_401(anyone):
    anyone.carry("not-a-token")
    is_problem(anyone.get("/api/me"), 401, "Could not validate credentials", api.INVALID)


def test_a_token_that_has_ended_is_401_and_says_refresh(bob, admin):
    assert admin.delete(f"/api/users/{bob.me['id']}/roles/user").status_code == 204
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)


def test_two_credentials_are_400(bob):
    twice = [("Authorization", f"Bearer {bob.access_token}")] * 2
    answer = raw_request(bob.url, "GET", "/api/me", twice)
    assert answer.status == 400, answer.text
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_request"'
    assert '"Send one credential"' in answer.text


def test_a_lacking_role_or_permission_is_403_and_names_it(alice, bob, admin):
    challenge = 'Bearer error="insufficient_scope", scope="role:admin"'
    is_problem(alice.get("/items/"), 403, "Operation not permitted", challenge)
    challenge = 'Bearer error="insufficient_scope", scope="rolecall.users:read"'
    is_problem(alice.get("/api/users"), 403, "Operation not permitted", challenge)
    challenge = 'Bearer error="insufficient_scope", scope="role:user"'
    is_problem(admin.get("/users/"), 403, "Operation not permitted", challenge)


def test_the_tutorials_routes_let_in_whom_they_should(admin, alice):
    assert admin.get("/items/").json() == [{"item_id": "Foo", "owner": "admin"}]
    assert alice.get("/users/").json() == [{"username": "alice"}]


def test_a_forced_change_is_400_and_tells_nothing_to_a_guesser(admin, bob, anyone):
    path = f"/api/users/{bob.me['id']}"
    changed = admin.patch(path, json={"status": "password_change_required"})
    assert changed.status_code == 200, changed.text
    name = bob.me["username"]
    is_oauth_error(anyone.token(name, bob.password), 400, "invalid_grant", "Password change required")
    is_oauth_error(anyone.token(name, "wrong"), 401, "invalid_grant",
                   "Incorrect username or password", "Bearer")
    body = {"username": name, "current_password": bob.password, "new_password": "quite another phrase"}
    assert anyone.post("/password", json=body).status_code == 204
    assert anyone.token(name, "quite another phrase").status_code == 200
    assert anyone.token(name, bob.password).status_code == 401


def test_a_disabled_user_is_answered_as_a_wrong_password(admin, bob, anyone):
    admin.patch(f"/api/users/{bob.me['id']}", json={"status": "disabled"}).raise_for_status()
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    is_oauth_error(anyone.token(bob.me["username"], bob.password), 401, "invalid_grant",
                   "Incorrect username or password", "Bearer")


def test_a_failed_password_change_is_answered_as_a_failed_log_in(anyone, bob):
    body = {"username": bob.me["username"], "current_password": "wrong", "new_password": "x" * 20}
    is_oauth_error(anyone.post("/password", json=body), 401, "invalid_grant",
                   "Incorrect username or password", "Bearer")


@pytest.mark.parametrize("body, location", [
    ({"password": "a long enough pass phrase"}, ["body", "username"]),
    ({"username": "Someone-New"}, ["body", "password"]),
    ({"username": "someone-new", "password": "short"}, ["body", "password"]),
    ({"username": "someone-new", "password": "password1234"}, ["body", "password"]),
    ({"username": "someone-new", "password": "x" * 257}, ["body", "password"]),
    ({"username": "someone-new", "password": 5}, ["body", "password"]),
    ({"username": "", "password": "a long enough pass phrase"}, ["body", "username"]),
    ({"username": "someone-new", "password": "a long enough pass phrase", "role": "admin"},
     ["body", "role"]),
])
def test_a_body_that_is_wrong_is_422_and_names_the_member(anyone, body, location):
    refuses(anyone.post("/register", json=body), location)


def test_a_body_that_cannot_be_read_says_so(anyone):
    json_type = {"Content-Type": "application/json"}
    is_problem(anyone.post("/register", data="{", headers=json_type), 400)
    is_problem(anyone.post("/register", data="{}", headers={"Content-Type": "text/plain"}), 415)
    large = '{"username": "' + "x" * 70_000 + '"}'
    is_problem(anyone.post("/register", data=large, headers=json_type), 413)


def test_an_absent_body_counts_as_an_empty_one(anyone):
    refuses(anyone.post("/register"), ["body", "username"])
    refuses(anyone.post("/register", json={"username": api.fresh()}), ["body", "password"])


def test_an_unknown_path_is_404_and_a_wrong_method_is_405(admin, anyone):
    assert anyone.get("/no/such").status_code == 404
    answer = admin.put("/api/me", json={})
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"] and "PATCH" in answer.headers["Allow"]


@pytest.mark.parametrize("query, location", [
    ("limit=0", ["query", "limit"]),
    ("limit=201", ["query", "limit"]),
    ("limit=many", ["query", "limit"]),
    ("colour=blue", ["query", "colour"]),
    ("cursor=nonsense", ["query", "cursor"]),
])
def test_a_parameter_that_is_wrong_is_422_and_is_named(admin, query, location):
    refuses(admin.get(f"/api/users?{query}"), location)


def test_registration_is_closed_unless_it_was_opened():
    with programs.serve() as server:
        body = {"username": "mallory", "password": "a long enough pass phrase"}
        answer = requests.post(f"{server.url}/register", json=body, timeout=30)
        is_problem(answer, 403, "Registration is closed")


def test_health_is_public(anyone):
    assert anyone.get("/health/live").status_code == 200
    assert anyone.get("/health/ready").status_code == 200


def test_other_origins_get_no_leave(served):
    answer = requests.get(
        f"{served.url}/api/me", headers={"Origin": "https://evil.example"}, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers
