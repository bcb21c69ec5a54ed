"""The pages of a sign-in in a real browser: with and without scripts, on a telephone, in the dark, for everybody."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import api
import browsers
import programs
import receivers
import sign_in
from browsers import fill, press

LOOKS = {"desk": {}, "phone": {"width": 360}, "dark": {"dark": True}, "dark-phone": {"width": 360, "dark": True}}


@pytest.fixture
def browser(driver):
    """A browser of nobody, with scripts, at a desk."""
    browsers.set_scripts(driver, True)
    browsers.set_look(driver)
    browsers.command(driver, "Network.enable")
    browsers.command(driver, "Network.setBlockedURLs", urls=[])
    driver.get("about:blank")
    browsers.clear_cookies(driver)
    driver.get_log("browser")
    return driver


@pytest.fixture(scope="module")
def landing():
    with receivers.Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def app(admin, landing):
    """An application of the operator's own, to which a browser can come back."""
    return sign_in.register(admin, redirect_uri=f"{landing.origin}/cb", post_logout_redirect_uris=[f"{landing.origin}/out"])


@pytest.fixture(scope="module")
def shop(admin, landing):
    """An application that people are asked about."""
    return sign_in.register(admin, redirect_uri=f"{landing.origin}/cb", consent="ask")


@pytest.fixture
def user(admin):
    return sign_in.create_user(admin)


@pytest.fixture
def chooser(admin):
    """Somebody with two roles, of which one can be active at a time."""
    roles = [api.unique_name(name) for name in ("payer", "approver")]
    for role in roles:
        permission = f"payments:{role}"
        for answer in (admin.post("/api/roles", json={"name": role, "by_name": False}),
                       admin.post("/api/permissions", json={"name": permission})):
            assert answer.status_code == 201, answer.text
        answer = admin.put(f"/api/roles/{role}/permissions/{permission}")
        assert answer.status_code == 204, answer.text
    body = {"name": api.unique_name("payments"), "kind": "dynamic", "roles": roles, "at_most": 1}
    answer = admin.post("/api/constraints", json=body)
    assert answer.status_code == 201, answer.text
    person = sign_in.create_user(admin, *roles)
    person.roles = roles
    return person


def heading(browser):
    return browser.find_element(By.TAG_NAME, "h1").text


def text(browser):
    return browser.find_element(By.TAG_NAME, "main").text


def enter(browser, user, password=None):
    fill(browser, username=user.username, password=password or user.password)
    press(browser, "Sign in")


def answer(browser, app):
    """The answer with which the browser came back to the application."""
    browsers.wait_for(browser, until.url_contains(app.redirect_uri))
    assert heading(browser) == "Back in the application"
    values = sign_in.parameters_of(browser.current_url)
    assert values["iss"] == app.url
    return values


def assert_no_violation_of_the_policy(browser):
    complaints = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []


def test_a_person_signs_in(either, app, user):
    asked = app.ask("openid profile")
    either.get(asked.url)
    assert heading(either) == "Sign in" and app.registration["name"] in text(either)
    assert asked["state"] not in either.current_url and app.id not in either.current_url
    enter(either, user)
    values = answer(either, app)
    assert values["state"] == asked["state"]
    assert app.id_token(app.tokens(asked, values["code"]))["sub"] == user.id
    # and is signed in from now on
    either.get(app.ask().url)
    assert answer(either, app)["code"]
    assert_no_violation_of_the_policy(either)


def test_a_wrong_password_is_said_and_the_name_stays(either, app, user):
    either.get(app.ask().url)
    enter(either, user, "a wrong pass phrase")
    alert = either.find_element(By.CSS_SELECTOR, "[role=alert]")
    assert alert.text == "The user name or the password is wrong."
    name, password = either.find_element(By.NAME, "username"), either.find_element(By.NAME, "password")
    assert name.get_attribute("value") == user.username and password.get_attribute("value") == ""
    assert alert.get_attribute("id") in (password.get_attribute("aria-describedby") or "")
    enter(either, user)
    assert answer(either, app)["code"]


def test_i041_an_unknown_name_gets_the_same_answer(browser, app, user):
    pages = []
    for name in (user.username, api.unique_name("nobody")):
        browser.get(app.ask().url)
        fill(browser, username=name, password="a wrong pass phrase")
        press(browser, "Sign in")
        pages.append(text(browser))
    assert pages[0] == pages[1]


def test_i096_consent_is_given_or_not(either, shop, user):
    asked = shop.ask("openid profile email roles offline_access")
    either.get(asked.url)
    enter(either, user)
    shown = text(either)
    assert heading(either) == f"Allow {shop.registration['name']}?"
    for words in (user.username, "127.0.0.1", "your user name", "your e-mail address", "your roles", "while you are away"):
        assert words in shown, words
    press(either, "Do not allow")
    assert answer(either, shop)["error"] == "access_denied"
    either.get(asked.url)
    if heading(either) == "Sign in":
        enter(either, user)
    press(either, "Allow")
    assert shop.tokens(asked, answer(either, shop)["code"])["refresh_token"]
    assert_no_violation_of_the_policy(either)


def test_a_person_chooses_one_of_two_roles(either, app, chooser):
    asked = app.ask("openid roles")
    either.get(asked.url)
    enter(either, chooser)
    assert heading(either) == "Choose your role" and app.registration["name"] in text(either)
    assert all(role in text(either) for role in chooser.roles)
    either.find_element(By.CSS_SELECTOR, f"input[value={chooser.roles[1]}]").click()
    press(either, "Continue")
    assert answer(either, app)["code"]
    assert_no_violation_of_the_policy(either)


def test_a_person_goes_on_as_before_or_as_somebody_else(either, app, shop, admin, user):
    either.get(app.ask().url)
    enter(either, user)
    answer(either, app)
    asked = app.ask(prompt="select_account")
    either.get(asked.url)
    press(either, f"Continue as {user.username}")
    assert app.id_token(app.tokens(asked, answer(either, app)["code"]))["sub"] == user.id
    other, asked = sign_in.create_user(admin), shop.ask()
    either.get(asked.url)
    press(either, f"Not {user.username}? Sign in with another account")
    assert heading(either) == "Sign in"
    enter(either, other)
    assert other.username in text(either) and user.username not in text(either)
    press(either, "Allow")
    assert shop.id_token(shop.tokens(asked, answer(either, shop)["code"]))["sub"] == other.id


def test_a_password_that_must_be_changed(either, app, admin):
    name = api.unique_name()
    response = admin.post("/api/users", json={"username": name, "roles": ["user"]})
    assert response.status_code == 201, response.text
    code = response.json()["reset_code"]
    either.get(app.ask().url)
    fill(either, username=name, password=code)
    press(either, "Sign in")
    assert heading(either) == "Choose a new password"
    assert "you have to choose a new one first" in text(either)
    assert either.find_element(By.NAME, "username").get_attribute("value") == name
    fill(either, current=code, new="short", again="short")
    press(either, "Change password")
    assert either.find_element(By.CSS_SELECTOR, "[role=alert]").text
    fill(either, current=code, new=programs.PASS_PHRASE, again="another pass phrase")
    press(either, "Change password")
    assert "The two new passwords differ" in text(either)
    fill(either, current=code, new=programs.PASS_PHRASE, again=programs.PASS_PHRASE)
    press(either, "Change password")
    assert heading(either) == "Sign in" and "Your password is changed" in text(either)
    fill(either, username=name, password=programs.PASS_PHRASE)
    press(either, "Sign in")
    assert answer(either, app)["code"]


def test_a_person_signs_out(either, app, user):
    either.get(app.ask().url)
    enter(either, user)
    answer(either, app)
    either.get(f"{app.url}/logout")
    assert heading(either) == "Sign out" and user.username in text(either)
    press(either, "Sign out")
    assert heading(either) == "You are signed out"
    either.get(app.ask(prompt="none").url)
    assert answer(either, app)["error"] == "login_required"
    assert_no_violation_of_the_policy(either)


def test_an_application_signs_a_person_out_and_gets_the_browser_back(either, app, user, landing):
    asked = app.ask()
    either.get(asked.url)
    enter(either, user)
    tokens = app.tokens(asked, answer(either, app)["code"])
    after = {"post_logout_redirect_uri": f"{landing.origin}/out", "state": "x"}
    # without a hint the person is asked, and the form leads on to the application
    either.get(app.logout_url(client_id=app.id, **after))
    press(either, "Sign out")
    assert either.current_url == f"{landing.origin}/out?state=x"
    assert app.refresh(tokens).status_code == 400
    asked = app.ask()
    either.get(asked.url)
    enter(either, user)
    tokens = app.tokens(asked, answer(either, app)["code"])
    either.get(app.logout_url(id_token_hint=tokens["id_token"], **after))
    assert either.current_url == f"{landing.origin}/out?state=x"
    assert app.refresh(tokens).status_code == 400
    assert_no_violation_of_the_policy(either)


def test_an_answer_by_form_goes_by_itself_or_by_a_button(either, app, user, landing, request):
    asked = app.ask(response_mode="form_post", state="a <b> & \"c\"")
    either.get(asked.url)
    enter(either, user)
    if "no-scripts" in request.node.callspec.id:
        assert heading(either) == "Going back to the application"
        press(either, "Continue")
    browsers.wait_for(either, until.url_to_be(app.redirect_uri))
    path, _, form = landing.requests.get(timeout=10)
    assert path == "/cb" and form["state"] == [asked["state"]] and form["iss"] == [app.url]
    assert app.tokens(asked, form["code"][0])["id_token"]
    assert_no_violation_of_the_policy(either)


def test_a_person_sees_and_ends_what_is_open(either, app, shop, admin, user, dev):
    elsewhere = app.sign_in(sign_in.Visitor(dev.url), user)
    either.get(f"{dev.url}/account")
    assert heading(either) == "Sign in"
    enter(either, user)
    assert heading(either) == "Your account" and user.username in text(either)
    assert app.registration["name"] in text(either)
    press(either, "End everything except this browser")
    assert app.registration["name"] not in text(either)
    assert app.refresh(elsewhere).status_code == 400
    asked = shop.ask("openid offline_access")
    either.get(asked.url)
    press(either, "Allow")
    tokens = shop.tokens(asked, answer(either, shop)["code"])
    either.get(f"{dev.url}/account")
    assert shop.registration["name"] in text(either)
    press(either, "Take back")
    assert "You have allowed no application yet." in text(either)
    assert shop.refresh(tokens).status_code == 400
    assert_no_violation_of_the_policy(either)


def test_the_back_button_shows_a_page_that_says_what_to_do(browser, app, user):
    browser.get(app.ask().url)
    flow = browser.current_url
    enter(browser, user)
    answer(browser, app)
    browser.get(flow)
    assert heading(browser) == "This sign-in has ended" and "begin again" in text(browser)


def test_two_windows_sign_in_side_by_side(browser, app, user):
    first, second = app.ask(), app.ask()
    browser.get(first.url)
    there = browser.current_url
    browser.get(second.url)
    enter(browser, user)
    assert answer(browser, app)["state"] == second["state"]
    browser.get(there)
    # the first one is still open, and offers to go on
    press(browser, f"Continue as {user.username}")
    assert answer(browser, app)["state"] == first["state"]


def test_the_pages_speak_german(browser, app, user):
    browser.get(app.ask(ui_locales="de-AT").url)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "de"
    assert heading(browser) == "Anmelden"
    fill(browser, username=user.username, password="falsch und lang genug")
    button = browser.find_element(By.CSS_SELECTOR, "button.primary")
    button.click()
    browsers.wait_for_next_page(browser, button)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "de"
    assert browser.find_element(By.CSS_SELECTOR, "[role=alert]").text


def pages(browser, app, shop, user, chooser):
    """Shows every page, and yields its name."""
    browser.get(shop.ask("openid profile email roles").url)
    yield "sign-in"
    enter(browser, user, "a wrong pass phrase")
    yield "wrong-password"
    browser.find_element(By.CSS_SELECTOR, "p.foot a").click()
    browsers.wait_for(browser, until.title_contains("password"))
    yield "new-password"
    fill(browser, username=user.username, current=user.password, new="a pass phrase", again="another pass phrase")
    press(browser, "Change password")
    yield "new-password-wrong"
    browser.get(shop.ask("openid profile email roles offline_access").url)
    enter(browser, user)
    yield "consent"
    press(browser, "Allow")
    browser.get(f"{app.url}/account")
    yield "account"
    for name in ("password", "events", "delete"):
        browser.get(f"{app.url}/account/{name}")
        yield f"account-{name}"
    browser.get(f"{app.url}/account/password")
    fill(browser, current="a wrong pass phrase", new="a pass phrase", again="a pass phrase")
    press(browser, "Change password")
    yield "account-password-wrong"
    browser.get(app.ask(prompt="select_account").url)
    yield "continue-as"
    browsers.command(browser, "Network.setBlockedURLs", urls=["*form-post.js*"])
    browser.get(app.ask(response_mode="form_post").url)
    yield "form-post"
    browser.get(f"{app.url}/logout")
    yield "sign-out"
    press(browser, "Sign out")
    yield "signed-out"
    browser.get(f"{app.url}/logout")
    yield "nobody-signed-in"
    browser.get(app.ask(redirect_uri="https://evil.example/cb").url)
    yield "bad-request"
    browser.get(f"{app.url}/login?flow=unknown")
    yield "ended"
    browser.get(app.ask("openid roles").url)
    enter(browser, chooser)
    yield "choose"


def test_faults_in_a_page_are_found(browser, axe):
    browser.get("data:text/html,<title>x</title><main><h1>x</h1><input><p style='width:3000px;color:%23ddd'>some words")
    found = {name for name, _ in browsers.violations(browser, axe)}
    assert {"color-contrast", "html-has-lang", "label"} <= found
    assert len(layout_problems(browser)) == 2


def test_every_page_is_for_everybody(browser, axe, app, shop, user, chooser):
    assert problems_in_all_looks(browser, axe, pages(browser, app, shop, user, chooser)) == {}
    assert_no_violation_of_the_policy(browser)


def problems_in_all_looks(browser, axe, names):
    """Returns what is wrong with the pages that the browser shows one after the other, each loaded once for all looks."""
    folder = programs.OUTPUT / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    wrong = {}
    for name in names:
        for look, how in LOOKS.items():
            browsers.set_look(browser, **how)
            browser.save_screenshot(str(folder / f"{name}-{look}.png"))
            if problems := browsers.violations(browser, axe) + layout_problems(browser):
                wrong[f"{name}, {look}"] = problems
        browsers.set_look(browser)
    return wrong


def layout_problems(browser):
    """What does not fit the width of the screen, or is too small for a finger (WCAG 2.5.5: 44 pixels)."""
    return browser.execute_script("""
        const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["too wide"] : [];
        const small = [...document.querySelectorAll("button:not([hidden]), input:not([type=hidden], [type=checkbox], [type=radio])")]
          .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44).map((one) => `too low: ${one.outerHTML}`);
        return [...wide, ...small];""")


def test_o070_the_pages_load_nothing_from_elsewhere(browser, app, user):
    browser.get_log("performance")
    browser.get(app.ask().url)
    urls = [url for url in browsers.requested_urls(browser) if url.startswith("http")]
    assert urls and all(url.startswith(app.url) for url in urls), urls
