"""A loss at the issuer is a refusal at the guard within a second, over a real connection."""

import time

import pytest
from conftest import until
from fastapi import FastAPI
from fastapi.testclient import TestClient
from issuer import Issuer

from rolecall import Guard
from rolecall.fastapi import protect, require
from rolecall.testing import TestIssuer


@pytest.mark.parametrize(
    ("kind", "key"), [("subject", "alice"), ("client", "rolecall"), ("role", "admin"), ("sid", "session-alice"), ("jti", "test-alice")]
)
def test_a_loss_bites_within_a_second(kind, key):
    tokens = TestIssuer()
    issuer = Issuer(tokens.jwks())
    try:
        guard = Guard(issuer.url, client=("items", "secret"))
        app = FastAPI()
        app.get("/x", dependencies=[require(role="admin")])(lambda: "x")
        protect(app, guard)
        now = int(time.time())
        claims = {"iss": issuer.url, "aud": issuer.url, "iat": now, "exp": now + 600, "auth_time": now}
        headers = tokens.headers("alice", roles=["admin"], claims=claims)
        client = TestClient(app)
        until(lambda: client.get("/x", headers=headers).status_code == 200)
        lost_at = time.monotonic()
        issuer.floors.append({"kind": kind, "key": key, "revision": 8, "until": "2999-01-01T00:00:00Z"})
        issuer.changed.set()
        until(lambda: client.get("/x", headers=headers).status_code == 401)
        assert time.monotonic() - lost_at < 1
        assert "has ended" in client.get("/x", headers=headers).headers["www-authenticate"]
    finally:
        issuer.stop()
