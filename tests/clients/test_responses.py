"""Responses to errors: status, `detail` and `WWW-Authenticate`."""

import pytest
import requests

import api
import programs
from api import assert_invalid, assert_oauth_error, assert_problem, raw_request
from programs import PASS_PHRASE


def test_a_missing_token_is_401_without_an_error_code(anonymous):
    assert_problem(anonymous.get("/api/me"), 401, "Not authenticated", "Bearer")
    assert_problem(anonymous.get("/items/"), 401, "Not authenticated", "Bearer")
    basic = requests.get(f"{anonymous.url}/api/me", auth=("alice", "yourpassword"), timeout=30)
    assert_problem(basic, 401, "Not authenticated", "Bearer")


def test_an_invalid_token_is_401(anonymous):
    anonymous.use_token("not-a-token")
    api.assert_invalid_token(anonymous.get("/api/me"))


def test_a_revoked_token_is_401_with_a_hint_to_refresh(bob, admin):
    assert admin.delete(f"/api/users/{bob.me['id']}/roles/user").status_code == 204
    api.assert_ended(bob.get("/api/me"))


def test_two_credentials_are_400(bob):
    headers = [("Authorization", f"Bearer {bob.access_token}")] * 2
    response = raw_request(bob.url, "GET", "/api/me", headers)
    assert response.status == 400, response.text
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_request"'
    assert '"Send one credential"' in response.text


def test_a_missing_role_or_permission_is_403_and_named(alice, bob, admin):
    api.assert_forbidden(alice.get("/items/"), "role:admin")
    api.assert_forbidden(alice.get("/api/users"), "rolecall.users:read")
    api.assert_forbidden(admin.get("/users/"), "role:user")


def test_each_route_of_the_tutorial_admits_its_role(admin, alice):
    assert admin.get("/items/").json() == [{"item_id": "Foo", "owner": "admin"}]
    assert alice.get("/users/").json() == [{"username": "alice"}]


def test_a_required_password_change_is_revealed_only_with_the_password(admin, bob, anonymous):
    path = f"/api/users/{bob.me['id']}"
    changed = admin.patch(path, json={"status": "password_change_required"})
    assert changed.status_code == 200, changed.text
    name = bob.me["username"]
    assert_oauth_error(anonymous.token(name, bob.password), 400, "invalid_grant", "Password change required")
    api.assert_wrong_password(anonymous.token(name, "wrong"))
    body = {"username": name, "current_password": bob.password, "new_password": "quite another phrase"}
    assert anonymous.post("/password", json=body).status_code == 204
    assert anonymous.token(name, "quite another phrase").status_code == 200
    assert anonymous.token(name, bob.password).status_code == 401


def test_logging_in_as_a_disabled_user_looks_like_a_wrong_password(admin, bob, anonymous):
    admin.patch(f"/api/users/{bob.me['id']}", json={"status": "disabled"}).raise_for_status()
    api.assert_ended(bob.get("/api/me"))
    api.assert_wrong_password(anonymous.token(bob.me["username"], bob.password))


def test_a_failed_password_change_looks_like_a_failed_login(anonymous, bob):
    body = {"username": bob.me["username"], "current_password": "wrong", "new_password": "x" * 20}
    api.assert_wrong_password(anonymous.post("/password", json=body))


@pytest.mark.parametrize("body, location", [
    ({"password": PASS_PHRASE}, ["body", "username"]),
    ({"username": "Someone-New"}, ["body", "password"]),
    ({"username": "someone-new", "password": "short"}, ["body", "password"]),
    ({"username": "someone-new", "password": "password1234"}, ["body", "password"]),
    ({"username": "someone-new", "password": "x" * 257}, ["body", "password"]),
    ({"username": "someone-new", "password": 5}, ["body", "password"]),
    ({"username": "", "password": PASS_PHRASE}, ["body", "username"]),
    ({"username": "someone-new", "password": PASS_PHRASE, "role": "admin"},
     ["body", "role"]),
])
def test_an_invalid_body_is_422_and_names_the_member(anonymous, body, location):
    assert_invalid(anonymous.post("/register", json=body), location)


def test_an_unreadable_body_is_refused(anonymous):
    json_type = {"Content-Type": "application/json"}
    assert_problem(anonymous.post("/register", data="{", headers=json_type), 400)
    assert_problem(anonymous.post("/register", data="{}", headers={"Content-Type": "text/plain"}), 415)
    large = '{"username": "' + "x" * 70_000 + '"}'
    assert_problem(anonymous.post("/register", data=large, headers=json_type), 413)


def test_a_missing_body_counts_as_an_empty_one(anonymous):
    assert_invalid(anonymous.post("/register"), ["body", "username"])
    assert_invalid(anonymous.post("/register", json={"username": api.unique_name()}), ["body", "password"])


def test_an_unknown_path_is_404_and_a_wrong_method_is_405(admin, anonymous):
    assert anonymous.get("/no/such").status_code == 404
    response = admin.put("/api/me", json={})
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"] and "PATCH" in response.headers["Allow"]


@pytest.mark.parametrize("query, location", [
    ("limit=0", ["query", "limit"]),
    ("limit=201", ["query", "limit"]),
    ("limit=many", ["query", "limit"]),
    ("colour=blue", ["query", "colour"]),
    ("cursor=nonsense", ["query", "cursor"]),
])
def test_an_invalid_parameter_is_422_and_named(admin, query, location):
    assert_invalid(admin.get(f"/api/users?{query}"), location)


def test_registration_is_closed_by_default():
    with programs.serve() as server:
        body = {"username": "mallory", "password": PASS_PHRASE}
        response = requests.post(f"{server.url}/register", json=body, timeout=30)
        assert_problem(response, 403, "Registration is closed")


def test_health_is_public(anonymous):
    assert anonymous.get("/health/live").status_code == 200
    assert anonymous.get("/health/ready").status_code == 200


def test_other_origins_are_not_allowed(server):
    response = requests.get(
        f"{server.url}/api/me", headers={"Origin": "https://evil.example"}, timeout=30)
    assert "Access-Control-Allow-Origin" not in response.headers
