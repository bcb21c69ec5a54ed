"""Second factors with pyotp and oathtool as authenticator apps: by the API, at a sign-in, and on the pages in a real browser."""

import datetime
import subprocess

import pyotp
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import api
import browsers
import programs
import receivers
import sign_in
from browsers import fill, press
from test_sign_in_pages import assert_no_violation_of_the_policy, heading, problems_in_all_looks, text


@pytest.fixture(scope="module")
def landing():
    with receivers.Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def app(admin, landing):
    return sign_in.register(admin, redirect_uri=f"{landing.origin}/cb")


@pytest.fixture
def user(admin):
    return sign_in.create_user(admin)


class Phone:
    """An authenticator app, which shows each code once: the server takes none twice, and none far ahead."""

    def __init__(self, secret):
        self.totp, self.step = pyotp.TOTP(secret.replace(" ", "")), 0

    def code(self):
        """The code of this time step, or that of the next, which counts already."""
        now = self.totp.timecode(datetime.datetime.now(datetime.UTC))
        self.step = max(self.step + 1, now)
        assert self.step <= now + 1, "a code further ahead does not count yet"
        return self.compute(self.step)

    def compute(self, step):
        return self.totp.generate_otp(step)


class Oathtool(Phone):
    """The program of the OATH toolkit."""

    def compute(self, step):
        oathtool = programs.program("XTASK_OATHTOOL", "oathtool")
        command = [oathtool, "--totp", "--base32", f"--now=@{step * 30}", "-"]
        done = subprocess.run(command, input=self.totp.secret, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def enrol(dev, user, app=Phone):
    """Adds an app with a token of the password grant; returns it, with its id and the recovery codes."""
    caller = api.login(dev.url, user.username, user.password)
    begun = caller.post("/api/me/factors/totp", json={"name": "Phone"})
    assert begun.status_code == 201, begun.text
    parsed = pyotp.parse_uri(begun.json()["uri"])
    assert parsed.secret == begun.json()["secret"] and parsed.name == user.username
    assert (parsed.digits, parsed.interval, parsed.digest().name) == (6, 30, "sha1")
    phone, factor = app(parsed.secret), begun.json()["id"]
    confirmed = caller.post(f"/api/me/factors/{factor}/confirm", json={"code": phone.code()})
    assert confirmed.status_code == 200, confirmed.text
    return phone, factor, confirmed.json()["recovery_codes"]


def answer(browser, app):
    """The answer with which the browser came back to the application."""
    browsers.wait_for(browser, until.url_contains(app.redirect_uri))
    return sign_in.parameters_of(browser.current_url)


def enter(browser, user):
    fill(browser, username=user.username, password=user.password)
    press(browser, "Sign in")


@pytest.mark.parametrize("client", [Phone, Oathtool], ids=["pyotp", "oathtool"])
def test_m046_an_authenticator_app_is_the_second_factor(dev, app, user, client):
    phone, _, codes = enrol(dev, user, client)
    assert len(codes) == 10
    visitor, asked = sign_in.Visitor(dev.url), app.ask()
    page = visitor.open(asked.url)
    page = visitor.submit(page, "/login", username=user.username, password=user.password)
    wrong = visitor.submit(page, "/login/second", code="000000")
    assert wrong.status_code == 401 and "The code is wrong" in wrong.text
    done = visitor.submit(wrong, "/login/second", code=phone.code())
    claims = app.id_token(app.tokens(asked, sign_in.answer_of(done)["code"]))
    assert (claims["acr"], claims["amr"]) == ("aal2", ["pwd", "otp", "mfa"])
    refused = api.Caller(dev.url).token(user.username, user.password)
    assert (refused.status_code, refused.json()["error_description"]) == (400, "Second factor required")


def test_i080_a_recovery_code_opens_the_account_once(dev, app, user):
    _, _, codes = enrol(dev, user)
    for expected in (303, 401):
        visitor = sign_in.Visitor(dev.url)
        page = visitor.open(app.ask().url)
        page = visitor.submit(page, "/login", username=user.username, password=user.password)
        assert visitor.submit(page, "/login/second", code=codes[0]).status_code == expected


def test_a_person_adds_an_app_and_removes_it(browser, app, user, dev):
    browser.get(f"{dev.url}/account/factors")
    enter(browser, user)
    assert heading(browser) == "Second factors"
    fill(browser, name="My phone")
    press(browser, "Add an authenticator app")
    phone = Phone(browser.find_element(By.CSS_SELECTOR, ".secret code").text)
    fill(browser, code="000000")
    press(browser, "Add the app")
    assert "The code is wrong" in text(browser)
    fill(browser, code=phone.code())
    press(browser, "Add the app")
    codes = [code.text for code in browser.find_elements(By.CSS_SELECTOR, ".codes code")]
    assert len(set(codes)) == 10
    browser.find_element(By.LINK_TEXT, "I have kept the codes").click()
    browsers.wait_for(browser, until.title_contains("Second factors"))
    assert "My phone" in text(browser) and "Codes that are left: 10" in text(browser)
    # this browser has proven it, and others have not
    browser.get(app.ask(prompt="none").url)
    assert answer(browser, app)["code"]
    browsers.clear_cookies(browser)
    browser.get(app.ask().url)
    enter(browser, user)
    assert heading(browser) == "One more step"
    browser.find_element(By.LINK_TEXT, "Use a recovery code instead").click()
    browsers.wait_for(browser, until.presence_of_element_located((By.NAME, "by")))
    fill(browser, code=codes[0])
    press(browser, "Continue")
    assert answer(browser, app)["code"]
    browser.get(f"{dev.url}/account/factors")
    press(browser, "Remove")
    assert "You have no authenticator app yet" in text(browser)
    assert_no_violation_of_the_policy(browser)


def test_the_picture_holds_the_address(browser, dev, user):
    browser.get(f"{dev.url}/account/factors")
    enter(browser, user)
    press(browser, "Add an authenticator app")
    path = browser.find_element(By.CSS_SELECTOR, ".qr path").get_attribute("d")
    size = int(browser.find_element(By.CSS_SELECTOR, ".qr").get_dom_attribute("viewBox").split()[2])
    dark = {tuple(map(int, one.split("h")[0].split())) for one in path.split("M") if one}
    last = size - 5
    for corner in ((4, 4), (last - 6, 4), (4, last - 6)):
        ring = {(corner[0] + x, corner[1] + y) for x in range(7) for y in range(7) if x in (0, 6) or y in (0, 6)}
        assert ring <= dark
    assert not any(x < 4 or y < 4 or x > last or y > last for x, y in dark)
    link = browser.find_element(By.LINK_TEXT, "Open in an app on this device").get_attribute("href")
    secret = browser.find_element(By.CSS_SELECTOR, ".secret code").text.replace(" ", "")
    assert pyotp.parse_uri(link).secret == secret


def pages(browser, app, user, dev):
    """Shows every page of second factors, and yields its name."""
    browser.get(f"{dev.url}/account/factors")
    enter(browser, user)
    yield "factors-none"
    press(browser, "Add an authenticator app")
    yield "enrol"
    phone = Phone(browser.find_element(By.CSS_SELECTOR, ".secret code").text)
    fill(browser, code="000000")
    press(browser, "Add the app")
    yield "enrol-wrong"
    fill(browser, code=phone.code())
    press(browser, "Add the app")
    yield "recovery-codes"
    codes = [code.text for code in browser.find_elements(By.CSS_SELECTOR, ".codes code")]
    browser.get(f"{dev.url}/account/factors")
    yield "factors"
    browsers.clear_cookies(browser)
    browser.get(app.ask().url)
    enter(browser, user)
    yield "second"
    fill(browser, code="000000")
    press(browser, "Continue")
    yield "second-wrong"
    browser.find_element(By.LINK_TEXT, "Use a recovery code instead").click()
    browsers.wait_for(browser, until.presence_of_element_located((By.NAME, "by")))
    yield "recovery-code"
    fill(browser, code=codes[0])
    press(browser, "Continue")
    answer(browser, app)
    browsers.clear_cookies(browser)
    browser.get(app.ask().url)
    browser.find_element(By.CSS_SELECTOR, "p.foot a").click()
    browsers.wait_for(browser, until.title_contains("password"))
    new = programs.PASS_PHRASE[::-1]
    fill(browser, username=user.username, current=user.password, new=new, again=new)
    press(browser, "Change password")
    yield "new-password-code"


def test_every_page_is_for_everybody(browser, axe, app, dev, user):
    assert problems_in_all_looks(browser, axe, pages(browser, app, user, dev)) == {}
    assert_no_violation_of_the_policy(browser)
