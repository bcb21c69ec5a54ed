"""Signing keys, as programs elsewhere see them. That libraries verify with them: `test_verifiers.py`."""

import api
import programs


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
