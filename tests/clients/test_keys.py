"""Signing keys, as programs elsewhere see them: PyJWT and jose with nothing but the JWK Set."""

import subprocess

import jwt
import pytest

import api
import programs
from test_tokens import verify


def verified_by_node(url, token, algorithm):
    node = programs.program("XTASK_NODE", "node")
    script = programs.ROOT / "tests" / "clients" / "node" / "verify.mjs"
    if not (script.parent / "node_modules" / "jose").exists():
        programs.left_out("node packages are not installed")
    return subprocess.run(
        [node, script, url, token, algorithm], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("algorithm, kind", [("EdDSA", "OKP"), ("RS256", "RSA"), ("ES256", "EC")])
def test_tokens_of_every_algorithm_are_verified_elsewhere_before_and_after_a_rotation(algorithm, kind):
    with programs.dev(ROLECALL_TOKENS__ALGORITHM=algorithm) as server:
        admin = api.logged_in(server.url, "admin")
        old = admin.access_token
        rotated = admin.post("/api/keys/rotate", json={})
        assert rotated.status_code == 200, rotated.text
        new = api.logged_in(server.url, "admin").access_token
        kids = [jwt.get_unverified_header(token)["kid"] for token in (old, new)]
        assert kids[0] != kids[1] == rotated.json()["kid"]
        keys = admin.get("/.well-known/jwks.json").json()["keys"]
        assert {key["kty"] for key in keys} == {kind}
        assert set(kids) < {key["kid"] for key in keys}
        for token in (old, new):
            assert jwt.get_unverified_header(token)["alg"] == algorithm
            assert verify(server.url, token, algorithm=algorithm)["username"] == "admin"
            held = verified_by_node(server.url, token, algorithm)
            assert held.returncode == 0, held.stderr
        touched = verified_by_node(server.url, new[:-6] + "AAAAAA", algorithm)
        assert touched.returncode == 1, touched.stdout


def test_a_rotation_too_soon_is_409_and_a_forced_one_is_not():
    with programs.dev() as server:
        admin = api.logged_in(server.url, "admin")
        assert admin.post("/api/keys/rotate", json={}).status_code == 200
        refused = admin.post("/api/keys/rotate", json={})
        api.is_problem(refused, 409)
        assert refused.json()["rule"] == "too_soon"
        assert admin.post("/api/keys/rotate", json={"force": True}).status_code == 200


def test_a_copy_of_the_jwk_set_is_asked_for_by_its_tag(anyone):
    first = anyone.get("/.well-known/jwks.json")
    tag = first.headers["ETag"]
    again = anyone.get("/.well-known/jwks.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == tag
    assert "max-age=300" in again.headers["Cache-Control"]
