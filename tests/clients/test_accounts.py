"""Registration, the own account, and users in the hands of an administrator."""

import requests

import api
from api import is_problem, refuses

USER = {"id", "username", "email", "status", "roles", "created_at", "updated_at"}


def test_registering_gives_an_account_and_no_token(anyone):
    name = api.fresh()
    body = {"username": name.upper(), "password": "a long enough pass phrase", "email": "x@example.org"}
    answer = anyone.post("/register", json=body)
    assert answer.status_code == 201, answer.text
    user = answer.json()
    assert set(user) == USER
    assert answer.headers["Location"] == f"/api/users/{user['id']}"
    assert (user["username"], user["email"]) == (name, "x@example.org")
    assert (user["status"], user["roles"]) == ("active", ["user"])
    assert user["created_at"].endswith("Z") and "T" in user["created_at"]


def test_a_name_is_not_given_twice_in_whatever_case(anyone, bob):
    body = {"username": bob.me["username"].upper(), "password": "a long enough pass phrase"}
    is_problem(anyone.post("/register", json=body), 409)


def test_the_own_account_tells_roles_and_permissions(bob, admin):
    me = bob.get("/api/me").json()
    assert set(me) == USER | {"permissions", "tenant"}
    assert (me["id"], me["roles"], me["permissions"]) == (bob.me["id"], ["user"], [])
    assert "rolecall.users:write" in admin.get("/api/me").json()["permissions"]


def test_the_own_mail_address_can_be_changed_and_nothing_else(bob):
    answer = bob.patch("/api/me", json={"email": "new@example.org"})
    assert answer.status_code == 200, answer.text
    assert bob.get("/api/me").json()["email"] == "new@example.org"
    refuses(bob.patch("/api/me", json={"status": "active"}), ["body", "status"])
    refuses(bob.patch("/api/me", json={"username": "root"}), ["body", "username"])


def test_a_changed_password_ends_older_tokens(bob):
    old = bob.access_token
    body = {"current_password": bob.password, "new_password": "quite another phrase"}
    assert bob.put("/api/me/password", json=body).status_code == 204
    bob.carry(old)
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    assert bob.token(bob.me["username"], bob.password).status_code == 401
    bob.log_in(bob.me["username"], "quite another phrase")
    assert bob.get("/api/me").status_code == 200


def test_a_wrong_current_password_changes_nothing(bob):
    body = {"current_password": "wrong", "new_password": "quite another phrase"}
    refuses(bob.put("/api/me/password", json=body), ["body", "current_password"])
    assert bob.get("/api/me").status_code == 200
    assert bob.token(bob.me["username"], bob.password).status_code == 200


def test_an_administrator_makes_changes_and_deletes_a_user(admin):
    name = api.fresh()
    made = admin.post("/api/users", json={"username": name, "password": "a long enough pass phrase"})
    assert made.status_code == 201, made.text
    user = made.json()
    path = f"/api/users/{user['id']}"
    assert made.headers["Location"] == path
    assert admin.get(path).json()["username"] == name
    changed = admin.patch(path, json={"email": "e@example.org", "username": f"{name}-x"})
    assert changed.status_code == 200, changed.text
    assert admin.get(path).json()["email"] == "e@example.org"
    assert admin.get("/api/users", params={"username": f"{name}-x"}).json()["items"][0]["id"] == user["id"]
    assert admin.get("/api/users", params={"username": name}).json()["items"] == []
    token = api.logged_in(admin.url, f"{name}-x", "a long enough pass phrase")
    assert admin.delete(path).status_code == 204
    is_problem(token.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    is_problem(admin.get(path), 404)
    assert admin.delete(path).status_code == 204, "deleting is idempotent"
    assert anyone_can_have(admin.url, f"{name}-x")


def anyone_can_have(url, name):
    """The name of a deleted user is free again; the id never is."""
    body = {"username": name, "password": "a long enough pass phrase"}
    return requests.post(f"{url}/register", json=body, timeout=30).status_code == 201


def test_a_user_without_a_password_gets_in_by_the_reset_code_alone(admin, anyone):
    name = api.fresh()
    made = admin.post("/api/users", json={"username": name})
    assert made.status_code == 201, made.text
    code = made.json()["reset_code"]
    assert "reset_code" not in admin.get(made.headers["Location"]).json()
    body = {"username": name, "current_password": code, "new_password": "a long enough pass phrase"}
    assert anyone.post("/password", json=body).status_code == 204
    anyone.log_in(name, "a long enough pass phrase")
    body["new_password"] = "quite another phrase"
    assert anyone.post("/password", json=body).status_code == 401, "a code works once"


def test_a_reset_ends_password_and_sessions_at_once(admin, bob, anyone):
    answer = admin.post(f"/api/users/{bob.me['id']}/reset")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"reset_code", "expires_at"}
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    assert anyone.token(bob.me["username"], bob.password).status_code in (400, 401)
    body = {"username": bob.me["username"], "current_password": answer.json()["reset_code"],
            "new_password": "quite another phrase"}
    assert anyone.post("/password", json=body).status_code == 204
    anyone.log_in(bob.me["username"], "quite another phrase")


def test_pages_hold_everybody_once(admin, bob):
    everybody, cursor, pages = [], None, 0
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/api/users", params=params).json()
        assert set(page) == {"items", "next_cursor"} and len(page["items"]) <= 3
        everybody += [user["id"] for user in page["items"]]
        pages, cursor = pages + 1, page["next_cursor"]
        if cursor is None:
            break
    assert pages > 1
    assert len(everybody) == len(set(everybody))
    assert bob.me["id"] in everybody


def test_a_search_finds_a_part_of_the_name(admin, bob):
    part = bob.me["username"][2:-1]
    found = admin.get("/api/users", params={"q": part}).json()["items"]
    assert [user["id"] for user in found] == [bob.me["id"]]
    assert admin.get("/api/users", params={"username": part}).json()["items"] == []
    assert admin.get("/api/users", params={"q": "%"}).json()["items"] == []


def test_an_id_that_nobody_has_is_404(admin):
    is_problem(admin.get("/api/users/nobody"), 404)
    is_problem(admin.patch("/api/users/nobody", json={}), 404)
    is_problem(admin.post("/api/users/nobody/reset"), 404)
