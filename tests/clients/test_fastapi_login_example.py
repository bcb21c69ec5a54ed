"""examples/fastapi-login in a real browser: sign-in, roles, sign-out, and sessions that end elsewhere."""

import json

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import api
import browsers
import oauth
import programs
import services
import sign_in
from browsers import fill, press
from programs import PASSWORD, wait_until


def start(server):
    """The application in front of a server, which calls it when a session ends."""
    admin = api.login(server.url, "admin")
    port = programs.free_port()
    own = f"http://127.0.0.1:{port}"
    app = sign_in.register(admin, redirect_uri=f"{own}/callback", post_logout_redirect_uris=[f"{own}/logged-out"],
                           backchannel_logout_uri=f"{own}/backchannel-logout")
    service = services.fastapi_login(server, app.registration, port)
    service.app = app
    return service


@pytest.fixture(scope="module")
def shop(dev):
    with start(dev) as running:
        yield running


@pytest.fixture
def browser(driver):
    driver.get("about:blank")
    browsers.command(driver, "Network.enable")
    browsers.clear_cookies(driver)
    driver.get_log("browser")
    return driver


def text(browser):
    return browser.find_element(By.TAG_NAME, "body").text


def sign_in_as(browser, shop, name, password=PASSWORD):
    browser.get(shop.url)
    browser.find_element(By.LINK_TEXT, "Sign in").click()
    browsers.wait_for(browser, until.title_contains("Sign in"))
    fill(browser, username=name, password=password)
    press(browser, "Sign in")
    assert f"Signed in as {name}" in text(browser)


def items(browser, shop):
    browser.get(f"{shop.url}/items/")
    return json.loads(text(browser))


def session_of(browser):
    [cookie] = [cookie for cookie in browser.get_cookies() if cookie["name"] == "session"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    return cookie["value"]


def test_a_person_signs_in_and_the_roles_are_shown(browser, shop):
    sign_in_as(browser, shop, "admin")
    assert "admin" in text(browser).partition("roles: ")[2]
    assert items(browser, shop) == [{"item_id": "Foo", "owner": "admin"}]
    stored = browser.execute_script("return JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert stored == '[{},{},""]'
    assert "eyJ" not in session_of(browser)


def test_roles_decide(browser, shop):
    sign_in_as(browser, shop, "alice")
    assert items(browser, shop) == {"detail": "Operation not permitted"}


def test_a_lost_role_counts_at_once(browser, shop, admin):
    user = sign_in.create_user(admin, "admin", "user")
    sign_in_as(browser, shop, user.username, user.password)
    assert items(browser, shop)[0]["owner"] == user.username
    oauth.expect(admin.delete(f"/api/users/{user.id}/roles/admin"), 204)
    wait_until(10, lambda: items(browser, shop) == {"detail": "Operation not permitted"})


def test_the_session_gets_another_id_when_somebody_signs_in(browser, shop):
    browser.get(f"{shop.url}/login")
    before = requests.get(f"{shop.url}/login", allow_redirects=False, timeout=10).cookies["session"]
    browser.get(f"{shop.url}/")
    browser.add_cookie({"name": "session", "value": before, "path": "/"})
    sign_in_as(browser, shop, "alice")
    assert session_of(browser) != before
    response = requests.get(f"{shop.url}/items/", cookies={"session": before}, timeout=10)
    assert response.status_code == 401


def test_signing_out_ends_both_sessions(browser, shop):
    sign_in_as(browser, shop, "alice")
    browser.get(shop.url)
    press(browser, "Sign out")
    assert "Nobody is signed in" in text(browser) and browser.current_url == f"{shop.url}/"
    assert items(browser, shop) == {"detail": "Not authenticated"}
    browser.get(f"{shop.url}/login")
    assert browser.find_elements(By.NAME, "password")
    assert [entry for entry in browser.get_log("browser") if "Content Security" in entry["message"]] == []


def test_a_session_that_ends_elsewhere_ends_here(browser, shop, admin):
    user = sign_in.create_user(admin)
    sign_in_as(browser, shop, user.username, user.password)
    assert "Signed in" in text(browser)
    oauth.expect(admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}), 200)

    def is_out():
        # this page asks nobody: only the log-out token can have ended the session
        browser.get(shop.url)
        return "Nobody is signed in" in text(browser)

    wait_until(30, is_out)


def test_only_logout_tokens_end_sessions(browser, shop, dev, admin):
    visitor = sign_in.Visitor(dev.url)
    user = sign_in.create_user(admin)
    tokens = shop.app.sign_in(visitor, user)
    for token in (tokens["id_token"], tokens["access_token"], "made-up", ""):
        response = requests.post(f"{shop.url}/backchannel-logout", data={"logout_token": token}, timeout=10)
        assert response.status_code == 400, response.text
    assert requests.post(f"{shop.url}/backchannel-logout", timeout=10).status_code == 400


@pytest.mark.parametrize("query", [
    "", "?code=x&state=y", "?error=access_denied&state=y", "?code=x&state=y&iss=https://evil.example"])
def test_an_answer_that_nobody_asked_for_is_refused(shop, query):
    issuer = "&iss=" + shop.app.url if query and "iss=" not in query else ""
    response = requests.get(f"{shop.url}/callback{query}{issuer}", timeout=10)
    assert response.status_code in (400, 403)
    assert "Signed in" not in response.text


def test_tokens_are_refreshed():
    with programs.dev_with_short_tokens(4) as server, start(server) as shop:
        member = sign_in.Member(shop.url, server.url, sign_in.DEMO)
        # each call finds a token that is about to expire
        for _ in range(5):
            assert member.get("/items/").json() == [{"item_id": "Foo", "owner": "admin"}]
