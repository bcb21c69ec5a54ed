"""Registration, a user's own account, and the administration of users."""

import api
from api import assert_invalid, assert_problem
from programs import PASS_PHRASE

USER = {"id", "username", "email", "email_verified", "status", "roles", "created_at", "updated_at"}


def test_registration_creates_an_account_but_no_token(anonymous):
    name = api.unique_name()
    body = {"username": name.upper(), "password": PASS_PHRASE, "email": "x@example.org"}
    response = anonymous.post("/register", json=body)
    assert response.status_code == 201, response.text
    user = response.json()
    assert set(user) == USER
    assert response.headers["Location"] == f"/api/users/{user['id']}"
    assert (user["username"], user["email"]) == (name, "x@example.org")
    assert (user["status"], user["roles"]) == ("active", ["user"])
    assert user["created_at"].endswith("Z") and "T" in user["created_at"]


def test_a_username_is_unique_regardless_of_case(anonymous, bob):
    body = {"username": bob.me["username"].upper(), "password": PASS_PHRASE}
    assert_problem(anonymous.post("/register", json=body), 409)


def test_own_account_lists_roles_and_permissions(bob, admin):
    me = bob.get("/api/me").json()
    assert set(me) == USER | {"permissions", "tenant"}
    assert (me["id"], me["roles"], me["permissions"]) == (bob.me["id"], ["user"], [])
    assert "rolecall.users:write" in admin.get("/api/me").json()["permissions"]


def test_users_can_change_only_their_own_email(bob):
    response = bob.patch("/api/me", json={"email": "new@example.org"})
    assert response.status_code == 200, response.text
    assert bob.get("/api/me").json()["email"] == "new@example.org"
    assert_invalid(bob.patch("/api/me", json={"status": "active"}), ["body", "status"])
    assert_invalid(bob.patch("/api/me", json={"username": "root"}), ["body", "username"])


def test_changing_the_password_ends_older_tokens(bob):
    old_token = bob.access_token
    body = {"current_password": bob.password, "new_password": "quite another phrase"}
    assert bob.put("/api/me/password", json=body).status_code == 204
    bob.use_token(old_token)
    api.assert_ended(bob.get("/api/me"))
    assert bob.token(bob.me["username"], bob.password).status_code == 401
    bob.log_in(bob.me["username"], "quite another phrase")
    assert bob.get("/api/me").status_code == 200


def test_a_wrong_current_password_changes_nothing(bob):
    body = {"current_password": "wrong", "new_password": "quite another phrase"}
    assert_invalid(bob.put("/api/me/password", json=body), ["body", "current_password"])
    assert bob.get("/api/me").status_code == 200
    assert bob.token(bob.me["username"], bob.password).status_code == 200


def test_an_administrator_can_create_change_and_delete_a_user(admin):
    name = api.unique_name()
    created = admin.post("/api/users", json={"username": name, "password": PASS_PHRASE})
    assert created.status_code == 201, created.text
    user = created.json()
    path = f"/api/users/{user['id']}"
    assert created.headers["Location"] == path
    assert admin.get(path).json()["username"] == name
    changed = admin.patch(path, json={"email": "e@example.org", "username": f"{name}-x"})
    assert changed.status_code == 200, changed.text
    assert admin.get(path).json()["email"] == "e@example.org"
    assert admin.get("/api/users", params={"username": f"{name}-x"}).json()["items"][0]["id"] == user["id"]
    assert admin.get("/api/users", params={"username": name}).json()["items"] == []
    caller = api.login(admin.url, f"{name}-x", PASS_PHRASE)
    assert admin.delete(path).status_code == 204
    api.assert_ended(caller.get("/api/me"))
    assert_problem(admin.get(path), 404)
    assert admin.delete(path).status_code == 204, "deleting is idempotent"
    api.register(admin.url, f"{name}-x")  # the name is free again


def test_a_user_without_a_password_needs_the_reset_code(admin, anonymous):
    name = api.unique_name()
    created = admin.post("/api/users", json={"username": name})
    assert created.status_code == 201, created.text
    code = created.json()["reset_code"]
    assert "reset_code" not in admin.get(created.headers["Location"]).json()
    body = {"username": name, "current_password": code, "new_password": PASS_PHRASE}
    assert anonymous.post("/password", json=body).status_code == 204
    anonymous.log_in(name, PASS_PHRASE)
    body["new_password"] = "quite another phrase"
    assert anonymous.post("/password", json=body).status_code == 401, "a code works only once"


def test_a_reset_disables_the_password_and_ends_sessions_at_once(admin, bob, anonymous):
    response = admin.post(f"/api/users/{bob.me['id']}/reset")
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"reset_code", "expires_at"}
    api.assert_ended(bob.get("/api/me"))
    assert anonymous.token(bob.me["username"], bob.password).status_code in (400, 401)
    body = {"username": bob.me["username"], "current_password": response.json()["reset_code"],
            "new_password": "quite another phrase"}
    assert anonymous.post("/password", json=body).status_code == 204
    anonymous.log_in(bob.me["username"], "quite another phrase")


def test_each_user_is_on_exactly_one_page(admin, bob):
    ids, cursor, pages = [], None, 0
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/api/users", params=params).json()
        assert set(page) == {"items", "next_cursor"} and len(page["items"]) <= 3
        ids += [user["id"] for user in page["items"]]
        pages, cursor = pages + 1, page["next_cursor"]
        if cursor is None:
            break
    assert pages > 1
    assert len(ids) == len(set(ids))
    assert bob.me["id"] in ids


def test_users_can_be_found_by_part_of_the_name(admin, bob):
    part = bob.me["username"][2:-1]
    found = admin.get("/api/users", params={"q": part}).json()["items"]
    assert [user["id"] for user in found] == [bob.me["id"]]
    assert admin.get("/api/users", params={"username": part}).json()["items"] == []
    assert admin.get("/api/users", params={"q": "%"}).json()["items"] == []


def test_an_unknown_user_is_404(admin):
    assert_problem(admin.get("/api/users/nobody"), 404)
    assert_problem(admin.patch("/api/users/nobody", json={}), 404)
    assert_problem(admin.post("/api/users/nobody/reset"), 404)
