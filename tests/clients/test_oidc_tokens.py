"""ID tokens, codes, `/userinfo` and the metadata. The numbers in the names are those of the requirements."""

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_plus

import pytest
import requests

import api
import programs
import sign_in
from sign_in import Page, Visitor, answer_of

HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}
# the pair of RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def app(admin):
    return sign_in.register(admin)


@pytest.fixture(scope="module")
def page(admin):
    """An application that runs in a browser and has no secret."""
    return sign_in.register(admin, kind="browser", public=True)


@pytest.fixture(scope="module")
def loose(admin):
    """A confidential application that need not send a code challenge."""
    return sign_in.register(admin, pkce="optional")


@pytest.fixture
def visitor(dev):
    return Visitor(dev.url)


@pytest.fixture
def user(admin):
    return sign_in.create_user(admin)


def assert_refused(response, error, status=400):
    api.assert_oauth_error(response, status, error)


def test_m001_m003_m004_m006_m008_m035_m059_an_id_token_has_its_claims(app, user, visitor):
    before = int(time.time())
    asked = app.ask("openid profile email roles")
    tokens = app.tokens(asked, visitor.code(asked, user))
    claims = app.id_token(tokens)
    assert claims["iss"] == app.metadata["issuer"] == app.url
    assert claims["aud"] == app.id and claims["sub"] == user.id
    assert claims["nonce"] == asked["nonce"]
    assert before - 1 <= claims["iat"] <= time.time() + 1
    assert claims["exp"] - claims["iat"] == 1800 and isinstance(claims["exp"], int)
    assert before - 1 <= claims["auth_time"] <= claims["iat"]
    assert claims["acr"] == "aal1" and claims["amr"] == ["pwd"] and claims["sid"]
    # without the client's wish, claims about the user are at /userinfo alone
    assert not {"email", "preferred_username", "roles"} & set(claims)
    header = sign_in.header(tokens["id_token"])
    assert header["alg"] == "RS256" and header["kid"] and not {"x5u", "x5c", "jku", "jwk", "crit"} & set(header)


def test_m002_m047_m050_the_subject_is_the_same_for_all_clients_and_after_a_rename(app, page, admin, user, dev):
    first = app.id_token(app.sign_in(Visitor(dev.url), user))
    assert page.id_token(page.sign_in(Visitor(dev.url), user))["sub"] == first["sub"]
    user.username = api.unique_name("renamed")
    assert admin.patch(f"/api/users/{user.id}", json={"username": user.username}).status_code == 200
    assert app.id_token(app.sign_in(Visitor(dev.url), user))["sub"] == first["sub"]
    assert admin.delete(f"/api/users/{user.id}").status_code == 204
    again = sign_in.create_user(admin)
    assert app.id_token(app.sign_in(Visitor(dev.url), again))["sub"] != first["sub"]


@pytest.mark.parametrize("nonce", [None, "x" * 512, "ä€😀 \"<&'", "0"])
def test_m006_the_nonce_returns_as_it_was(app, user, visitor, nonce):
    claims = app.id_token(app.sign_in(visitor, user, nonce=nonce))
    assert claims.get("nonce") == nonce and ("nonce" in claims) == (nonce is not None)


def test_m046_a_wish_for_a_stronger_sign_in_is_no_lie(app, user, visitor):
    claims = app.id_token(app.sign_in(visitor, user, acr_values="phr aal2"))
    assert claims["acr"] == "aal1" and claims["amr"] == ["pwd"]


def test_m005_m057_the_time_of_the_sign_in_is_there(app, user, visitor):
    for more in ({"max_age": "10000"}, {"claims": '{"id_token": {"auth_time": {"essential": true}}}'}):
        assert app.id_token(app.sign_in(visitor, user, **more))["auth_time"] > 0


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_m007_m034_m063_each_algorithm_signs_and_hashes_the_access_token(admin, user, visitor, algorithm):
    client = sign_in.register(admin, id_token_alg=algorithm)
    tokens = client.sign_in(visitor, user)
    assert sign_in.header(tokens["id_token"])["alg"] == algorithm
    digest = HASHES[algorithm](tokens["access_token"].encode()).digest()
    left = base64.urlsafe_b64encode(digest[:len(digest) // 2]).decode().rstrip("=")
    assert client.id_token(tokens)["at_hash"] == left


def test_m010_m032_without_openid_there_is_no_id_token(app, user, visitor):
    tokens = app.sign_in(visitor, user, "roles")
    assert tokens["access_token"] and "id_token" not in tokens
    response = app.userinfo(tokens)
    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="openid"'


def test_m033_the_answer_of_the_token_endpoint(app, user, visitor):
    asked = app.ask()
    response = app.exchange(asked, visitor.code(asked, user))
    assert response.status_code == 200 and "no-store" in response.headers["Cache-Control"]
    body = response.json()
    assert body["token_type"].lower() == "bearer" and body["id_token"] and body["expires_in"] == 1800
    assert body["refresh_token"]


def test_m030_another_way_of_authentication_is_refused(app, page, user, visitor):
    asked = app.ask()
    code = visitor.code(asked, user)
    for auth, more in ((None, {}), ((app.id, "rcs_wrong"), {}), (None, {"client_secret": "rcs_wrong"})):
        assert_refused(app.exchange(asked, code, auth, **more), "invalid_client", 401)
    # none of it has spent the code
    assert app.exchange(asked, code).status_code == 200
    # a public client has no secret to send
    asked = page.ask()
    code = visitor.code(asked, user)
    assert page.exchange(asked, code, (page.id, "rcs_any")).status_code in (400, 401)


def test_o074_o077_m031_m116_i017_a_code_is_for_one_client_and_one_use(app, admin, user, visitor):
    other = sign_in.register(admin)
    asked = app.ask()
    code = visitor.code(asked, user)
    assert_refused(other.exchange(asked, code), "invalid_grant")
    # whoever tried has spent it
    assert_refused(app.exchange(asked, code), "invalid_grant")
    asked = app.ask()
    code = visitor.code(asked, user)
    tokens = app.tokens(asked, code)
    assert_refused(app.exchange(asked, code), "invalid_grant")
    # somebody has a copy, and the session of the first use has ended
    assert_refused(app.refresh(tokens), "invalid_grant")
    assert app.userinfo(tokens).status_code == 401
    assert_refused(app.exchange(app.ask(), "rcc_made-up"), "invalid_grant")


@pytest.mark.parametrize("uri", ["https://app.example/cb/", "https://app.example/cb?", "https://else.example/cb", "x"])
def test_o078_m031_the_redirect_uri_is_that_of_the_request(app, user, visitor, uri):
    asked = app.ask()
    code = visitor.code(asked, user)
    assert_refused(app.exchange(asked, code, redirect_uri=uri), "invalid_grant")
    assert_refused(app.exchange(asked, code), "invalid_grant")


@pytest.mark.parametrize("verifier", [
    None, "a" * 42, "a" * 129, "a" * 43, "a b" + "c" * 40, CHALLENGE, VERIFIER.lower(), VERIFIER + "=", "ä" * 43])
def test_o071_o072_m095_m101_m107_i013_a_wrong_verifier_spends_the_code(app, user, visitor, verifier):
    asked = app.ask(code_challenge=CHALLENGE)
    code = visitor.code(asked, user)
    assert_refused(app.exchange(asked, code, code_verifier=verifier), "invalid_grant")
    assert_refused(app.exchange(asked, code, code_verifier=VERIFIER), "invalid_grant")


def test_m096_m098_the_example_of_the_specification_works(page, user, visitor):
    asked = page.ask(code_challenge=CHALLENGE)
    code = visitor.code(asked, user)
    assert CHALLENGE not in code and "." not in code
    assert page.exchange(asked, code, code_verifier=VERIFIER).status_code == 200


def test_o073_m108_i014_a_verifier_without_a_challenge_is_refused(loose, user, visitor):
    without = {"code_challenge": None, "code_challenge_method": None}
    asked = loose.ask(**without)
    assert_refused(loose.exchange(asked, visitor.code(asked, user)), "invalid_grant")
    asked = loose.ask(**without)
    # nothing but the redirect URI binds this code
    assert_refused(loose.exchange(asked, visitor.code(asked, user), code_verifier=None, redirect_uri=None), "invalid_grant")
    asked = loose.ask(**without)
    assert loose.exchange(asked, visitor.code(asked, user), code_verifier=None).status_code == 200
    # a challenge that was sent binds although it need not have been
    asked = loose.ask()
    assert_refused(loose.exchange(asked, visitor.code(asked, user), code_verifier=None), "invalid_grant")


def test_m117_a_code_belongs_to_its_request(app, user, visitor):
    first, second = app.ask(), app.ask()
    code = visitor.code(first, user)
    assert_refused(app.exchange(second, code), "invalid_grant")


def test_i020_a_code_of_a_user_who_was_disabled_is_refused(app, admin, user, visitor):
    asked = app.ask()
    code = visitor.code(asked, user)
    assert admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}).status_code == 200
    assert_refused(app.exchange(asked, code), "invalid_grant")


def test_o075_i019_of_twenty_uses_at_the_same_moment_one_succeeds(app, user, visitor):
    asked = app.ask()
    code = visitor.code(asked, user)
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: app.exchange(asked, code), range(20)))
    # each use too many ends the session, and what ends something of one user takes turns: some may not get one
    codes = sorted(response.status_code for response in responses)
    assert codes[:2] == [200, 400] and set(codes[2:]) <= {400, 429}, codes
    [tokens] = [response.json() for response in responses if response.status_code == 200]
    assert_refused(app.refresh(tokens), "invalid_grant")


def test_i023_a_consent_that_is_taken_back_ends_its_sessions(admin, user, visitor, dev):
    third = sign_in.register(admin, consent="ask")
    tokens = third.sign_in(visitor, user, "openid offline_access")
    mine = api.login(dev.url, user.username, user.password)
    assert mine.delete(f"/api/consents/{third.id}").status_code == 204
    assert_refused(third.refresh(tokens), "invalid_grant")
    assert third.userinfo(tokens).status_code == 401
    assert answer_of(visitor.open(third.ask(prompt="none").url))["error"] == "consent_required"


def test_i024_of_two_refreshes_at_the_same_moment_at_most_one_chain_goes_on(app, user, visitor):
    first = app.sign_in(visitor, user)
    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda _: app.refresh(first), range(2)))
    chains = {response.json()["refresh_token"] for response in responses if response.status_code == 200}
    goes_on = [chain for chain in chains if app.refresh({"refresh_token": chain}).status_code == 200]
    assert len(goes_on) <= 1


def test_i021_nothing_is_read_from_the_query(app, user, visitor):
    asked = app.ask()
    code = visitor.code(asked, user)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
    response = requests.post(app.metadata["token_endpoint"], params={"code_verifier": asked.verifier}, data=form,
                             auth=(app.id, app.secret), timeout=30)
    assert response.status_code == 400


@pytest.mark.parametrize("scope, keys", [
    ("openid", set()),
    ("openid profile", {"preferred_username", "name", "updated_at"}),
    ("openid email", {"email", "email_verified"}),
    ("openid roles", {"roles", "groups"}),
    ("openid groups", {"roles", "groups"}),
    ("openid phone address", set()),
])
def test_m040_m041_m043_each_scope_gives_its_claims(app, admin, visitor, scope, keys):
    user = sign_in.create_user(admin, email="Ann@example.com")
    tokens = app.sign_in(visitor, user, scope)
    response = app.userinfo(tokens)
    assert response.headers["Content-Type"].startswith("application/json")
    claims = response.json()
    assert claims.pop("sub") == app.id_token(tokens)["sub"]
    assert set(claims) == keys
    assert claims.get("roles", ["user"]) == ["user"] and claims.get("groups", ["user"]) == ["user"]


def test_m036_m037_nothing_is_empty_and_no_address_is_verified(app, admin, user, visitor, dev):
    claims = app.userinfo(app.sign_in(visitor, user, "openid profile email phone address")).json()
    assert "email" not in claims and "email_verified" not in claims
    assert all(value not in (None, "", [], {}) for value in claims.values())
    assert isinstance(claims["updated_at"], int)
    other = sign_in.create_user(admin, email="ann@example.com")
    claims = app.userinfo(app.sign_in(Visitor(dev.url), other, "openid email")).json()
    assert claims["email"] == "ann@example.com" and claims["email_verified"] is False
    assert admin.patch(f"/api/users/{other.id}", json={"email_verified": True}).status_code == 200
    claims = app.userinfo(app.sign_in(Visitor(dev.url), other, "openid email")).json()
    assert claims["email_verified"] is True


def test_m044_claims_can_be_named_one_by_one(app, admin, visitor):
    user = sign_in.create_user(admin, email="ann@example.com")
    claims = '{"userinfo": {"email": null, "nickname": null}, "id_token": {"preferred_username": {"essential": true}}}'
    tokens = app.sign_in(visitor, user, claims=claims)
    assert set(app.userinfo(tokens).json()) == {"sub", "email"}
    id_token = app.id_token(tokens)
    assert id_token["preferred_username"] == user.username and "email" not in id_token


def test_claims_are_in_the_id_token_where_the_client_wants_them(admin, user, visitor):
    app = sign_in.register(admin, claims_in_id_token=True)
    claims = app.id_token(app.sign_in(visitor, user, "openid profile roles"))
    assert claims["preferred_username"] == user.username and claims["groups"] == claims["roles"] == ["user"]


def test_m038_userinfo_takes_get_and_post(app, user, visitor):
    tokens = app.sign_in(visitor, user, "openid profile")
    endpoint, bearer = app.metadata["userinfo_endpoint"], api.bearer(tokens["access_token"])
    by_get = requests.get(endpoint, headers=bearer, timeout=30)
    by_post = requests.post(endpoint, headers=bearer, timeout=30)
    assert by_get.status_code == by_post.status_code == 200 and by_get.json() == by_post.json()
    token = {"access_token": tokens["access_token"]}
    by_form = requests.post(endpoint, data=token, timeout=30)
    assert by_form.status_code == 200 and by_form.json() == by_get.json()
    assert requests.post(endpoint, data=token, headers=bearer, timeout=30).status_code == 400
    by_query = requests.get(endpoint, params={"access_token": tokens["access_token"]}, timeout=30)
    assert by_query.status_code in (400, 401)


def test_m039_userinfo_and_tokens_are_for_pages_of_allowed_origins(app):
    endpoints = [app.metadata[name] for name in ("userinfo_endpoint", "token_endpoint", "jwks_uri")]
    for endpoint in [*endpoints, f"{app.url}/.well-known/openid-configuration"]:
        for origin, allowed in (("http://127.0.0.1:9000", True), ("https://evil.example", False)):
            sent = {"Origin": origin, "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type"}
            response = requests.options(endpoint, headers=sent, timeout=30)
            assert (response.headers.get("Access-Control-Allow-Origin") == origin) == allowed, endpoint
            assert "Access-Control-Allow-Credentials" not in response.headers


def test_m042_i026_errors_of_userinfo(app, user, visitor):
    endpoint = app.metadata["userinfo_endpoint"]
    response = requests.get(endpoint, timeout=30)
    assert response.status_code == 401 and response.headers["WWW-Authenticate"].startswith("Bearer")
    tokens = app.sign_in(visitor, user)
    for wrong in ("made-up", tokens["id_token"], tokens["refresh_token"]):
        api.assert_invalid_token(requests.get(endpoint, headers=api.bearer(wrong), timeout=30))


def test_i027_a_token_for_another_resource_is_not_for_userinfo(admin, user, visitor):
    app = sign_in.register(admin, audiences=[admin.url, "https://stock.example"])
    tokens = app.sign_in(visitor, user, resource="https://stock.example")
    assert app.userinfo(tokens).status_code in (401, 403)
    claims = sign_in.decode(app.metadata, tokens["access_token"])
    assert claims["aud"] == "https://stock.example"


def test_m112_m122_m183_i031_the_resource_stays_what_was_asked_for(admin, user, visitor):
    app = sign_in.register(admin, audiences=[admin.url, "https://stock.example"])
    asked = app.ask(resource="https://stock.example")
    response = app.exchange(asked, visitor.code(asked, user), resource=admin.url)
    assert_refused(response, "invalid_target")
    tokens = app.sign_in(visitor, user, resource="https://stock.example")
    again = app.refresh(tokens).json()
    assert sign_in.decode(app.metadata, again["access_token"])["aud"] == "https://stock.example"
    assert_refused(app.refresh(again, resource=admin.url), "invalid_target")


def test_m051_a_secret_in_basic_is_form_encoded(admin, user, visitor):
    secret = "a:b%c+d/e&f=g" + "0aZ~!'()*" * 3
    app = sign_in.register(admin, client_secret=secret)
    app.secret = secret
    asked = app.ask()
    code = visitor.code(asked, user)
    encoded = base64.b64encode(f"{quote_plus(app.id)}:{quote_plus(secret)}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"],
            "code_verifier": asked.verifier}
    response = app.post(form, auth=False, Authorization=f"Basic {encoded}")
    assert response.status_code == 200, response.text


def test_m053_keys_change_with_an_overlap(app, admin, user, visitor):
    old = app.sign_in(visitor, user)
    before = sign_in.header(old["id_token"])["kid"]
    api.rotate_key(admin)
    new = app.sign_in(visitor, user)
    assert sign_in.header(new["id_token"])["kid"] != before
    assert app.id_token(old)["sub"] == app.id_token(new)["sub"]


def test_m054_m138_offline_access_is_asked_for(app, admin, user, visitor):
    third = sign_in.register(admin, consent="ask")
    assert visitor.code(third.ask("openid"), user)
    page = visitor.open(third.ask("openid offline_access").url)
    assert Page(page.text).has_form("/consent")
    code = answer_of(visitor.submit(page, "/consent", "allow"))["code"]
    assert code
    # once more, although it was allowed
    assert Page(visitor.open(third.ask("openid offline_access").url).text).has_form("/consent")
    assert answer_of(visitor.open(app.ask("openid offline_access").url))["code"]


@pytest.mark.parametrize("client", ["app", "page"])
def test_m055_m111_m123_a_refresh_keeps_the_claims_and_rotates(request, client, user, visitor):
    client = request.getfixturevalue(client)
    first = client.sign_in(visitor, user, "openid profile")
    old = client.id_token(first)
    second = client.refresh(first).json()
    new = client.id_token(second)
    for claim in ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr"):
        assert new[claim] == old[claim], claim
    assert new["iat"] >= old["iat"] and new.get("nonce") in (None, old["nonce"])
    assert second["refresh_token"] != first["refresh_token"]
    assert client.userinfo(second).json()["sub"] == user.id
    third = client.refresh(second).json()
    # whoever uses the first one again has stolen it
    assert_refused(client.refresh(first), "invalid_grant")
    assert_refused(client.refresh(third), "invalid_grant")
    assert client.userinfo(third).status_code == 401


def test_m122_i025_a_refresh_token_is_for_its_client_and_its_scope(app, admin, user, visitor):
    other = sign_in.register(admin)
    tokens = app.sign_in(visitor, user, "openid profile")
    assert_refused(other.refresh(tokens), "invalid_grant")
    response = app.refresh(tokens, scope="openid profile email")
    assert response.status_code == 400 or "email" not in response.json()["scope"].split()


def test_m124_i022_a_password_change_and_a_disabled_account_end_refresh_tokens(app, admin, user, visitor, dev):
    tokens = app.sign_in(visitor, user)
    caller = api.login(dev.url, user.username, user.password)
    body = {"current_password": user.password, "new_password": "another long pass phrase"}
    response = caller.put("/api/me/password", json=body)
    assert response.status_code in (200, 204), response.text
    assert_refused(app.refresh(tokens), "invalid_grant")
    assert app.userinfo(tokens).status_code == 401
    # the browser is signed out as well
    assert answer_of(visitor.open(app.ask(prompt="none").url))["error"] == "login_required"
    user.password = "another long pass phrase"
    tokens = app.sign_in(visitor, user)
    assert admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}).status_code == 200
    assert_refused(app.refresh(tokens), "invalid_grant")
    assert answer_of(visitor.open(app.ask(prompt="none").url))["error"] == "login_required"


def test_m113_other_clients_may_not_use_the_password_grant(app, user):
    response = app.post({"grant_type": "password", "username": user.username, "password": user.password})
    assert_refused(response, "unauthorized_client")


def test_m113_i040_the_password_grant_can_be_switched_off():
    with programs.dev(ROLECALL_OAUTH__PASSWORD_GRANT="off") as server:
        assert "password" not in sign_in.discover(server.url)["grant_types_supported"]


def test_m125_a_client_is_no_user(admin):
    client = api.create_client(admin, "client_credentials", audiences=[admin.url])
    token = api.client_token(admin.url, client)
    response = requests.get(f"{admin.url}/userinfo", headers=api.bearer(token), timeout=30)
    assert response.status_code == 403


def test_m058_m116_no_code_and_no_token_is_in_the_log(app, user, visitor, dev):
    asked = app.ask(state="a-state-to-look-for", nonce="a-nonce-to-look-for", login_hint="a-hint-to-look-for")
    code = visitor.code(asked, user)
    tokens = app.tokens(asked, code)
    log = dev.log.read_text()
    secrets = [code, asked.verifier, tokens["access_token"], tokens["refresh_token"], tokens["id_token"], app.secret,
               user.password, *visitor.cookies.values(), asked["state"], asked["nonce"], asked["login_hint"]]
    assert [secret for secret in secrets if secret in log] == []


def test_o110_m062_m064_m065_m066_m068_m069_m070_m077_m109_m130_the_metadata_is_true(app, dev):
    response = requests.get(f"{dev.url}/.well-known/openid-configuration", timeout=30)
    assert response.headers["Content-Type"].startswith("application/json")
    metadata = response.json()
    assert metadata["issuer"] == dev.url
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint",
                 "revocation_endpoint", "introspection_endpoint"):
        assert metadata[name].startswith(f"{dev.url}/"), name
    assert metadata["response_types_supported"] == ["code"] and metadata["subject_types_supported"] == ["public"]
    assert set(metadata["id_token_signing_alg_values_supported"]) == set(HASHES)
    assert metadata["response_modes_supported"] == ["query", "form_post"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["claims_parameter_supported"] is True
    assert metadata["request_parameter_supported"] is metadata["request_uri_parameter_supported"] is False
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert "openid" in metadata["scopes_supported"] and "authorization_code" in metadata["grant_types_supported"]
    assert "implicit" not in metadata["grant_types_supported"]
    assert [name for name, value in metadata.items() if value in (None, [], "", {})] == []
    for unknown in ("pushed_authorization_request_endpoint", "device_authorization_endpoint", "registration_endpoint",
                    "frontchannel_logout_supported", "check_session_iframe"):
        assert unknown not in metadata


def test_m067_m191_m193_both_documents_are_the_same_object(dev):
    documents = [requests.get(f"{dev.url}/.well-known/{name}", timeout=30).json()
                 for name in ("openid-configuration", "oauth-authorization-server")]
    assert documents[0] == documents[1]


@pytest.mark.parametrize("scope", ["openid", "openid roles", "roles"])
def test_i099_no_permission_of_rolecall_itself_goes_to_others(admin, visitor, scope):
    third = sign_in.register(admin, consent="ask")
    root = sign_in.create_user(admin, "rolecall.admin", "user")
    tokens = third.sign_in(visitor, root, scope)
    claims = sign_in.decode(third.metadata, tokens["access_token"])
    assert "rolecall." not in claims.get("scope", "") + " ".join(claims.get("roles", []))


def test_who_may_sign_in_can_be_limited_to_roles(admin, user, visitor, dev):
    app = sign_in.register(admin, who=["admin"])
    answer = visitor.sign_in(app.ask(), user)
    assert answer["error"] == "access_denied" and "code" not in answer
    assert app.sign_in(Visitor(dev.url), sign_in.create_user(admin, "admin"))["id_token"]
