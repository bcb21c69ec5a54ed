"""The examples that are services of their own: 200, 401, 403, an expired token, keys that rotate.

What they learn of losses is tested in `test_losses.py`.
"""

import contextlib
import json
import threading
import time
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import api
import programs
import services

ENDED, INVALID = api.ENDED, api.INVALID


KINDS = ["fastapi", "express", "rust"]
# what is for the role `admin`
PATHS = {"fastapi": "/items/", "express": "/items/", "rust": "/admin"}
PASSWORD = "a long enough pass phrase"


@contextlib.contextmanager
def started(kind, issuer, client=None):
    with getattr(services, kind)(issuer, client) as running:
        running.path = PATHS[kind]
        yield running


@pytest.fixture(scope="module", params=KINDS)
def service(request, dev):
    """A service without a client of its own: it verifies, and nothing else."""
    with started(request.param, dev) as running:
        running.kind = request.param
        yield running


def is_refused(answer, status, detail, challenge):
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"] == detail
    assert answer.headers["WWW-Authenticate"] == challenge


def not_valid(answer, challenge=INVALID):
    is_refused(answer, 401, "Could not validate credentials", challenge)


def test_a_role_opens_its_route_and_no_other(admin, alice, service):
    assert service.get(service.path, admin.access_token).status_code == 200
    is_refused(service.get(service.path, alice.access_token), 403, "Operation not permitted",
               'Bearer error="insufficient_scope", scope="role:admin"')


def test_the_service_knows_who_calls(admin, alice, service):
    if service.kind == "rust":
        assert service.get("/me", alice.access_token).json()["roles"] == ["user"]
        return
    assert service.get("/items/", admin.access_token).json() == [{"item_id": "Foo", "owner": "admin"}]
    assert service.get("/users/", alice.access_token).json() == [{"username": "alice"}]


def test_without_a_token_nobody_is_known(service):
    is_refused(service.get(service.path), 401, "Not authenticated", "Bearer")
    is_refused(service.get(service.path, Authorization="Basic YTpi"), 401, "Not authenticated", "Bearer")


def test_what_is_no_access_token_of_this_issuer_is_refused(admin, service):
    token = admin.access_token
    head, claims, signature = token.split(".")
    for bad in ("x", "a.b.c", f"{head}.{claims}.", token[:-6] + "AAAAAA", "x" * 9000,
                jwt.encode(jwt.decode(token, options={"verify_signature": False}), "k" * 32,
                           headers={"typ": "at+jwt"}),
                f"{jwt.utils.base64url_encode(json.dumps({'alg': 'none', 'typ': 'at+jwt'}).encode()).decode()}.{claims}."):
        not_valid(service.get(service.path, bad))
    with programs.dev() as other:
        stranger = api.logged_in(other.url, "admin").access_token
    not_valid(service.get(service.path, stranger))


def test_a_token_for_another_audience_is_refused(dev, admin, service):
    made = admin.post("/api/clients", json={
        "name": api.fresh("other"), "grants": ["client_credentials"],
        "audiences": [services.AUDIENCE], "roles": ["admin"]}).json()
    answer = api.Caller(dev.url).post(
        "/token", data={"grant_type": "client_credentials"}, auth=(made["client_id"], made["client_secret"]))
    not_valid(service.get(service.path, answer.json()["access_token"]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_expired_token_has_ended(kind):
    with programs.dev(ROLECALL_TOKENS__ACCESS_TTL="2s") as issuer, started(kind, issuer) as service:
        token = api.logged_in(issuer.url, "admin").access_token
        exp = jwt.decode(token, options={"verify_signature": False})["exp"]
        assert service.get(service.path, token).status_code == 200
        (answer,), _ = services.within(10, lambda: refusal(service.get(service.path, token)))
        assert exp <= time.time() < exp + 2
        not_valid(answer, ENDED)


def refusal(answer):
    return None if answer.status_code == 200 else [answer]


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_that_starts_before_its_issuer_says_so_and_recovers(kind, tmp_path):
    port = programs.free_port()
    absent = SimpleNamespace(url=f"http://127.0.0.1:{port}", folder=tmp_path)
    with started(kind, absent) as service:
        key = ec.generate_private_key(ec.SECP256R1())
        token = jwt.encode({"sub": "x"}, key, "ES256", headers={"typ": "at+jwt", "kid": "k"})
        answer = service.get(service.path, token)
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
        with programs.Server([programs.rolecall(), "dev"], port=port) as issuer:
            token = api.logged_in(issuer.url, "admin").access_token
            services.within(10, lambda: service.get(service.path, token).status_code == 200)
        # and goes on with the keys that it has
        assert service.get(service.path, token).status_code == 200


class Callers(threading.Thread):
    """Calls again and again with every token that it was given; keeps what was refused."""

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service, self.tokens, self.answered, self.refused = service, [], [], []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            for token in list(self.tokens):
                answer = self.service.get(self.service.path, token)
                (self.answered if answer.status_code == 200 else self.refused).append((token, answer.text))

    def have_called(self, token, times):
        return self.refused or sum(one == token for one, _ in self.answered) >= times

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


@pytest.fixture(scope="module")
def rotating():
    """A server whose keys may be rotated and retired; `root` holds every role."""
    with programs.serve() as server:
        for command in (["role", "add", "admin"],
                        ["user", "add", "root", "--role", "rolecall.admin", "--role", "admin", "--password-stdin"]):
            made = server.run(*command, text=f"{PASSWORD}\n")
            assert made.returncode == 0, made.stderr
        yield server


@pytest.mark.parametrize("follows", [True, False], ids=["feed", "no feed"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_good_token_is_refused_while_keys_rotate(rotating, kind, follows):
    root = api.logged_in(rotating.url, "root", PASSWORD)
    client = root.post("/api/clients", json={
        "name": api.fresh("service"), "grants": ["client_credentials"], "roles": ["rolecall.resource-server"]}).json()
    with started(kind, rotating, client if follows else None) as service:
        old = root.access_token
        services.within(30, lambda: service.get(service.path, old).status_code == 200)
        with Callers(service) as callers:
            callers.tokens.append(old)
            services.within(30, lambda: callers.have_called(old, 5))
            # forced, since the other cases have rotated too; everybody here has loaded the next key
            assert root.post("/api/keys/rotate", json={"force": True}).status_code == 200
            new = api.logged_in(rotating.url, "root", PASSWORD).access_token
            callers.tokens.append(new)
            services.within(20, lambda: callers.have_called(new, 20))
        assert not callers.refused
        kids = [jwt.get_unverified_header(token)["kid"] for token in (old, new)]
        assert kids[0] != kids[1]
        if follows:
            retired = rotating.run("key", "retire", kids[0])
            assert retired.returncode == 0, retired.stderr
            services.within(5, lambda: refusal(service.get(service.path, old)))
            # 503 while the service asks once more whether it has missed a key
            services.within(20, lambda: service.get(service.path, old).status_code == 401)
            assert service.get(service.path, new).status_code == 200
