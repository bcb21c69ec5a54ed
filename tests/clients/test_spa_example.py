"""examples/spa in a real browser: sign-in, silent refresh, a reload, sign-out, and a session that ends elsewhere."""

import json

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import api
import browsers
import oauth
import programs
import services
import sign_in
from browsers import click, fill, press
from programs import PASSWORD, wait_until


def start(server):
    """The page in front of a server, with its client and with a client that follows the feed."""
    admin = api.login(server.url, "admin")
    port = programs.free_port()
    own = f"http://127.0.0.1:{port}/"
    page = sign_in.register(admin, kind="browser", public=True, redirect_uri=own, post_logout_redirect_uris=[own])
    # the first token may have ended, where tokens are short
    admin = api.login(server.url, "admin")
    feed = api.create_client(admin, roles=["rolecall.resource-server"])
    return services.spa(server, page.registration, port, FEED_CLIENT_ID=feed["client_id"],
                        FEED_CLIENT_SECRET=feed["client_secret"])


@pytest.fixture(scope="module")
def page(dev):
    with start(dev) as running:
        yield running


@pytest.fixture
def browser(driver, page):
    # of the same origin, and without the script that would sign in again
    driver.get(f"{page.url}/config.json")
    driver.execute_script("sessionStorage.clear()")
    browsers.command(driver, "Network.enable")
    browsers.clear_cookies(driver)
    driver.get_log("browser")
    return driver


def status(browser):
    return browser.find_element(By.ID, "status").text


def sign_in_as(browser, page, name):
    browser.get(page.url)
    click(browser, '//button[@id="sign-in"]')
    browsers.wait_for(browser, until.title_contains("Sign in"))
    fill(browser, username=name, password=PASSWORD)
    press(browser, "Sign in")
    browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), f"Signed in as {name}"))


def press_for_answer(browser, action):
    """Presses the button of an action, without an answer on the page."""
    browser.execute_script("document.getElementById('answer').textContent = ''")
    click(browser, f'//button[@id="{action}"]')


def answer(browser):
    """What the page says of the action. In between, the browser may be elsewhere."""
    def read():
        try:
            return browser.find_element(By.ID, "answer").text
        except WebDriverException:
            # the page has gone to the sign-in, or has just come back
            return ""

    return wait_until(30, read, "an answer on the page")


def load(browser):
    """Presses the button, and returns what the API answers."""
    press_for_answer(browser, "load")
    return answer(browser)


def test_a_person_signs_in_and_loads_the_items(browser, page):
    sign_in_as(browser, page, "admin")
    assert browser.current_url == f"{page.url}/", "the code is still in the address"
    assert "admin" in status(browser).partition("roles: ")[2]
    assert json.loads(load(browser)) == [{"item_id": "Foo", "owner": "admin"}]
    stored = browser.execute_script("return JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "eyJ" not in stored and "rcr_" not in stored
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in severe if "favicon.ico" not in message] == []


def test_roles_decide(browser, page):
    sign_in_as(browser, page, "alice")
    assert load(browser).startswith("403: Operation not permitted")


def test_a_reload_signs_in_again_without_a_page(browser, page):
    sign_in_as(browser, page, "admin")
    browser.refresh()
    browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), "Signed in as admin"))
    assert json.loads(load(browser))


def test_a_refresh_rotates_the_tokens(browser, page):
    sign_in_as(browser, page, "admin")
    browser.get_log("performance")
    click(browser, '//button[@id="refresh"]')
    wait_until(20, lambda: [url for url in browsers.requested_urls(browser) if url.endswith("/userinfo")])
    assert status(browser).startswith("Signed in as admin")
    assert json.loads(load(browser))


def test_signing_out_ends_the_session_and_comes_back(browser, page, dev):
    sign_in_as(browser, page, "admin")
    click(browser, '//button[@id="sign-out"]')
    browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), "Nobody is signed in"))
    assert browser.current_url == f"{page.url}/"
    # the next sign-in is asked for the password
    click(browser, '//button[@id="sign-in"]')
    browsers.wait_for(browser, until.title_contains("Sign in"))
    assert browser.find_elements(By.NAME, "password")


def test_a_session_that_ends_elsewhere_ends_here(browser, page, admin, dev):
    user = sign_in.create_user(admin, "admin")
    browser.get(page.url)
    click(browser, '//button[@id="sign-in"]')
    browsers.wait_for(browser, until.title_contains("Sign in"))
    fill(browser, username=user.username, password=user.password)
    press(browser, "Sign in")
    browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), "Signed in as"))
    assert json.loads(load(browser))
    oauth.expect(admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}), 200)

    def ended():
        browser.execute_script("document.getElementById('load').click()")
        return status(browser).startswith("Signed out: ")

    wait_until(20, ended)


def test_an_answer_that_the_page_did_not_ask_for_is_refused(browser, page, dev):
    for query in ("?code=rcc_x&state=x&iss=" + dev.url, "?error=access_denied&state=x"):
        browser.get(page.url + "/" + query)
        browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), "This is no answer"))
        assert browser.current_url == f"{page.url}/"


def test_tokens_are_refreshed_before_they_expire(driver):
    with programs.dev_with_short_tokens(3) as server, start(server) as page:
        sign_in_as(driver, page, "admin")
        driver.get_log("performance")
        count = 0

        def refreshed():
            nonlocal count
            count += len([url for url in browsers.requested_urls(driver) if url == f"{server.url}/token"])
            return count >= 4  # two refreshes, each with its preflight or not

        wait_until(60, refreshed)
        assert status(driver).startswith("Signed in as admin")
        assert json.loads(load(driver))
