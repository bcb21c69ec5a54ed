"""Logins and access tokens as a Python API sees them: `requests`, and PyJWT with the JWK Set."""

import json
import subprocess

import jwt
import pytest
import requests

import access_tokens
import api
import programs
import services
from api import assert_oauth_error, assert_problem
from programs import PASS_PHRASE


def verify(url, token, audience=None, algorithm="ES256"):
    """Verifies a token as a resource server in Python does."""
    key = jwt.PyJWKClient(f"{url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    return jwt.decode(
        token, key, algorithms=[algorithm], audience=audience or url, issuer=url,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )


def test_a_wrong_password_and_an_unknown_user_get_the_same_response(anonymous):
    wrong = anonymous.token("alice", "not the password")
    unknown = anonymous.token(api.unique_name(), "not the password")
    for response in (wrong, unknown):
        api.assert_wrong_password(response)
    assert wrong.json() == unknown.json()


def test_a_login_returns_the_fields_of_the_tutorial(anonymous):
    response = anonymous.token("alice")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    body = response.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 1800
    assert body["scope"] == ""
    assert body["access_token"].count(".") == 2


def test_a_refresh_token_is_issued_only_if_the_metadata_says_so(anonymous):
    grants = anonymous.get("/.well-known/oauth-authorization-server").json()["grant_types_supported"]
    assert "password" in grants
    assert ("refresh_token" in anonymous.token("alice").json()) == ("refresh_token" in grants)


@pytest.mark.parametrize("form, error", [
    ({"grant_type": None}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
    ({"grant_type": "magic"}, "unsupported_grant_type"),
    ({"username": None}, "invalid_request"),
    ({"password": None}, "invalid_request"),
    ({"scope": "no:such"}, "invalid_scope"),
    ({"scope": "role:admin"}, "invalid_scope"),
])
def test_an_invalid_form_is_400_and_never_401(anonymous, form, error):
    fields = {"grant_type": "password", "username": "alice", "password": "yourpassword", **form}
    form = {name: value for name, value in fields.items() if value is not None}
    assert_oauth_error(anonymous.post("/token", data=form), 400, error)


def test_a_repeated_parameter_is_refused_but_not_an_unknown_one(anonymous):
    pairs = [("grant_type", "password"), ("username", "alice"), ("password", "yourpassword")]
    doubled = anonymous.post("/token", data=[*pairs, ("username", "admin")])
    assert_oauth_error(doubled, 400, "invalid_request")
    assert anonymous.post("/token", data=[*pairs, ("colour", "blue")]).status_code == 200
    assert anonymous.post("/token", data=[*pairs, ("colour", "a"), ("colour", "b")]).status_code == 200


def test_an_empty_client_id_means_no_client_and_a_wrong_one_is_401(anonymous):
    assert anonymous.token("alice", client_id="", client_secret="").status_code == 200
    assert anonymous.post("/token", auth=("", ""), data={
        "grant_type": "password", "username": "alice", "password": "yourpassword",
    }).status_code == 200
    assert_oauth_error(anonymous.token("alice", client_id="nobody", client_secret="x"), 401, "invalid_client")
    basic = anonymous.post("/token", auth=("nobody", "x"), data={
        "grant_type": "password", "username": "alice", "password": "yourpassword",
    })
    assert_oauth_error(basic, 401, "invalid_client")
    assert basic.headers["WWW-Authenticate"].startswith("Basic")


def test_an_access_token_is_an_rfc_9068_token(bob):
    token = bob.access_token
    header = access_tokens.header_of(token)
    assert set(header) == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    claims = verify(bob.url, token)
    assert claims["iss"] == claims["aud"] == bob.url
    assert claims["sub"] == bob.me["id"]
    assert claims["subject_kind"] == "user"
    assert claims["client_id"] == "rolecall"
    assert claims["username"] == bob.me["username"]
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["iat"] - 5 <= claims["auth_time"] <= claims["iat"]
    assert claims["roles"] == ["user"]
    assert claims["scope"] == ""
    assert claims["sid"] and claims["jti"] and claims["era"]
    assert isinstance(claims["rev"], int)
    assert "tenant" not in claims and "narrowed" not in claims


def test_two_tokens_share_neither_id_nor_session(bob):
    first = verify(bob.url, bob.access_token)
    bob.log_in(bob.me["username"], bob.password)
    second = verify(bob.url, bob.access_token)
    assert first["jti"] != second["jti"]
    assert first["sid"] != second["sid"]
    assert first["sub"] == second["sub"]


def test_roles_and_scope_include_what_is_inherited(admin):
    claims = verify(admin.url, admin.access_token)
    assert {"admin", "rolecall.admin"} <= set(claims["roles"])
    scope = set(claims["scope"].split())
    assert {"rolecall.users:read", "rolecall.assignments:any"} <= scope
    assert not any("*" in permission for permission in scope)


def test_a_narrowed_token_is_marked_and_has_only_the_requested_scope(admin, anonymous):
    body = anonymous.log_in("admin", scope="rolecall.users:read")
    assert body["scope"] == "rolecall.users:read"
    claims = verify(anonymous.url, anonymous.access_token)
    assert claims["scope"] == "rolecall.users:read"
    assert claims["narrowed"] is True
    assert anonymous.get("/api/users").status_code == 200
    api.assert_forbidden(anonymous.get("/api/roles"), "rolecall.roles:read")
    # changing one's own account needs a token that was not narrowed
    assert_problem(
        anonymous.patch("/api/me", json={"email": "a@example.org"}), 403, "Operation not permitted",
        'Bearer error="insufficient_scope"',
    )


def test_an_unknown_audience_is_refused(anonymous):
    assert_oauth_error(anonymous.token("admin", audience="https://orders.example"), 400, "invalid_target")


def test_a_token_for_another_audience_is_refused_by_the_api():
    orders = "https://orders.example"
    with programs.serve(ROLECALL_TOKENS__AUDIENCE=orders) as server:
        server.add_administrator("root")
        root = api.login(server.url, "root", PASS_PHRASE)
        claims = verify(root.url, root.access_token, audience=orders)
        assert "rolecall." not in claims["scope"]
        api.assert_invalid_token(root.get("/api/me"))
        # a token for rolecall itself has to be requested
        for parameter in ("audience", "resource"):
            root.log_in("root", PASS_PHRASE, **{parameter: server.url})
            assert verify(root.url, root.access_token)["aud"] == server.url
            assert root.get("/api/users").status_code == 200


# ID tokens have keys of their own as soon as a client wants them
PUBLIC_KEYS = {("EC", "P-256", "ES256"), ("RSA", None, "RS256"), ("OKP", "Ed25519", "EdDSA")}


def test_the_jwk_set_contains_only_public_keys(anonymous):
    response = anonymous.get("/.well-known/jwks.json")
    assert response.status_code == 200
    assert "max-age" in response.headers["Cache-Control"]
    keys = response.json()["keys"]
    assert keys and len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not {"d", "p", "q", "k", "dp", "dq", "qi"} & set(key)
        assert key["use"] == "sig"
        assert (key["kty"], key.get("crv"), key["alg"]) in PUBLIC_KEYS
    assert "ES256" in {key["alg"] for key in keys}


def test_the_metadata_lists_only_what_works(anonymous):
    metadata = anonymous.get("/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == anonymous.url
    assert metadata["token_endpoint"] == f"{anonymous.url}/token"
    assert metadata["jwks_uri"] == f"{anonymous.url}/.well-known/jwks.json"
    assert "response_types_supported" in metadata
    for name, address in metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            assert requests.post(address, timeout=30).status_code != 404, name


def test_a_forged_token_is_invalid(bob):
    token, (key, *_) = bob.access_token, bob.get("/.well-known/jwks.json").json()["keys"]
    header, payload, signature = token.split(".")
    for forged in (*access_tokens.forgeries(token, key), "garbage", "a.b.c",
                   f"{header}.{payload}.{signature}.", f"{header}.{payload}.{signature[:-4]}"):
        response = requests.get(f"{bob.url}/api/me", headers=api.bearer(forged), timeout=30)
        api.assert_invalid_token(response)


def test_a_node_program_verifies_the_token_through_the_jwk_set(bob):
    node = programs.program("XTASK_NODE", "node")
    script = services.NODE / "verify.mjs"
    services.require_node_package("jose")

    def run(token):
        return subprocess.run(
            [node, script, bob.url, token], capture_output=True, text=True, timeout=60)

    verified = run(bob.access_token)
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["sub"] == bob.me["id"]
    tampered = run(access_tokens.tampered(bob.access_token))
    assert tampered.returncode == 1, tampered.stdout


def test_o025_a_disabled_password_grant_is_refused_and_not_advertised():
    with programs.serve(ROLECALL_OAUTH__PASSWORD_GRANT="off") as server:
        server.add_user("alice", password=programs.PASSWORD)
        client = json.loads(server.check_output("client", "add", "front", "--grant", "password", "--json"))
        anonymous = api.Caller(server.url)
        assert_oauth_error(anonymous.token("alice"), 400, "unsupported_grant_type")
        credentials = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        assert_oauth_error(anonymous.token("alice", **credentials), 400, "unauthorized_client")
        metadata = anonymous.get("/.well-known/oauth-authorization-server").json()
        assert "password" not in metadata["grant_types_supported"]
        assert "refresh_token" in metadata["grant_types_supported"]
