"""The example services: 200, 401, 403, an expired token, and the rotation of keys.

`test_losses.py` tests how fast they learn of revocations.
"""

import contextlib
import threading
import time
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import access_tokens
import api
import programs
import services
from programs import PASS_PHRASE, wait_until

KINDS = ["fastapi", "express", "rust", "go", "spring"]
# a route of each service for the role `admin`
PATHS = {"fastapi": "/items/", "express": "/items/", "rust": "/admin", "go": "/items/",
         "spring": "/items/"}


@contextlib.contextmanager
def start(kind, issuer, client=None):
    with getattr(services, kind)(issuer, client) as running:
        running.path = PATHS[kind]
        yield running


@pytest.fixture(scope="module", params=KINDS)
def service(request, dev):
    """A service without a client: it verifies tokens, but does not follow the feed."""
    with start(request.param, dev) as running:
        running.kind = request.param
        yield running


def assert_refused(response, status, detail, challenge):
    assert response.status_code == status, response.text
    assert response.json()["detail"] == detail
    assert response.headers["WWW-Authenticate"] == challenge


def assert_invalid(response, challenge=api.INVALID):
    assert_refused(response, 401, "Could not validate credentials", challenge)


def test_a_role_admits_only_to_its_route(admin, alice, service):
    assert service.get(service.path, admin.access_token).status_code == 200
    assert_refused(service.get(service.path, alice.access_token), 403, "Operation not permitted",
               'Bearer error="insufficient_scope", scope="role:admin"')


def test_the_service_learns_the_identity_of_the_caller(admin, alice, service):
    if service.kind == "rust":
        assert service.get("/me", alice.access_token).json()["roles"] == ["user"]
        return
    assert service.get("/items/", admin.access_token).json() == [{"item_id": "Foo", "owner": "admin"}]
    assert service.get("/users/", alice.access_token).json() == [{"username": "alice"}]


def test_a_request_without_a_token_is_401(service):
    assert_refused(service.get(service.path), 401, "Not authenticated", "Bearer")
    assert_refused(service.get(service.path, Authorization="Basic YTpi"), 401, "Not authenticated", "Bearer")


def test_only_access_tokens_of_the_issuer_are_accepted(admin, service):
    token = admin.access_token
    head, claims, _ = token.split(".")
    signed_by_another_key = jwt.encode(access_tokens.claims_of(token), "k" * 32, headers={"typ": access_tokens.TYPE})
    for invalid in ("x", "a.b.c", f"{head}.{claims}.", "x" * 9000, signed_by_another_key,
                    access_tokens.tampered(token), access_tokens.unsigned(token)):
        assert_invalid(service.get(service.path, invalid))
    with programs.dev() as other:
        foreign = api.login(other.url, "admin").access_token
    assert_invalid(service.get(service.path, foreign))


def test_a_token_for_another_audience_is_refused(dev, admin, service):
    client = api.create_client(admin, audiences=[services.AUDIENCE], roles=["admin"])
    assert_invalid(service.get(service.path, api.client_token(dev.url, client)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_expired_token_is_refused_with_a_hint_to_refresh(kind):
    with programs.dev_with_short_tokens() as issuer, start(kind, issuer) as service:
        token = api.login(issuer.url, "admin").access_token
        exp = access_tokens.claims_of(token)["exp"]
        assert service.get(service.path, token).status_code == 200
        (response,) = wait_until(10, lambda: refusal(service.get(service.path, token)))
        assert exp <= time.time() < exp + 2
        assert_invalid(response, api.ENDED)


def refusal(response):
    """The response in a list if it is a refusal, since the response itself is false then."""
    return None if response.status_code == 200 else [response]


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_that_starts_before_its_issuer_is_503_until_it_recovers(kind, tmp_path):
    port = programs.free_port()
    absent = SimpleNamespace(url=f"http://127.0.0.1:{port}", folder=tmp_path)
    with start(kind, absent) as service:
        key = ec.generate_private_key(ec.SECP256R1())
        token = jwt.encode({"sub": "x"}, key, "ES256", headers={"typ": "at+jwt", "kid": "k"})
        response = service.get(service.path, token)
        assert response.status_code == 503 and response.headers["Retry-After"] == "1"
        with programs.Server([programs.rolecall(), "dev"], port=port) as issuer:
            token = api.login(issuer.url, "admin").access_token
            wait_until(10, lambda: service.get(service.path, token).status_code == 200)
        # the service continues with the keys that it has
        assert service.get(service.path, token).status_code == 200


class Callers(threading.Thread):
    """Calls the service with each of its tokens all the time, and records the refusals."""

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service, self.tokens, self.accepted, self.refused = service, [], [], []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            for token in list(self.tokens):
                response = self.service.get(self.service.path, token)
                (self.accepted if response.status_code == 200 else self.refused).append((token, response.text))

    def have_called(self, token, times):
        return self.refused or sum(used == token for used, _ in self.accepted) >= times

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()


@pytest.fixture(scope="module")
def rotating():
    """A server whose keys the tests rotate and retire; `root` has every role."""
    with programs.serve() as server:
        server.check_output("role", "add", "admin")
        server.add_administrator("root", "admin")
        yield server


@pytest.mark.parametrize("follows_feed", [True, False], ids=["feed", "no feed"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_valid_token_is_refused_while_keys_rotate(rotating, kind, follows_feed):
    root = api.login(rotating.url, "root", PASS_PHRASE)
    client = api.create_client(root, roles=["rolecall.resource-server"])
    with start(kind, rotating, client if follows_feed else None) as service:
        old = root.access_token
        wait_until(30, lambda: service.get(service.path, old).status_code == 200)
        with Callers(service) as callers:
            callers.tokens.append(old)
            wait_until(30, lambda: callers.have_called(old, 5))
            # forced, since the other cases have rotated too; the services have loaded the next key already
            api.rotate_key(root)
            new = api.login(rotating.url, "root", PASS_PHRASE).access_token
            callers.tokens.append(new)
            wait_until(20, lambda: callers.have_called(new, 20))
        assert not callers.refused
        kids = [access_tokens.header_of(token)["kid"] for token in (old, new)]
        assert kids[0] != kids[1]
        if follows_feed:
            rotating.check_output("key", "retire", kids[0])
            wait_until(5, lambda: refusal(service.get(service.path, old)))
            # 503 while the service loads the keys again, since it may have missed one
            wait_until(20, lambda: service.get(service.path, old).status_code == 401)
            assert service.get(service.path, new).status_code == 200
