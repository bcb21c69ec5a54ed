"""Roles with approval: one person requests the assignment, and a second one confirms it."""

import pytest

import api
from api import assert_problem

REQUESTS = "/api/assignment-requests"


@pytest.fixture
def role(admin):
    """A new role with approval for each test."""
    name = api.unique_name("role")
    created = admin.post("/api/roles", json={"name": name, "approval": True})
    assert created.status_code == 201 and created.json()["approval"] is True, created.text
    return name


@pytest.fixture
def second(dev, admin):
    """Another administrator."""
    account, password = api.register(dev.url)
    admin.put(f"/api/users/{account['id']}/roles/rolecall.admin").raise_for_status()
    return api.login(dev.url, account["username"], password)


def roles_of(bob):
    bob.log_in(bob.me["username"], bob.password)
    return bob.get("/api/me").json()["roles"]


def test_a_role_with_approval_is_assigned_only_once_a_second_person_confirms(admin, second, bob, role):
    path = f"/api/users/{bob.me['id']}/roles/{role}"
    requested = admin.put(path, json={"reason": "a project"})
    assert requested.status_code == 202, requested.text
    request, address = requested.json(), requested.headers["Location"]
    assert address == f"{REQUESTS}/{request['id']}"
    assert (request["subject"], request["kind"], request["role"]) == (bob.me["id"], "user", role)
    assert (request["tenant"], request["reason"]) == (None, "a project")
    assert second.get(address).json() == request
    assert request in second.get(REQUESTS).json()["items"]
    assert role not in roles_of(bob)
    body = assert_problem(admin.post(f"{address}/confirm"), 409)
    assert body["rule"] == "approval"
    assert bob.post(f"{address}/confirm").status_code == 403
    assert role not in roles_of(bob)
    assert second.post(f"{address}/confirm").status_code == 204
    assert role in roles_of(bob)
    assert_problem(second.post(f"{address}/confirm"), 404)


def test_a_deleted_request_cannot_be_confirmed(admin, second, bob, role):
    path = f"/api/users/{bob.me['id']}/roles/{role}"
    for caller in (admin, second):
        address = admin.put(path).headers["Location"]
        assert caller.delete(address).status_code == 204
        assert caller.delete(address).status_code == 204
        assert_problem(second.post(f"{address}/confirm"), 404)
    assert role not in roles_of(bob)


def test_inheritance_does_not_bypass_approval(admin, bob, role):
    senior = api.unique_name("role")
    admin.post("/api/roles", json={"name": senior}).raise_for_status()
    path = f"/api/users/{bob.me['id']}/roles/{senior}"
    assert admin.put(path).status_code == 204
    body = assert_problem(admin.put(f"/api/roles/{senior}/juniors/{role}"), 409)
    assert (body["rule"], body["roles"], body["path"]) == ("approval", [role], [senior, role])
    assert admin.delete(path).status_code == 204
    assert admin.put(f"/api/roles/{senior}/juniors/{role}").status_code == 204
    assert admin.put(path).status_code == 202
    assert admin.delete(path).status_code == 204
