"""Roles that two people give: who asks, who confirms, and what nobody gets before."""

import pytest

import api
from api import is_problem

REQUESTS = "/api/assignment-requests"


@pytest.fixture
def role(admin):
    """A role of this test alone that a second person has to confirm."""
    name = api.fresh("role")
    made = admin.post("/api/roles", json={"name": name, "approval": True})
    assert made.status_code == 201 and made.json()["approval"] is True, made.text
    return name


@pytest.fixture
def second(dev, admin):
    """Another administrator."""
    account, password = api.register(dev.url)
    admin.put(f"/api/users/{account['id']}/roles/rolecall.admin").raise_for_status()
    return api.logged_in(dev.url, account["username"], password)


def roles_of(bob):
    bob.log_in(bob.me["username"], bob.password)
    return bob.get("/api/me").json()["roles"]


def test_a_role_that_two_give_is_not_had_before_the_second_confirms(admin, second, bob, role):
    path = f"/api/users/{bob.me['id']}/roles/{role}"
    asked = admin.put(path, json={"reason": "a project"})
    assert asked.status_code == 202, asked.text
    request, address = asked.json(), asked.headers["Location"]
    assert address == f"{REQUESTS}/{request['id']}"
    assert (request["subject"], request["kind"], request["role"]) == (bob.me["id"], "user", role)
    assert (request["tenant"], request["reason"]) == (None, "a project")
    assert second.get(address).json() == request
    assert request in second.get(REQUESTS).json()["items"]
    assert role not in roles_of(bob)
    body = is_problem(admin.post(f"{address}/confirm"), 409)
    assert body["rule"] == "approval"
    assert bob.post(f"{address}/confirm").status_code == 403
    assert role not in roles_of(bob)
    assert second.post(f"{address}/confirm").status_code == 204
    assert role in roles_of(bob)
    is_problem(second.post(f"{address}/confirm"), 404)


def test_a_request_that_was_ended_is_not_confirmed(admin, second, bob, role):
    path = f"/api/users/{bob.me['id']}/roles/{role}"
    for whoever in (admin, second):
        address = admin.put(path).headers["Location"]
        assert whoever.delete(address).status_code == 204
        assert whoever.delete(address).status_code == 204
        is_problem(second.post(f"{address}/confirm"), 404)
    assert role not in roles_of(bob)


def test_no_role_inherits_it_past_the_second_person(admin, bob, role):
    senior = api.fresh("role")
    admin.post("/api/roles", json={"name": senior}).raise_for_status()
    path = f"/api/users/{bob.me['id']}/roles/{senior}"
    assert admin.put(path).status_code == 204
    body = is_problem(admin.put(f"/api/roles/{senior}/juniors/{role}"), 409)
    assert (body["rule"], body["roles"], body["path"]) == ("approval", [role], [senior, role])
    assert admin.delete(path).status_code == 204
    assert admin.put(f"/api/roles/{senior}/juniors/{role}").status_code == 204
    assert admin.put(path).status_code == 202
    assert admin.delete(path).status_code == 204
