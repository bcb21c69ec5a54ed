"""Log-in and access tokens, as a Python API sees them: `requests` and PyJWT with the JWK Set."""

import base64
import json
import subprocess

import jwt
import pytest
import requests

import api
import programs
from api import is_oauth_error, is_problem


def verify(url, token, audience=None, algorithm="ES256"):
    """What a resource server in Python does with a token."""
    key = jwt.PyJWKClient(f"{url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    return jwt.decode(
        token, key, algorithms=[algorithm], audience=audience or url, issuer=url,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(anyone):
    wrong = anyone.token("alice", "not the password")
    unknown = anyone.token(api.fresh(), "not the password")
    for answer in (wrong, unknown):
        is_oauth_error(answer, 401, "invalid_grant", "Incorrect username or password", "Bearer")
    assert wrong.json() == unknown.json()


def test_a_log_in_answers_what_the_tutorials_clients_read(anyone):
    answer = anyone.token("alice")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 1800
    assert body["scope"] == ""
    assert body["access_token"].count(".") == 2


def test_a_refresh_token_is_given_exactly_where_the_metadata_says_so(anyone):
    grants = anyone.get("/.well-known/oauth-authorization-server").json()["grant_types_supported"]
    assert "password" in grants
    assert ("refresh_token" in anyone.token("alice").json()) == ("refresh_token" in grants)


@pytest.mark.parametrize("form, error", [
    ({"grant_type": None}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
    ({"grant_type": "magic"}, "unsupported_grant_type"),
    ({"username": None}, "invalid_request"),
    ({"password": None}, "invalid_request"),
    ({"scope": "no:such"}, "invalid_scope"),
    ({"scope": "role:admin"}, "invalid_scope"),
])
def test_a_form_that_is_not_right_is_400_and_never_401(anyone, form, error):
    fields = {"grant_type": "password", "username": "alice", "password": "yourpassword", **form}
    sent = {name: value for name, value in fields.items() if value is not None}
    is_oauth_error(anyone.post("/token", data=sent), 400, error)


def test_a_doubled_parameter_is_refused_and_an_unknown_one_is_not(anyone):
    pairs = [("grant_type", "password"), ("username", "alice"), ("password", "yourpassword")]
    doubled = anyone.post("/token", data=[*pairs, ("username", "admin")])
    is_oauth_error(doubled, 400, "invalid_request")
    assert anyone.post("/token", data=[*pairs, ("colour", "blue")]).status_code == 200
    assert anyone.post("/token", data=[*pairs, ("colour", "a"), ("colour", "b")]).status_code == 200


def test_an_empty_client_means_no_client_and_a_wrong_one_is_401(anyone):
    assert anyone.token("alice", client_id="", client_secret="").status_code == 200
    assert anyone.post("/token", auth=("", ""), data={
        "grant_type": "password", "username": "alice", "password": "yourpassword",
    }).status_code == 200
    is_oauth_error(anyone.token("alice", client_id="nobody", client_secret="x"), 401, "invalid_client")
    basic = anyone.post("/token", auth=("nobody", "x"), data={
        "grant_type": "password", "username": "alice", "password": "yourpassword",
    })
    is_oauth_error(basic, 401, "invalid_client")
    assert basic.headers["WWW-Authenticate"].startswith("Basic")


def test_an_access_token_is_an_rfc_9068_token(bob):
    token = bob.access_token
    header = jwt.get_unverified_header(token)
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


def test_roles_and_scope_hold_all_that_is_inherited(admin):
    claims = verify(admin.url, admin.access_token)
    assert {"admin", "rolecall.admin"} <= set(claims["roles"])
    scope = set(claims["scope"].split())
    assert {"rolecall.users:read", "rolecall.assignments:any"} <= scope
    assert not any("*" in permission for permission in scope)


def test_a_narrowed_token_says_so_and_holds_no_more_than_was_asked_for(admin, anyone):
    body = anyone.log_in("admin", scope="rolecall.users:read")
    assert body["scope"] == "rolecall.users:read"
    claims = verify(anyone.url, anyone.access_token)
    assert claims["scope"] == "rolecall.users:read"
    assert claims["narrowed"] is True
    assert anyone.get("/api/users").status_code == 200
    challenge = 'Bearer error="insufficient_scope", scope="rolecall.roles:read"'
    is_problem(anyone.get("/api/roles"), 403, "Operation not permitted", challenge)
    # changes of the own account need a token that was not narrowed
    is_problem(
        anyone.patch("/api/me", json={"email": "a@example.org"}), 403, "Operation not permitted",
        'Bearer error="insufficient_scope"',
    )


def test_an_audience_that_nobody_named_is_not_given(anyone):
    is_oauth_error(anyone.token("admin", audience="https://orders.example"), 400, "invalid_target")


def test_a_token_for_another_audience_opens_nothing_here():
    orders = "https://orders.example"
    with programs.serve(ROLECALL_TOKENS__AUDIENCE=orders) as server:
        made = server.run("user", "add", "root", "--role", "rolecall.admin", "--password-stdin",
                          text="a long enough pass phrase\n")
        assert made.returncode == 0, made.stderr
        root = api.logged_in(server.url, "root", "a long enough pass phrase")
        claims = verify(root.url, root.access_token, audience=orders)
        assert "rolecall." not in claims["scope"]
        is_problem(root.get("/api/me"), 401, "Could not validate credentials", api.INVALID)
        # whoever wants to call rolecall itself asks for it
        for parameter in ("audience", "resource"):
            root.log_in("root", "a long enough pass phrase", **{parameter: server.url})
            assert verify(root.url, root.access_token)["aud"] == server.url
            assert root.get("/api/users").status_code == 200


def test_the_jwk_set_holds_public_keys_alone(anyone):
    answer = anyone.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert "max-age" in answer.headers["Cache-Control"]
    keys = answer.json()["keys"]
    assert keys and len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not {"d", "p", "q", "k", "dp", "dq", "qi"} & set(key)
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def test_the_metadata_lists_only_what_works(anyone):
    metadata = anyone.get("/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == anyone.url
    assert metadata["token_endpoint"] == f"{anyone.url}/token"
    assert metadata["jwks_uri"] == f"{anyone.url}/.well-known/jwks.json"
    assert "response_types_supported" in metadata
    for name, address in metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            assert requests.post(address, timeout=30).status_code != 404, name


def test_a_token_that_was_touched_is_not_valid(bob):
    header, payload, signature = bob.access_token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["roles"] = ["rolecall.admin"]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    keys = bob.get("/.well-known/jwks.json").json()["keys"]
    confused = jwt.encode(
        claims, base64.urlsafe_b64decode(keys[0]["x"] + "=="), algorithm="HS256",
        headers={"typ": "at+jwt", "kid": keys[0]["kid"]},
    )
    for token in (
        f"{header}.{forged}.{signature}", f"{unsigned}.{forged}.", confused, "garbage", "a.b.c",
        f"{header}.{payload}.{signature}.", f"{header}.{payload}.{signature[:-4]}",
    ):
        answer = requests.get(
            f"{bob.url}/api/me", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        is_problem(answer, 401, "Could not validate credentials", api.INVALID)


def test_a_node_program_verifies_the_token_through_the_jwk_set(bob):
    node = programs.program("XTASK_NODE", "node")
    script = programs.ROOT / "tests" / "clients" / "node" / "verify.mjs"
    if not (script.parent / "node_modules" / "jose").exists():
        programs.left_out("node packages are not installed")

    def run(token):
        return subprocess.run(
            [node, script, bob.url, token], capture_output=True, text=True, timeout=60)

    held = run(bob.access_token)
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["sub"] == bob.me["id"]
    header, payload, signature = bob.access_token.split(".")
    touched = run(f"{header}.{payload}.{signature[:-6]}AAAAAA")
    assert touched.returncode == 1, touched.stdout


def test_o025_the_password_grant_that_is_off_is_refused_and_not_offered():
    with programs.serve(ROLECALL_OAUTH__PASSWORD_GRANT="off") as server:
        added = server.run("user", "add", "alice", "--password-stdin", text=f"{programs.PASSWORD}\n")
        assert added.returncode == 0, added.stderr
        client = server.run("client", "add", "front", "--grant", "password", "--json")
        assert client.returncode == 0, client.stderr
        client = json.loads(client.stdout)
        anyone = api.Caller(server.url)
        is_oauth_error(anyone.token("alice"), 400, "unsupported_grant_type")
        known = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        is_oauth_error(anyone.token("alice", **known), 400, "unauthorized_client")
        metadata = anyone.get("/.well-known/oauth-authorization-server").json()
        assert "password" not in metadata["grant_types_supported"]
        assert "refresh_token" in metadata["grant_types_supported"]
