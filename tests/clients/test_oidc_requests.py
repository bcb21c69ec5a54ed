"""Authorization requests and their answers. The numbers in the names are those of the requirements."""

import secrets

import pytest
import requests

import sign_in
from programs import wait_until
from sign_in import Page, Visitor, answer_of

FORM_MARKS = ("'none'", "frame-ancestors 'none'", "base-uri 'none'")


@pytest.fixture(scope="module")
def app(admin):
    """A web application of the operator's own: nobody is asked to allow it."""
    return sign_in.register(admin)


@pytest.fixture(scope="module")
def shop(admin):
    """Somebody else's application."""
    return sign_in.register(admin, consent="ask")


@pytest.fixture(scope="module")
def phone(admin):
    """A native application without a secret."""
    return sign_in.register(admin, redirect_uri="http://127.0.0.1/cb", kind="native", public=True)


@pytest.fixture
def visitor(dev):
    return Visitor(dev.url)


@pytest.fixture
def user(admin):
    return sign_in.create_user(admin)


@pytest.fixture
def signed_in(app, user, dev):
    """A visitor who is signed in, and `signed_in.tokens`."""
    visitor = Visitor(dev.url)
    visitor.tokens = app.sign_in(visitor, user, "openid profile")
    return visitor


def is_sign_in_page(response):
    return response.status_code == 200 and Page(response.text).has_form("/login")


def is_consent_page(response):
    return response.status_code == 200 and Page(response.text).has_form("/consent")


def assert_page_without_redirect(response):
    """A page that leads nowhere: no `Location`, no link and no form to another site, and no refresh."""
    assert response.status_code == 400, (response.status_code, response.text)
    assert "Location" not in response.headers and "Refresh" not in response.headers
    page = Page(response.text)
    assert page.forms == [] and not [link for link in page.links if "//" in link]
    assert not [tag for tag, attributes in page.elements if tag == "meta" and "http-equiv" in attributes]


def assert_refused(visitor, asked, error):
    """The answer goes to the application, with the error, the state and the issuer."""
    answer = answer_of(visitor.open(asked.url))
    assert answer["error"] == error, answer
    assert answer.get("state") == asked.parameters.get("state") and answer["iss"] == visitor.url
    assert answer["error_description"] and "code" not in answer
    return answer


def test_m009_the_authorization_endpoint_takes_get_and_post(app, visitor):
    asked = app.ask()
    assert is_sign_in_page(visitor.open(asked.url))
    # an application posts from its own site, and the browser sends no cookies with it
    foreign = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    assert is_sign_in_page(visitor.follow(visitor.post("/authorize", asked.parameters, **foreign)))


@pytest.mark.parametrize("missing", ["client_id", "redirect_uri"])
def test_m011_without_client_or_redirect_uri_there_is_a_page(app, visitor, missing):
    assert_page_without_redirect(visitor.open(app.ask(**{missing: None}).url))


def test_m011_without_a_response_type_the_request_is_invalid(app, visitor):
    assert_refused(visitor, app.ask(response_type=None), "invalid_request")


@pytest.mark.parametrize("prompt", [None, "none", "login"])
@pytest.mark.parametrize("uri", [
    "https://app.example/cb/", "https://app.example/cb?x=1", "https://app.example/cb?", "https://app.example/cb#",
    "https://app.example:443/cb", "https://APP.example/cb", "https://app.example/CB", "https://app.example/%63b",
    "https://app.example%2Fcb", "http://app.example/cb", "https://app.example/cb/..;/x", "https://app.example/cbx",
    "https://app.example@evil.example/cb", "https://app.example.evil.example/cb", "//evil.example", "javascript:alert(1)",
    " https://app.example/cb", "https://app.example/cb ", "https://app.example/cb\x00",
])
def test_o056_m012_m118_i001_i006_another_redirect_uri_is_refused_without_redirect(app, visitor, uri, prompt):
    response = visitor.open(app.ask(redirect_uri=uri, prompt=prompt).url)
    assert_page_without_redirect(response)
    assert "<script" not in response.text and f'"{uri}"' not in response.text


@pytest.mark.parametrize("client", ["", "nobody", "018bcfe5-6800-7000-8000-000000000000", "rolecall", "https://evil.example/c"])
def test_o055_m118_an_unknown_client_is_refused_without_redirect(app, visitor, client):
    assert_page_without_redirect(visitor.open(app.ask(client_id=client).url))


def test_m013_i045_prompt_none_shows_no_page(app, shop, visitor, signed_in):
    assert_refused(visitor, app.ask(prompt="none"), "login_required")
    answer = answer_of(signed_in.open(app.ask(prompt="none").url))
    assert answer["code"]
    # a session is there, and this application was not allowed yet
    assert_refused(signed_in, shop.ask(prompt="none"), "consent_required")


@pytest.mark.parametrize("prompt", ["none login", "login none", "none consent select_account"])
def test_m014_prompt_none_stands_alone(app, visitor, prompt):
    assert_refused(visitor, app.ask(prompt=prompt), "invalid_request")


def test_m015_i044_prompt_login_asks_again(app, user, signed_in):
    first = app.id_token(signed_in.tokens)
    asked = app.ask(prompt="login")
    page = signed_in.open(asked.url)
    assert is_sign_in_page(page)
    # nobody goes on with the session
    assert not Page(page.text).has_form("/login/continue")
    response = signed_in.submit(page, "/login", username=user.username, password=user.password)
    second = app.id_token(app.tokens(asked, answer_of(response)["code"]))
    assert second["auth_time"] >= first["auth_time"] and second["sub"] == first["sub"]
    assert answer_of(signed_in.open(app.ask(prompt="none").url))["code"]


def test_m016_m026_consent_is_asked_for_once_and_again_by_prompt(shop, user, dev):
    visitor = Visitor(dev.url)
    assert shop.sign_in(visitor, user, "openid profile")
    assert answer_of(visitor.open(shop.ask("openid profile").url))["code"]
    page = visitor.open(shop.ask("openid profile", prompt="consent").url)
    assert is_consent_page(page)
    assert shop.registration["name"] in page.text and "app.example" in page.text and user.username in page.text
    # more than was allowed
    assert is_consent_page(visitor.open(shop.ask("openid profile email").url))
    assert_refused(visitor, shop.ask("openid profile email", prompt="none"), "consent_required")


def test_m028_a_denied_consent_is_access_denied(shop, user, visitor):
    asked = shop.ask()
    answer = visitor.sign_in(asked, user, allow=False)
    assert answer["error"] == "access_denied" and answer["state"] == asked["state"] and answer["iss"] == visitor.url


def test_m017_an_old_sign_in_is_asked_for_again(app, signed_in):
    assert answer_of(signed_in.open(app.ask(max_age="10000").url))["code"]
    assert is_sign_in_page(signed_in.open(app.ask(max_age="0").url))
    wait_until(20, lambda: "error" in answer_of(signed_in.open(app.ask(max_age="1", prompt="none").url)))
    assert_refused(signed_in, app.ask(max_age="1", prompt="none"), "login_required")
    assert is_sign_in_page(signed_in.open(app.ask(max_age="1").url))


@pytest.mark.parametrize("age", ["-1", "soon", "1.5", "99999999999999999999"])
def test_m017_a_wrong_max_age_is_invalid(app, visitor, age):
    assert_refused(visitor, app.ask(max_age=age), "invalid_request")


def test_m018_i046_a_hint_of_another_user_does_not_pass(app, admin, dev, signed_in):
    other = Visitor(dev.url)
    hint = app.sign_in(other, sign_in.create_user(admin))["id_token"]
    assert_refused(signed_in, app.ask(prompt="none", id_token_hint=hint), "login_required")
    own = app.ask(prompt="none", id_token_hint=signed_in.tokens["id_token"])
    assert answer_of(signed_in.open(own.url))["code"]


@pytest.mark.parametrize("more", [
    {"ui_locales": "xx tlh"}, {"ui_locales": "//evil.example"}, {"claims_locales": "xx"}, {"display": "wap"},
    {"display": "hologram"}, {"login_hint": "nobody"}, {"acr_values": "gold phr"}, {"foo": "bar"},
    {"display": "page", "ui_locales": "de en", "claims_locales": "de", "max_age": "10000", "acr_values": "1"},
    {"claims": '{"userinfo": {"nickname": {"essential": true}, "made_up": null}, "other": {}}'},
])
def test_m020_m022_m044_m057_what_is_not_supported_is_no_error(app, signed_in, more):
    assert answer_of(signed_in.open(app.ask(**more).url))["code"]


def test_m021_a_login_hint_fills_the_form_and_decides_nothing(app, user, visitor):
    asked = app.ask(login_hint='some"body<b>')
    page = visitor.open(asked.url)
    assert Page(page.text).form("/login").fields["username"] == 'some"body<b>'
    assert "<b>" not in page.text
    response = visitor.submit(page, "/login", username=user.username, password=user.password)
    assert app.id_token(app.tokens(asked, answer_of(response)["code"]))["sub"] == user.id


@pytest.mark.parametrize("name", ["state", "client_id", "redirect_uri", "scope", "code_challenge", "prompt"])
def test_o065_m023_a_parameter_that_comes_twice_is_refused(app, visitor, name):
    asked = app.ask(prompt="login")
    assert_page_without_redirect(visitor.open(f"{asked.url}&{name}=x"))


def test_m024_tokens_are_for_the_person_that_the_request_names(app, admin, user, signed_in, dev):
    other = sign_in.create_user(admin)
    claims = f'{{"id_token": {{"sub": {{"value": "{other.id}"}}}}}}'
    assert_refused(signed_in, app.ask(claims=claims, prompt="none"), "login_required")
    page = signed_in.open(app.ask(claims=claims).url)
    response = signed_in.submit(page, "/login", username=user.username, password=user.password)
    assert "code=" not in response.headers.get("Location", "")
    visitor, asked = Visitor(dev.url), app.ask(claims=claims)
    assert app.id_token(app.tokens(asked, visitor.code(asked, other)))["sub"] == other.id


def test_m025_i034_a_form_of_another_site_is_refused(app, user, visitor):
    page = visitor.open(app.ask().url)
    form = Page(page.text).form("/login")
    fields = {**form.fields, "username": user.username, "password": user.password}
    for headers in ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
                    {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example"}):
        response = visitor.post(form.action, fields, **headers)
        assert response.status_code == 403 and "Set-Cookie" not in response.headers
    assert answer_of(visitor.submit(page, "/login", username=user.username, password=user.password))["code"]


def test_i033_i098_a_flow_belongs_to_the_browser_that_began_it(shop, user, visitor, dev):
    page = visitor.open(shop.ask().url)
    stranger = Visitor(dev.url)
    for there in (stranger, Visitor(dev.url)):
        response = there.submit(page, "/login", username=user.username, password=user.password)
        assert_page_without_redirect(response)
    consent = visitor.submit(page, "/login", username=user.username, password=user.password)
    assert is_consent_page(consent)
    # a stranger with a flow of their own cannot decide it
    stranger.open(shop.ask().url)
    assert_page_without_redirect(stranger.submit(consent, "/consent", "allow"))


def test_i016_what_was_asked_for_is_not_in_the_form(shop, user, visitor):
    asked = shop.ask("openid")
    page = visitor.open(asked.url)
    fields = {"username": user.username, "password": user.password}
    assert set(Page(page.text).form("/login").fields) == {"flow", "username", "password"}
    changed = {"scope": "openid profile roles", "redirect_uri": "https://evil.example", "client_id": "x", "code_challenge": "a" * 43}
    consent = visitor.submit(page, "/login", **fields, **changed)
    assert set(Page(consent.text).form("/consent").fields) == {"flow"}
    response = visitor.submit(consent, "/consent", "allow", **changed)
    assert response.headers["Location"].startswith(f"{sign_in.CALLBACK}?")
    tokens = shop.tokens(asked, answer_of(response)["code"])
    assert tokens["scope"].split() == ["openid"] and set(shop.userinfo(tokens).json()) == {"sub"}


def test_i036_i037_half_a_sign_in_opens_nothing_and_another_account_begins_again(app, shop, admin, user, visitor):
    page = visitor.open(shop.ask().url)
    consent = visitor.submit(page, "/login", username=user.username, password=user.password)
    assert is_consent_page(consent) and not [name for name in visitor.cookies if "session" in name]
    assert_refused(visitor, app.ask(prompt="none"), "login_required")
    assert visitor.get("/account").status_code == 303
    page = visitor.submit(consent, "/login/other")
    assert is_sign_in_page(page)
    # the form of before allows nothing in the name of the first
    assert is_sign_in_page(visitor.submit(consent, "/consent", "allow"))
    other = sign_in.create_user(admin)
    consent = visitor.submit(page, "/login", username=other.username, password=other.password)
    assert other.username in consent.text and user.username not in consent.text


def test_i035_no_step_can_be_skipped(shop, visitor):
    page = visitor.open(shop.ask().url)
    flow = Page(page.text).form("/login").fields["flow"]
    for path in ("/consent", "/login/continue"):
        response = visitor.follow(visitor.post(path, {"flow": flow, "decision": "allow"}))
        assert is_sign_in_page(response), path


@pytest.mark.parametrize("stays", [True, False])
def test_a_person_stays_signed_in_on_request(app, user, visitor, stays):
    page = visitor.open(app.ask().url)
    form = Page(page.text).form("/login")
    fields = {**form.fields, "username": user.username, "password": user.password, **({"stay": "on"} if stays else {})}
    response = visitor.post(form.action, fields)
    [cookie] = [line for line in response.raw.headers.getlist("Set-Cookie") if line.startswith("__Host-rolecall-session=")]
    assert ("Max-Age=2592000" in cookie) == stays and ("Max-Age" in cookie) == stays
    assert "SameSite=Lax" in cookie


def test_i038_the_session_has_a_new_secret_after_each_sign_in(app, user, signed_in):
    [before] = [value for name, value in signed_in.cookies.items() if name.endswith("session")]
    app.sign_in(signed_in, user, prompt="login")
    [after] = [value for name, value in signed_in.cookies.items() if name.endswith("session")]
    assert before != after


@pytest.mark.parametrize("state", ["a b&c=d+e%20f", "ä€😀\u202e", "<script>alert(1)</script>\"'", "x" * 1024, "a\nb\tc"])
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_o063_o064_m027_m056_m105_m127_i012_i032_the_state_returns_as_it_was(app, signed_in, state, mode):
    response = signed_in.open(app.ask(state=state, response_mode=mode).url)
    answer = answer_of(response)
    assert answer["state"] == state and answer["iss"] == signed_in.url and answer["code"]
    if mode == "form_post":
        assert answer["action"] == sign_in.CALLBACK
        assert "alert(1)</script>" not in response.text
        assert "form-action 'self' https://app.example" in response.headers["Content-Security-Policy"]


def test_m127_without_a_state_there_is_none_in_the_answer(app, signed_in):
    assert set(answer_of(signed_in.open(app.ask(state=None).url))) == {"code", "iss"}


@pytest.mark.parametrize("more, error", [
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"request_uri": "https://inner.example/r"}, "request_uri_not_supported"),
    ({"registration": "{}"}, "registration_not_supported"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"scope": 'openid "'}, "invalid_scope"),
    ({"resource": "https://else.example"}, "invalid_target"),
    ({"resource": "relative"}, "invalid_target"),
    ({"claims": "{"}, "invalid_request"),
    ({"claims": '{"id_token": {"acr": {"essential": true, "value": "gold"}}}'}, "unmet_authentication_requirements"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": ""}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": "s256"}, "invalid_request"),
    ({"code_challenge_method": "S512"}, "invalid_request"),
    ({"code_challenge": "a" * 42}, "invalid_request"),
    ({"code_challenge": "a" * 44}, "invalid_request"),
    ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
    ({"code_challenge": "a" * 42 + "+"}, "invalid_request"),
], ids=str)
def test_o059_o060_o061_o062_o066_m029_m045_m048_m049_m097_m099_m100_m102_m110_m128_i007_i015_i030_i124_errors_go_to_the_application(app, visitor, signed_in, more, error):
    assert_refused(visitor, app.ask(**more), error)
    # and nobody who is signed in makes a difference
    assert_refused(signed_in, app.ask(**more), error)


def test_m128_m129_an_error_by_form_has_the_issuer_too(app, visitor):
    answer = answer_of(visitor.open(app.ask(prompt="none", response_mode="form_post").url))
    assert answer["error"] == "login_required" and answer["iss"] == app.metadata["issuer"]


def test_o068_m060_m106_m120_i048_a_form_is_answered_by_303(app, shop, user, visitor):
    page = visitor.open(shop.ask().url)
    form = Page(page.text).form("/login")
    response = visitor.post(form.action, {**form.fields, "username": user.username, "password": user.password})
    assert response.status_code == 303
    consent = visitor.follow(response)
    form = Page(consent.text).form("/consent")
    assert visitor.post(form.action, {**form.fields, "decision": "allow"}).status_code == 303


@pytest.mark.parametrize("path", [
    "/login?next=//evil.example", "/login?flow=//evil.example", "/login/password?flow=https://evil.example",
    "/consent?flow=x&redirect_uri=https://evil.example", "/logout?post_logout_redirect_uri=https://evil.example",
    "/logout?post_logout_redirect_uri=//evil.example&client_id=nobody", "/authorize?redirect_uri=https://evil.example",
])
def test_m104_no_page_leads_elsewhere(visitor, signed_in, path):
    for somebody in (visitor, signed_in):
        response = somebody.get(path)
        assert "evil.example" not in response.headers.get("Location", "")
        assert not [link for link in Page(response.text).links if "evil.example" in link]


def test_o069_m115_the_authorization_endpoint_has_no_cors(app, visitor):
    headers = {"Origin": "http://127.0.0.1:9000"}
    response = requests.get(app.ask().url, headers=headers, allow_redirects=False, timeout=30)
    assert "Access-Control-Allow-Origin" not in response.headers
    preflight = {**headers, "Access-Control-Request-Method": "POST"}
    response = requests.options(app.metadata["authorization_endpoint"], headers=preflight, timeout=30)
    assert "Access-Control-Allow-Origin" not in response.headers


def test_m121_i042_headers_that_a_proxy_sets_change_nothing(app, dev):
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example",
              "X-Forwarded-For": "203.0.113.9"}
    visitor = Visitor(dev.url, **forged)
    response = visitor.get(app.ask().url)
    assert "evil.example" not in response.headers["Location"]
    page = visitor.follow(response)
    assert is_sign_in_page(page) and "evil.example" not in page.text
    metadata = requests.get(f"{dev.url}/.well-known/openid-configuration", headers=forged, timeout=30).json()
    assert metadata == app.metadata


def pages(app, shop, user, visitor):
    """Yields every page that a person sees."""
    page = visitor.open(shop.ask().url)
    yield page
    yield visitor.submit(page, "/login", username=user.username, password="wrong " + secrets.token_hex(4))
    yield visitor.open([link for link in Page(page.text).links if "/login/password" in link][0])
    consent = visitor.submit(page, "/login", username=user.username, password=user.password)
    yield consent
    visitor.submit(consent, "/consent", "allow")
    yield visitor.open(app.ask(prompt="select_account").url)
    yield visitor.open(app.ask(response_mode="form_post").url)
    yield visitor.open("/logout")
    yield visitor.open("/login?flow=unknown")
    yield visitor.open("/authorize")
    yield visitor.post("/login", {"flow": "x"}, Origin="https://evil.example", **{"Sec-Fetch-Site": "cross-site"})


def test_o067_m025_m058_m116_m126_i047_every_page_has_the_headers(app, shop, user, visitor):
    count = 0
    for count, page in enumerate(pages(app, shop, user, visitor), 1):
        policy = page.headers["Content-Security-Policy"]
        assert all(mark in policy for mark in FORM_MARKS) and "unsafe" not in policy, page.url
        assert page.headers["X-Frame-Options"] == "DENY" and page.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page.headers["Cache-Control"] and page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        inline = [attributes for tag, attributes in Page(page.text).elements if tag == "script" and "src" not in attributes]
        assert inline == [] and "<style" not in page.text and " style=" not in page.text
    assert count == 10


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://127.0.0.1/cb"])
def test_o057_m103_m134_a_native_application_listens_on_any_port(phone, user, visitor, uri):
    asked = phone.ask(redirect_uri=uri)
    response = visitor.open(asked.url)
    response = visitor.submit(response, "/login", username=user.username, password=user.password)
    assert response.headers["Location"].startswith(f"{uri}?code=")
    answer = answer_of(response)
    assert phone.tokens(asked, answer["code"])["id_token"]
    # the code is for this port alone
    again = phone.ask(redirect_uri=uri)
    code = answer_of(visitor.open(again.url))["code"]
    assert phone.exchange(again, code, redirect_uri="http://127.0.0.1:7/cb").status_code == 400


def test_m134_a_native_application_listens_on_ipv6_too(admin, user, visitor):
    phone = sign_in.register(admin, redirect_uri="http://[::1]/cb", kind="native", public=True)
    asked = phone.ask(redirect_uri="http://[::1]:4000/cb")
    assert visitor.sign_in(asked, user)["code"]


@pytest.mark.parametrize("uri", [
    "http://127.0.0.1:1/other", "http://127.0.0.2:1/cb", "http://localhost:1/cb", "http://127.0.0.1.evil.example:1/cb",
    "https://127.0.0.1:1/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:1@evil.example/cb", "http://0.0.0.0:1/cb",
])
def test_m135_i009_only_the_port_is_free(phone, visitor, uri):
    assert_page_without_redirect(visitor.open(phone.ask(redirect_uri=uri).url))


def test_m131_a_native_application_needs_pkce(phone, visitor):
    assert_refused(visitor, phone.ask(code_challenge=None, code_challenge_method=None), "invalid_request")


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "https://app.example/claimed"])
def test_m132_m133_a_native_application_has_a_scheme_or_a_claimed_address(admin, user, visitor, uri):
    phone = sign_in.register(admin, redirect_uri=uri, kind="native", public=True)
    asked = phone.ask()
    page = visitor.open(asked.url)
    source = uri.split("/cb")[0].split("/claimed")[0]
    assert f"form-action 'self' {source}" in page.headers["Content-Security-Policy"]
    response = visitor.submit(page, "/login", username=user.username, password=user.password)
    assert response.headers["Location"].startswith(f"{uri}?code=")
    assert phone.tokens(asked, answer_of(response)["code"])["access_token"]


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "com.example.app:/cb"])
def test_m138_i011_an_application_that_anybody_can_pose_as_is_asked_for_each_time(admin, user, visitor, uri):
    phone = sign_in.register(admin, redirect_uri=uri, kind="native", public=True, consent="ask")
    assert visitor.code(phone.ask(), user)
    assert is_consent_page(visitor.open(phone.ask().url))
    assert_refused(visitor, phone.ask(prompt="none"), "consent_required")


@pytest.mark.parametrize("member, body", [
    ("redirect_uris", {"redirect_uris": []}),
    ("redirect_uris", {"redirect_uris": ["http://app.example.com/cb"]}),
    ("redirect_uris", {"redirect_uris": ["https://*.example.com/cb"]}),
    ("redirect_uris", {"redirect_uris": ["https://app.example.com/cb#x"]}),
    ("redirect_uris", {"redirect_uris": ["https://a@app.example.com/cb"]}),
    ("redirect_uris", {"redirect_uris": ["https://app.example.com/a/../cb"]}),
    ("redirect_uris", {"redirect_uris": ["https://app.example.com/cb?state=1"]}),
    ("redirect_uris", {"redirect_uris": ["JavaScript:alert(1)"]}),
    ("redirect_uris", {"redirect_uris": ["data:text/html,x"]}),
    ("redirect_uris", {"redirect_uris": ["com.example.app:/cb"]}),
    ("post_logout_redirect_uris", {"post_logout_redirect_uris": ["javascript:alert(1)"]}),
    ("kind", {"kind": "native", "public": False}),
    ("id_token_alg", {"id_token_alg": "none"}),
    ("id_token_alg", {"id_token_alg": "HS256"}),
    ("pkce", {"pkce": "optional", "public": True, "kind": "browser"}),
], ids=lambda value: str(value))
def test_m007_m084_m114_m136_m137_i004_i005_i008_a_wrong_registration_is_refused(admin, member, body):
    sent = {"name": "wrong", "grants": ["authorization_code"], "kind": "web", "redirect_uris": [sign_in.CALLBACK], **body}
    response = admin.post("/api/clients", json=sent)
    assert response.status_code == 422, response.text
    assert member in [error["loc"][-1] for error in response.json()["errors"]], response.text
