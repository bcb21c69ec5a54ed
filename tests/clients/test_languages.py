"""The examples in other languages: 200, 401, 403, an expired token, keys that rotate."""

import json
import time
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import api
import programs
import services

ENDED, INVALID = api.ENDED, api.INVALID


KINDS = ["fastapi", "express"]


@pytest.fixture(scope="module", params=KINDS)
def service(request, dev):
    """A service that only verifies: what it learns of losses is tested in `test_losses.py`."""
    with getattr(services, request.param)(dev) as running:
        yield running


def is_refused(answer, status, detail, challenge):
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"] == detail
    assert answer.headers["WWW-Authenticate"] == challenge


def not_valid(answer, challenge=INVALID):
    is_refused(answer, 401, "Could not validate credentials", challenge)


def test_a_role_opens_its_route_and_no_other(admin, alice, service):
    assert service.get("/items/", admin.access_token).json() == [{"item_id": "Foo", "owner": "admin"}]
    alice = alice.access_token
    assert service.get("/users/", alice).json() == [{"username": "alice"}]
    is_refused(service.get("/items/", alice), 403, "Operation not permitted",
               'Bearer error="insufficient_scope", scope="role:admin"')


def test_without_a_token_nobody_is_known(service):
    is_refused(service.get("/items/"), 401, "Not authenticated", "Bearer")
    is_refused(service.get("/items/", Authorization="Basic YTpi"), 401, "Not authenticated", "Bearer")


def test_what_is_no_access_token_of_this_issuer_is_refused(admin, service):
    token = admin.access_token
    head, claims, signature = token.split(".")
    for bad in ("x", "a.b.c", f"{head}.{claims}.", token[:-6] + "AAAAAA", "x" * 9000,
                jwt.encode(jwt.decode(token, options={"verify_signature": False}), "k" * 32,
                           headers={"typ": "at+jwt"}),
                f"{jwt.utils.base64url_encode(json.dumps({'alg': 'none', 'typ': 'at+jwt'}).encode()).decode()}.{claims}."):
        not_valid(service.get("/items/", bad))
    with programs.dev() as other:
        stranger = api.logged_in(other.url, "admin").access_token
    not_valid(service.get("/items/", stranger))


def test_a_token_for_another_audience_is_refused(dev, admin, service):
    made = admin.post("/api/clients", json={
        "name": api.fresh("other"), "grants": ["client_credentials"],
        "audiences": [services.AUDIENCE], "roles": ["user"]}).json()
    answer = api.Caller(dev.url).post(
        "/token", data={"grant_type": "client_credentials"}, auth=(made["client_id"], made["client_secret"]))
    not_valid(service.get("/users/", answer.json()["access_token"]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_expired_token_has_ended(kind):
    with programs.dev(ROLECALL_TOKENS__ACCESS_TTL="2s") as issuer, getattr(services, kind)(issuer) as service:
        token = api.logged_in(issuer.url, "admin").access_token
        exp = jwt.decode(token, options={"verify_signature": False})["exp"]
        assert service.get("/items/", token).status_code == 200
        (answer,), _ = services.within(10, lambda: refusal(service.get("/items/", token)))
        assert exp <= time.time() < exp + 2
        not_valid(answer, ENDED)


def refusal(answer):
    return None if answer.status_code == 200 else [answer]


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_that_starts_before_its_issuer_says_so_and_recovers(kind, tmp_path):
    port = programs.free_port()
    absent = SimpleNamespace(url=f"http://127.0.0.1:{port}", folder=tmp_path)
    with getattr(services, kind)(absent) as service:
        key = ec.generate_private_key(ec.SECP256R1())
        token = jwt.encode({"sub": "x"}, key, "ES256", headers={"typ": "at+jwt", "kid": "k"})
        answer = service.get("/items/", token)
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
        with programs.Server([programs.rolecall(), "dev"], port=port) as issuer:
            token = api.logged_in(issuer.url, "admin").access_token
            services.within(10, lambda: service.get("/items/", token).status_code == 200)
        # and goes on with the keys that it has
        assert service.get("/items/", token).status_code == 200
