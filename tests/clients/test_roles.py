"""Roles, permissions, who holds them, and how fast they are lost."""

import time

import pytest

import api
from api import is_problem, refuses


@pytest.fixture
def role(admin):
    """An empty role of this test alone."""
    name = api.fresh("role")
    made = admin.post("/api/roles", json={"name": name, "description": "for a test"})
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"/api/roles/{name}"
    return name


@pytest.fixture
def permission(admin):
    """A permission of this test alone."""
    name = f"{api.fresh('object')}:read"
    made = admin.post("/api/permissions", json={"name": name})
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"/api/permissions/{name}"
    return name


def roles_path(bob, role=""):
    return f"/api/users/{bob.me['id']}/roles" + (f"/{role}" if role else "")


def again(bob):
    bob.log_in(bob.me["username"], bob.password)
    return bob.get("/api/me").json()


def test_a_role_that_was_given_works_from_the_next_log_in(admin, bob, role, permission):
    assert admin.put(f"/api/roles/{role}/permissions/{permission}").status_code == 204
    assert admin.put(roles_path(bob, role), json={"reason": "test"}).status_code == 204
    assert bob.get("/api/me").status_code == 200, "a gain ends no token"
    me = again(bob)
    assert (sorted(me["roles"]), me["permissions"]) == (sorted([role, "user"]), [permission])


def test_a_role_taken_away_is_refused_by_the_next_request(admin, bob, role):
    admin.put(roles_path(bob, role)).raise_for_status()
    again(bob)
    assert admin.delete(roles_path(bob, role)).status_code == 204
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    assert again(bob)["roles"] == ["user"]


def test_changes_of_a_relation_can_be_repeated(admin, bob, role, permission):
    for path in (roles_path(bob, role), f"/api/roles/{role}/permissions/{permission}"):
        assert [admin.put(path).status_code for _ in range(2)] == [204, 204]
        assert [admin.delete(path).status_code for _ in range(2)] == [204, 204]


def test_a_deletion_needs_the_parents_and_not_the_last_element(admin, bob, role):
    assert admin.delete(roles_path(bob, "no-such-role")).status_code == 204
    assert admin.delete(f"/api/roles/{role}/permissions/no:such").status_code == 204
    assert admin.delete(f"/api/roles/{role}/juniors/no-such-role").status_code == 204
    assert admin.delete("/api/roles/no-such-role").status_code == 204
    assert admin.delete("/api/permissions/no:such").status_code == 204
    is_problem(admin.delete("/api/users/nobody/roles/user"), 404)
    is_problem(admin.delete("/api/roles/no-such-role/permissions/no:such"), 404)


def test_what_does_not_exist_cannot_be_given(admin, bob, role):
    is_problem(admin.put(roles_path(bob, "no-such-role")), 404)
    is_problem(admin.put("/api/users/nobody/roles/user"), 404)
    is_problem(admin.put(f"/api/roles/{role}/permissions/no:such"), 404)
    is_problem(admin.put(f"/api/roles/{role}/juniors/no-such-role"), 404)


def test_a_wildcard_needs_a_permission_of_its_object(admin, bob, role, permission):
    wildcard = permission.replace(":read", ":*")
    assert admin.put(f"/api/roles/{role}/permissions/nothing:*").status_code in (404, 409)
    assert admin.put(f"/api/roles/{role}/permissions/{wildcard}").status_code == 204
    admin.put(roles_path(bob, role)).raise_for_status()
    assert again(bob)["permissions"] == [permission], "expanded, never as a wildcard"


def test_assignments_are_listed(admin, bob, role):
    admin.put(roles_path(bob, role), json={"reason": "covers a holiday"}).raise_for_status()
    items = admin.get(roles_path(bob)).json()["items"]
    given = {item["role"]: item for item in items}
    assert set(given) == {"user", role}
    assert given[role]["reason"] == "covers a holiday"


def test_a_senior_role_inherits_and_loses_what_its_junior_holds(admin, bob, role, permission):
    senior = api.fresh("senior")
    admin.post("/api/roles", json={"name": senior}).raise_for_status()
    admin.put(f"/api/roles/{role}/permissions/{permission}").raise_for_status()
    assert admin.put(f"/api/roles/{senior}/juniors/{role}").status_code == 204
    admin.put(roles_path(bob, senior)).raise_for_status()
    assert again(bob)["permissions"] == [permission]
    assert admin.delete(f"/api/roles/{senior}/juniors/{role}").status_code == 204
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    assert again(bob)["permissions"] == []


def test_a_cycle_is_refused_and_its_path_is_named(admin, role):
    junior = api.fresh("junior")
    admin.post("/api/roles", json={"name": junior}).raise_for_status()
    admin.put(f"/api/roles/{role}/juniors/{junior}").raise_for_status()
    body = is_problem(admin.put(f"/api/roles/{junior}/juniors/{role}"), 409)
    assert role in str(body["path"]) and junior in str(body["path"])
    is_problem(admin.put(f"/api/roles/{role}/juniors/{role}"), 409)


def test_names_are_unique_well_formed_and_not_ours(admin, role, permission):
    is_problem(admin.post("/api/roles", json={"name": role}), 409)
    is_problem(admin.post("/api/permissions", json={"name": permission}), 409)
    for name in ("Admin", "with space", "", "-x", "x" * 65, "rolecall.mine"):
        refuses(admin.post("/api/roles", json={"name": name}), ["body", "name"])
    for name in ("items", "items:", "items:*", "role:admin", "rolecall.users:fly", "a:b:c"):
        refuses(admin.post("/api/permissions", json={"name": name}), ["body", "name"])


def test_the_built_in_roles_stay_as_they_are(admin):
    is_problem(admin.delete("/api/roles/rolecall.admin"), 409)
    is_problem(admin.delete("/api/roles/user"), 409)
    is_problem(admin.delete("/api/roles/rolecall.admin/permissions/rolecall.users:read"), 409)
    is_problem(admin.put("/api/roles/rolecall.admin/juniors/user"), 409)


def test_a_permission_in_use_is_not_deleted(admin, role, permission):
    admin.put(f"/api/roles/{role}/permissions/{permission}").raise_for_status()
    is_problem(admin.delete(f"/api/permissions/{permission}"), 409)
    admin.delete(f"/api/roles/{role}/permissions/{permission}").raise_for_status()
    assert admin.delete(f"/api/permissions/{permission}").status_code == 204


def test_deleting_a_role_takes_it_from_everybody(admin, bob, role):
    admin.put(roles_path(bob, role)).raise_for_status()
    again(bob)
    assert admin.delete(f"/api/roles/{role}").status_code == 204
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    is_problem(admin.get(f"/api/roles/{role}"), 404)
    assert again(bob)["roles"] == ["user"]


def test_roles_and_permissions_are_listed_by_page(admin, role, permission):
    assert set(admin.get("/api/roles", params={"limit": 1}).json()) == {"items", "next_cursor"}
    names = {item["name"] for item in admin.get("/api/roles", params={"limit": 200}).json()["items"]}
    assert {role, "user", "rolecall.admin"} <= names
    answer = admin.get("/api/permissions", params={"limit": 200}).json()
    assert permission in {item["name"] for item in answer["items"]}
    changed = admin.patch(f"/api/roles/{role}", json={"description": "changed"})
    assert changed.status_code == 200, changed.text
    assert admin.get(f"/api/roles/{role}").json()["description"] == "changed"


def test_nobody_hands_on_more_than_they_hold(admin, bob, role):
    for permission in ("rolecall.assignments:write", "rolecall.roles:write", "rolecall.users:write"):
        admin.put(f"/api/roles/{role}/permissions/{permission}").raise_for_status()
    admin.put(roles_path(bob, role)).raise_for_status()
    again(bob)
    answer = bob.put(roles_path(bob, "rolecall.admin"))
    body = is_problem(
        answer, 403, challenge=answer.headers.get("WWW-Authenticate"))
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="insufficient_scope"')
    assert body["detail"] == "Operation not permitted"
    assert bob.put(f"/api/roles/{role}/permissions/rolecall.keys:rotate").status_code == 403
    me = admin.get("/api/me").json()
    assert bob.post(f"/api/users/{me['id']}/reset").status_code == 403
    assert bob.delete(f"/api/users/{me['id']}").status_code == 403
    other = api.register(bob.url)[0]
    assert bob.put(f"/api/users/{other['id']}/roles/{role}").status_code == 204


def test_a_short_assignment_shortens_the_token(admin, bob, role):
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300))
    admin.put(roles_path(bob, role), json={"expires_at": expires}).raise_for_status()
    body = bob.log_in(bob.me["username"], bob.password)
    assert 240 <= body["expires_in"] <= 300


def test_the_last_administrator_stays(served):
    root = api.logged_in(served.url, "root", "a long enough pass phrase")
    me = root.get("/api/me").json()
    is_problem(root.delete(f"/api/users/{me['id']}/roles/rolecall.admin"), 409)
    is_problem(root.patch(f"/api/users/{me['id']}", json={"status": "disabled"}), 409)
    is_problem(root.delete(f"/api/users/{me['id']}"), 409)
    assert root.get("/api/users").status_code == 200


def test_the_command_line_takes_a_role_away_within_a_second(served):
    name = api.register(served.url)[0]["username"]
    granted = served.run("assign", name, "rolecall.admin")
    assert granted.returncode == 0, granted.stderr
    caller = api.logged_in(served.url, name, "a long enough pass phrase")
    assert caller.get("/api/users").status_code == 200
    taken = served.run("unassign", name, "rolecall.admin")
    returned = time.monotonic()
    assert taken.returncode == 0, taken.stderr
    while (answer := caller.get("/api/users")).status_code == 200:
        assert time.monotonic() - returned < 1, "still let in a second after the loss"
        time.sleep(0.01)
    print(f"refused {time.monotonic() - returned:.3f} s after the command returned")
    is_problem(answer, 401, "Could not validate credentials", api.ENDED)
    caller.log_in(name, "a long enough pass phrase")
    challenge = 'Bearer error="insufficient_scope", scope="rolecall.users:read"'
    is_problem(caller.get("/api/users"), 403, "Operation not permitted", challenge)


def test_a_role_within_a_tenant_counts_in_tokens_for_it_and_in_no_other(admin, bob, role, permission):
    assert admin.put(f"/api/roles/{role}/permissions/{permission}").status_code == 204
    tenant, path = api.fresh("tenant"), roles_path(bob, role)
    api.is_oauth_error(bob.token(bob.me["username"], bob.password, tenant=tenant), 400, "invalid_scope")
    assert admin.put(f"{path}?tenant={tenant}").status_code == 204
    listed = admin.get(roles_path(bob), params={"tenant": tenant}).json()["items"]
    assert [(one["role"], one["tenant"], one["id"]) for one in listed] == [(role, tenant, f"{path}?tenant={tenant}")]
    there = bob.log_in(bob.me["username"], bob.password, tenant=tenant)
    assert (there["tenant"], there["scope"]) == (tenant, permission)
    me = bob.get("/api/me").json()
    assert (sorted(me["roles"]), me["tenant"]) == (sorted([role, "user"]), tenant)
    assert admin.delete(listed[0]["id"]).status_code == 204
    is_problem(bob.get("/api/me"), 401, "Could not validate credentials", api.ENDED)
    assert again(bob)["tenant"] is None


def test_an_empty_tenant_is_not_taken_for_none(admin, bob):
    for tenant in ("", "ACME", "acme/..", "%00"):
        refuses(admin.put(f"{roles_path(bob, 'user')}?tenant={tenant}"), ["query", "tenant"])
        refuses(admin.delete(f"{roles_path(bob, 'user')}?tenant={tenant}"), ["query", "tenant"])
