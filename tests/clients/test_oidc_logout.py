"""Log-out by an application, and logout tokens. The numbers in the names are those of the requirements."""

import time

import pytest
import requests

import api
import programs
import receivers
import sign_in
from programs import wait_until
from sign_in import Page, Visitor, answer_of

AFTER = "https://app.example/signed-out"


@pytest.fixture(scope="module")
def app(admin):
    return sign_in.register(admin, post_logout_redirect_uris=[AFTER])


@pytest.fixture(scope="module")
def other(admin):
    return sign_in.register(admin, post_logout_redirect_uris=["https://other.example/signed-out"])


@pytest.fixture
def visitor(dev):
    return Visitor(dev.url)


@pytest.fixture
def user(admin):
    return sign_in.create_user(admin)


@pytest.fixture
def signed_in(app, user, dev):
    visitor = Visitor(dev.url)
    visitor.tokens = app.sign_in(visitor, user)
    return visitor


def is_signed_in(visitor, app):
    answer = answer_of(visitor.open(app.ask(prompt="none").url))
    assert "code" in answer or answer["error"] == "login_required"
    return "code" in answer


def asks(response):
    """Whether a page asks the person; its form leads nowhere else."""
    assert "Location" not in response.headers, response.headers
    return response.status_code == 200 and Page(response.text).has_form("/logout")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_m071_m072_m078_m092_i103_a_hint_ends_the_session_without_asking(app, signed_in, method):
    asked = {"id_token_hint": signed_in.tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "a b&c=ä"}
    if method == "GET":
        response = signed_in.get(app.logout_url(**asked))
    else:
        # an application's own form; the cookie of the session comes along only by top-level navigation
        response = signed_in.post("/logout", asked)
    assert response.status_code == 303
    place, _, _ = response.headers["Location"].partition("?")
    assert place == AFTER and sign_in.parameters_of(response.headers["Location"]) == {"state": "a b&c=ä"}
    assert not is_signed_in(signed_in, app)
    api.assert_oauth_error(app.refresh(signed_in.tokens), 400, "invalid_grant")
    assert app.userinfo(signed_in.tokens).status_code == 401


def test_m074_m076_without_a_hint_a_page_asks(app, signed_in, user):
    more = {"ui_locales": "xx", "logout_hint": "nobody", "foo": "bar"}
    address = app.logout_url(client_id=app.id, post_logout_redirect_uri=AFTER, state="s", **more)
    assert asks(signed_in.get(address))
    assert is_signed_in(signed_in, app)
    page = signed_in.get(address)
    assert user.username in page.text
    response = signed_in.submit(page, "/logout")
    assert response.headers["Location"] == f"{AFTER}?state=s"
    assert not is_signed_in(signed_in, app)


def test_m079_i101_without_a_client_nobody_is_sent_anywhere(app, signed_in):
    page = signed_in.get(app.logout_url(post_logout_redirect_uri=AFTER))
    assert asks(page)
    response = signed_in.submit(page, "/logout")
    assert "Location" not in response.headers and response.status_code == 200
    assert not is_signed_in(signed_in, app)


@pytest.mark.parametrize("uri", [f"{AFTER}?x=1", f"{AFTER}/", "https://other.example/signed-out", "https://evil.example",
                                 "//evil.example", "javascript:alert(1)", "https://app.example/cb"])
def test_m078_m080_i101_only_registered_addresses_are_gone_to(app, signed_in, uri):
    response = signed_in.get(app.logout_url(id_token_hint=signed_in.tokens["id_token"], post_logout_redirect_uri=uri))
    assert "Location" not in response.headers
    assert not [link for link in Page(response.text).links if "//" in link]


def test_m073_i102_a_hint_of_another_client_leads_nowhere(app, other, signed_in):
    response = signed_in.get(app.logout_url(
        id_token_hint=signed_in.tokens["id_token"], client_id=other.id,
        post_logout_redirect_uri="https://other.example/signed-out"))
    assert asks(response)
    assert is_signed_in(signed_in, app)


def test_m072_m019_a_hint_that_has_expired_counts():
    with programs.dev_with_short_tokens() as server:
        admin = api.login(server.url, "admin")
        # the administrator's token soon expires, too
        app = sign_in.register(admin, post_logout_redirect_uris=[AFTER])
        admin.log_in("admin")
        user, visitor = sign_in.create_user(admin), Visitor(server.url)
        tokens = app.sign_in(visitor, user)
        ends = app.id_token(tokens)["exp"]
        wait_until(30, lambda: time.time() > ends + 1)
        hint = {"id_token_hint": tokens["id_token"]}
        assert answer_of(visitor.open(app.ask(prompt="none", **hint).url))["code"]
        response = visitor.get(app.logout_url(**hint, post_logout_redirect_uri=AFTER))
        assert response.headers["Location"] == AFTER
        assert not is_signed_in(visitor, app)


@pytest.mark.parametrize("spoil", [
    lambda token: token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"),
    lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
    lambda token: "made-up", lambda token: ""], ids=["signature", "none", "text", "empty"])
def test_m072_a_hint_of_nobody_ends_nothing(app, signed_in, spoil):
    hint = spoil(signed_in.tokens["id_token"])
    response = signed_in.get(app.logout_url(id_token_hint=hint, post_logout_redirect_uri=AFTER))
    assert asks(response)
    assert is_signed_in(signed_in, app)


def test_m075_a_hint_of_another_user_ends_nothing(app, admin, signed_in, dev):
    stranger = app.sign_in(Visitor(dev.url), sign_in.create_user(admin))
    response = signed_in.get(app.logout_url(id_token_hint=stranger["id_token"], post_logout_redirect_uri=AFTER))
    assert asks(response)
    assert is_signed_in(signed_in, app)
    # and the stranger, who has not been here, is still signed in
    assert app.userinfo(stranger).status_code == 200


def test_m081_i100_another_site_cannot_force_a_logout(app, signed_in):
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    signed_in.get("/logout", **image)
    form = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for fields in ({}, {"confirmed": "yes"}, {"confirmed": "yes", "client_id": app.id}):
        signed_in.post("/logout", fields, **form)
        assert is_signed_in(signed_in, app)


def test_nobody_to_sign_out_is_no_error(app, visitor):
    response = visitor.get(app.logout_url(client_id=app.id, post_logout_redirect_uri=AFTER))
    assert response.status_code in (200, 303)
    if response.status_code == 303:
        assert response.headers["Location"] == AFTER
    assert visitor.get("/logout").status_code == 200


def test_m092_offline_access_outlives_the_browser(app, signed_in, user):
    offline = app.sign_in(signed_in, user, "openid offline_access")
    response = signed_in.get(app.logout_url(id_token_hint=signed_in.tokens["id_token"]))
    assert response.status_code == 200
    assert not is_signed_in(signed_in, app)
    assert app.refresh(offline).status_code == 200
    api.assert_oauth_error(app.refresh(signed_in.tokens), 400, "invalid_grant")


def test_i039_the_next_person_in_the_same_browser_gets_nothing_of_the_first(app, admin, signed_in, user):
    first = app.id_token(signed_in.tokens)
    other = sign_in.create_user(admin)
    asked = app.ask(prompt="select_account")
    page = signed_in.open(asked.url)
    response = signed_in.submit(page, "/login", username=other.username, password=other.password)
    second = app.id_token(app.tokens(asked, answer_of(response)["code"]))
    assert second["sub"] == other.id and second["sid"] != first["sid"]
    # the browser is the second one's now, and what was opened in it before has ended
    api.assert_oauth_error(app.refresh(signed_in.tokens), 400, "invalid_grant")


def listening(admin, receiver, **more):
    return sign_in.register(admin, backchannel_logout_uri=receiver.url, **more)


def test_m082_m083_the_metadata_says_that_logout_tokens_come(app, signed_in):
    assert app.metadata["backchannel_logout_supported"] is True
    assert app.metadata["backchannel_logout_session_supported"] is True
    assert app.id_token(signed_in.tokens)["sid"]


def test_m085_m086_m087_m088_m089_m091_every_application_is_sent_a_logout_token(admin):
    with receivers.Receiver() as here, receivers.Receiver() as there:
        first, second = listening(admin, here), listening(admin, there)
        visitor, user = Visitor(admin.url), sign_in.create_user(admin)
        tokens = first.sign_in(visitor, user), second.sign_in(visitor, user)
        visitor.get(first.logout_url(id_token_hint=tokens[0]["id_token"]))
        for app, receiver, opened in zip((first, second), (here, there), tokens):
            token = receiver.token()
            header, claims = sign_in.header(token), sign_in.decode(app.metadata, token)
            assert header["typ"] == "logout+jwt" and header["alg"] == "RS256"
            assert claims["iss"] == app.metadata["issuer"] and claims["aud"] == app.id and claims["jti"]
            assert claims["sub"] == user.id and claims["sid"] == app.id_token(opened)["sid"]
            assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
            assert "nonce" not in claims
            assert claims["iat"] <= time.time() + 1 and 0 < claims["exp"] - claims["iat"] <= 120
            assert receiver.requests.empty()


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_m090_a_logout_token_has_the_algorithm_of_the_id_tokens(admin, algorithm):
    with receivers.Receiver() as receiver:
        app = listening(admin, receiver, id_token_alg=algorithm)
        visitor = Visitor(admin.url)
        tokens = app.sign_in(visitor, sign_in.create_user(admin))
        visitor.get(app.logout_url(id_token_hint=tokens["id_token"]))
        assert sign_in.header(receiver.token())["alg"] == algorithm


def test_m094_i104_a_logout_token_is_no_other_token(admin):
    with receivers.Receiver() as receiver:
        app = listening(admin, receiver, post_logout_redirect_uris=[AFTER])
        visitor = Visitor(admin.url)
        user = sign_in.create_user(admin)
        tokens = app.sign_in(visitor, user)
        visitor.get(app.logout_url(id_token_hint=tokens["id_token"]))
        token = receiver.token()
        for path in ("/userinfo", "/api/me", "/users/"):
            response = requests.get(admin.url + path, headers=api.bearer(token), timeout=30)
            api.assert_invalid_token(response)
        app.sign_in(visitor, user)
        assert asks(visitor.get(app.logout_url(id_token_hint=token, post_logout_redirect_uri=AFTER)))


def test_a_disabled_user_is_signed_out_everywhere(admin):
    with receivers.Receiver() as receiver:
        app, user = listening(admin, receiver), sign_in.create_user(admin)
        sid = app.id_token(app.sign_in(Visitor(admin.url), user))["sid"]
        assert admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}).status_code == 200
        claims = sign_in.decode(app.metadata, receiver.token())
        assert (claims["sub"], claims["sid"]) == (user.id, sid)


@pytest.mark.parametrize("uri", ["https://app.example/back#x", "http://app.example/back", "ftp://app.example/back", "back",
                                 "https://user@app.example/back", "https://169.254.169.254/back", "https://[fe80::1]/back",
                                 "https://10.0.0.1/back"])
def test_m084_i105_a_wrong_address_for_logout_tokens_is_refused(admin, uri):
    body = {"name": "wrong", "grants": ["authorization_code"], "kind": "web", "redirect_uris": [sign_in.CALLBACK],
            "backchannel_logout_uri": uri}
    response = admin.post("/api/clients", json=body)
    assert response.status_code == 422, response.text
    assert "backchannel_logout_uri" in [error["loc"][-1] for error in response.json()["errors"]]
