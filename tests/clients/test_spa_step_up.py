"""examples/spa steps up in a real browser: for a role that needs a second factor, and for an action that needs a recent
sign-in. It comes back and does what it was asked; what no sign-in lifts stays refused."""

import contextlib
import json
import sqlite3
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import api
import browsers
import oauth
import programs
import services
import sign_in
from browsers import click, fill, press
from programs import wait_until
from test_second_factors import Phone, enrol
from test_sign_in_pages import LOOKS, heading, layout_problems
from test_spa_example import answer, press_for_answer, start

EXAMPLE = services.EXAMPLES / "spa"
DELETED = "The items are deleted."
# what a program that answers this to every DELETE would be to the page
NEVER_NEW_ENOUGH = """
    const real = window.fetch;
    window.fetch = (url, options) => options?.method !== "DELETE" ? real(url, options) : Promise.resolve(new Response(
      JSON.stringify({detail: "Never new enough"}), {status: 401, headers: {
        "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="300"'}}));"""


@contextlib.contextmanager
def stack(**settings):
    """A server, the page in front of it, and an administrator who goes on when `admin` needs a second factor."""
    command = [programs.rolecall(), "dev", "--keep", "demo"]
    with programs.Server(command, **settings) as server, start(server) as page:
        admin = api.login(server.url, "admin")
        root = sign_in.create_user(admin, "rolecall.admin")
        page.root = api.login(server.url, root.username, root.password)
        page.server = server
        yield page


@pytest.fixture(scope="module")
def page():
    with stack() as running:
        yield running


@pytest.fixture(scope="module")
def strict():
    """A server on which `admin` needs a second factor."""
    with stack() as running:
        raise_admin(running)
        yield running


def raise_admin(page):
    """From now on `admin` needs a second factor. `page.root` does not hold it."""
    oauth.expect(page.root.patch("/api/roles/admin", json={"acr": "aal2"}), 200)


@pytest.fixture
def browser(driver):
    browsers.set_look(driver)
    browsers.command(driver, "Network.enable")
    driver.get("about:blank")
    browsers.clear_cookies(driver)
    yield driver
    driver.get("about:blank")


def enter(browser, user):
    browsers.wait_for(browser, until.presence_of_element_located((By.NAME, "password")))
    fill(browser, username=user.username, password=user.password)
    press(browser, "Sign in")


def signed_in(browser, user):
    browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), f"Signed in as {user.username}"))


def open_page(browser, page, user, recovery_code=None):
    """Signs in to the page, from a tab that remembers nothing."""
    browser.get(f"{page.url}/config.json")
    browser.execute_script("sessionStorage.clear()")
    browser.get(page.url)
    click(browser, '//button[@id="sign-in"]')
    enter(browser, user)
    if recovery_code:
        browser.find_element(By.LINK_TEXT, "Use a recovery code instead").click()
        browsers.wait_for(browser, until.presence_of_element_located((By.NAME, "by")))
        fill(browser, code=recovery_code)
        press(browser, "Continue")
    signed_in(browser, user)
    sent(browser)


def prove(browser, phone):
    assert heading(browser) == "One more step"
    fill(browser, code=phone.code())
    press(browser, "Continue")


def sent(browser):
    """The requests since the last call, as method and address without its query."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [one["params"]["request"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    return [f"{one['method']} {one['url'].partition('?')[0]}" for one in requests]


def refresh(browser):
    """Gets new tokens by the button of the page."""
    click(browser, '//button[@id="refresh"]')
    wait_until(30, lambda: [one for one in sent(browser) if one.startswith("GET") and one.endswith("/userinfo")])


def age_sign_ins(page, seconds):
    """Lets all sign-ins have been made earlier."""
    with contextlib.closing(sqlite3.connect(page.server.folder / "demo" / "rolecall.db", timeout=30)) as database:
        for table in ("sessions", "browser_sessions"):
            database.execute(f"UPDATE {table} SET auth_time = auth_time - {seconds * 1_000_000}")
        database.commit()


def test_a_recent_sign_in_is_enough(browser, page):
    user = sign_in.create_user(page.root, "admin")
    open_page(browser, page, user)
    press_for_answer(browser, "delete")
    assert answer(browser) == DELETED
    assert not [one for one in sent(browser) if one.endswith("/authorize")]


def test_an_old_sign_in_is_made_again_with_both_factors(browser, page):
    user = sign_in.create_user(page.root, "admin")
    phone, _, codes = enrol(page.server, user)
    open_page(browser, page, user, codes[0])
    age_sign_ins(page, 301)
    refresh(browser)
    press_for_answer(browser, "load")
    assert json.loads(answer(browser)) == [{"item_id": "Foo", "owner": user.username}]
    press_for_answer(browser, "delete")
    browsers.wait_for(browser, until.title_contains("Sign in"))
    enter(browser, user)
    prove(browser, phone)
    assert answer(browser) == DELETED
    assert browser.current_url == f"{page.url}/"
    signed_in(browser, user)
    assert len([one for one in sent(browser) if one.endswith("/authorize")]) == 1


def roles(browser):
    status = browser.find_element(By.ID, "status").text
    return status.partition("roles: ")[2].rstrip(".").split(", ")


def test_a_role_that_needs_a_second_factor_is_reached_by_the_factor_alone(browser, strict):
    user = sign_in.create_user(strict.root)
    open_page(browser, strict, user)
    # added on another device meanwhile, as the role is
    phone, _, _ = enrol(strict.server, user)
    oauth.expect(strict.root.put(f"/api/users/{user.id}/roles/admin"), 204)
    refresh(browser)
    assert roles(browser) == ["user"]
    press_for_answer(browser, "delete")
    browsers.wait_for(browser, until.title_contains("One more step"))
    assert not browser.find_elements(By.NAME, "password")
    prove(browser, phone)
    assert answer(browser) == DELETED
    assert roles(browser) == ["admin", "user"]


def test_a_person_without_a_factor_adds_one_on_the_way(browser, strict):
    user = sign_in.create_user(strict.root, "admin")
    open_page(browser, strict, user)
    press_for_answer(browser, "load")
    browsers.wait_for(browser, until.title_contains("Add an authenticator app"))
    phone = Phone(browser.find_element(By.CSS_SELECTOR, ".secret code").text)
    fill(browser, code=phone.code())
    press(browser, "Add the app")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".codes code")) == 10
    press(browser, "I have kept the codes")
    assert json.loads(answer(browser)) == [{"item_id": "Foo", "owner": user.username}]
    # the session has what it takes from now on
    sent(browser)
    press_for_answer(browser, "delete")
    assert answer(browser) == DELETED
    assert not [one for one in sent(browser) if one.endswith("/authorize")]


def test_a_person_without_the_role_is_asked_for_nothing(browser, strict):
    user = sign_in.create_user(strict.root)
    open_page(browser, strict, user)
    press_for_answer(browser, "delete")
    assert answer(browser).startswith("403: Operation not permitted")
    signed_in(browser, user)
    requests = sent(browser)
    # which answers without a page
    assert len([one for one in requests if one.endswith("/authorize")]) == 1
    assert not [one for one in requests if "/login" in one]
    assert len([one for one in requests if one.startswith("DELETE")]) == 2


def test_who_can_add_no_factor_stays_refused_and_signed_in(browser):
    with stack(ROLECALL_LOGIN__MFA="off") as page:
        user = sign_in.create_user(page.root, "admin")
        open_page(browser, page, user)
        raise_admin(page)
        refresh(browser)
        for _ in range(2):
            press_for_answer(browser, "delete")
            assert answer(browser).startswith("403: Operation not permitted")
            signed_in(browser, user)
            requests = sent(browser)
            # the second of them keeps the person signed in
            assert len([one for one in requests if one.endswith("/authorize")]) == 2
            assert len([one for one in requests if one.startswith("DELETE")]) == 1


def begin_again(browser, page, user):
    """Asks for a deletion with an old sign-in, and stands before the sign-in page."""
    open_page(browser, page, user)
    age_sign_ins(page, 301)
    refresh(browser)
    press_for_answer(browser, "delete")
    browsers.wait_for(browser, until.title_contains("Sign in"))
    assert len([one for one in sent(browser) if one.startswith("DELETE")]) == 1


@pytest.mark.parametrize("way", ["leaves", "is refused"])
def test_who_gives_up_does_not_find_the_items_deleted_later(browser, page, way):
    user = sign_in.create_user(page.root, "admin")
    begin_again(browser, page, user)
    if way == "leaves":
        browser.get(page.url)
    else:
        browser.get(f"{page.url}/config.json")
        state = json.loads(browser.execute_script("return sessionStorage.getItem('pending')"))["state"]
        answered = {"error": "access_denied", "state": state, "iss": page.server.url}
        browser.get(f"{page.url}/?{urlencode(answered)}")
        assert answer(browser).startswith("401: ")
    signed_in(browser, user)
    click(browser, '//button[@id="sign-out"]')
    browsers.wait_for(browser, until.text_to_be_present_in_element((By.ID, "status"), "Nobody is signed in"))
    click(browser, '//button[@id="sign-in"]')
    enter(browser, user)
    signed_in(browser, user)
    press_for_answer(browser, "load")
    assert json.loads(answer(browser))
    assert not [one for one in sent(browser) if one.startswith("DELETE")]


def test_nothing_is_done_for_somebody_else_who_signs_in_instead(browser, page):
    user, other = (sign_in.create_user(page.root, "admin") for _ in range(2))
    begin_again(browser, page, user)
    enter(browser, other)
    signed_in(browser, other)
    assert answer(browser).startswith("401: ")
    assert not [one for one in sent(browser) if one.startswith("DELETE")]


def test_a_sign_in_that_is_never_enough_is_asked_for_once(browser, page):
    user = sign_in.create_user(page.root, "admin")
    script = browsers.command(browser, "Page.addScriptToEvaluateOnNewDocument", source=NEVER_NEW_ENOUGH)
    try:
        open_page(browser, page, user)
        press_for_answer(browser, "delete")
        assert answer(browser) == "401: Never new enough"
        signed_in(browser, user)
        assert len([one for one in sent(browser) if one.endswith("/authorize")]) == 1
    finally:
        browsers.command(browser, "Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_of_a_refusal_is_for_everybody(browser, axe, strict, look):
    browsers.set_look(browser, **LOOKS[look])
    folder = programs.OUTPUT / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    wrong = {}

    def look_at(name):
        browser.save_screenshot(str(folder / f"spa-{name}-{look}.png"))
        problems = browsers.violations(browser, axe) + layout_problems(browser)
        if problems:
            wrong[name] = problems

    browser.get(f"{strict.url}/config.json")
    browser.execute_script("sessionStorage.clear()")
    browser.get(strict.url)
    browsers.wait_for(browser, until.element_to_be_clickable((By.ID, "sign-in")))
    look_at("nobody")
    open_page(browser, strict, sign_in.create_user(strict.root))
    press_for_answer(browser, "delete")
    assert answer(browser).startswith("403: ")
    look_at("refused")
    assert wrong == {}


def test_the_readme_says_how_the_script_steps_up():
    readme, script = (EXAMPLE / "README.md").read_text(), (EXAMPLE / "page" / "app.js").read_text()
    row = next(line for line in readme.splitlines() if line.startswith("| step up |"))
    for word in ("insufficient_user_authentication", "max_age", "acr_values", "insufficient_scope", "aal2 phr"):
        assert word in row and word in script, word
    assert "Fresh<_, 300>" in row and "Fresh<role::Admin, 300>" in (EXAMPLE / "src" / "main.rs").read_text()
    assert (EXAMPLE / "../../docs/step-up.md").exists() and "(../../docs/step-up.md)" in row
