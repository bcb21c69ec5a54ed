"""Signing keys as resource servers see them; `test_verifiers.py` tests the libraries that verify with them."""

import api
import programs


def test_rotating_too_soon_is_409_unless_forced():
    with programs.dev() as server:
        admin = api.login(server.url, "admin")
        assert admin.post("/api/keys/rotate", json={}).status_code == 200
        refused = admin.post("/api/keys/rotate", json={})
        api.assert_problem(refused, 409)
        assert refused.json()["rule"] == "too_soon"
        assert api.rotate_key(admin)


def test_an_unchanged_jwk_set_is_304(anonymous):
    first = anonymous.get("/.well-known/jwks.json")
    tag = first.headers["ETag"]
    again = anonymous.get("/.well-known/jwks.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == tag
    assert "max-age=300" in again.headers["Cache-Control"]
