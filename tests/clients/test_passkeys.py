"""Passkeys in a real browser, whose virtual authenticator answers as a device would; python-fido2 judges the same answers."""

import base64
import hashlib
import json

import pytest
from fido2.server import Fido2Server
from fido2.webauthn import PublicKeyCredentialRpEntity
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support import expected_conditions as until

import api
import browsers
import programs
import receivers
import services
import sign_in
from browsers import fill, press


@pytest.fixture(scope="module")
def server():
    """Browsers have no passkeys for addresses, so that the pages are at `http://localhost`."""
    port = programs.free_port()
    with programs.dev(port=port, ROLECALL_PUBLIC_URL=f"http://localhost:{port}") as running:
        running.url = f"http://localhost:{port}"
        yield running


@pytest.fixture(scope="module")
def admin(server):
    return api.login(server.url, "admin")


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


@pytest.fixture
def browser(driver):
    """A browser of nobody, with a device that keeps passkeys and checks its user."""
    browsers.set_scripts(driver, True)
    browsers.command(driver, "Network.enable")
    driver.get("about:blank")
    browsers.clear_cookies(driver)
    driver.get_log("browser")
    options = VirtualAuthenticatorOptions()
    options.protocol = VirtualAuthenticatorOptions.Protocol.CTAP2
    options.transport = VirtualAuthenticatorOptions.Transport.INTERNAL
    options.has_resident_key = options.has_user_verification = options.is_user_verified = True
    driver.add_virtual_authenticator(options)
    yield driver
    driver.remove_virtual_authenticator()


def heading(browser):
    return browser.find_element(By.TAG_NAME, "h1").text


def enter(browser, user):
    fill(browser, username=user.username, password=user.password)
    press(browser, "Sign in")


def add_passkey(browser, server, name="Laptop"):
    """Adds a passkey on the account page of the person who is signed in, or signs them in for that."""
    browser.get(f"{server.url}/account/factors")
    field = browser.find_element(By.ID, "passkey-name")
    field.send_keys(name)
    press(browser, "Add a passkey")
    assert heading(browser) == "Add a passkey"
    press(browser, "Create the passkey")


def answer(browser, app):
    browsers.wait_for(browser, until.url_contains(app.redirect_uri))
    return sign_in.parameters_of(browser.current_url)


def claims(browser, app, asked):
    return app.id_token(app.tokens(asked, answer(browser, app)["code"]))


def enrol(browser, server, user):
    browser.get(f"{server.url}/account")
    enter(browser, user)
    add_passkey(browser, server)
    assert heading(browser) == "Recovery codes"
    browsers.clear_cookies(browser)


def assert_no_violation_of_the_policy(browser):
    complaints = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []


def test_a_person_adds_a_passkey_and_signs_in_with_nothing_else(browser, server, app, user):
    enrol(browser, server, user)
    asked = app.ask("openid")
    browser.get(asked.url)
    # the browser offers it in the field for the name, and the device accepts
    found = claims(browser, app, asked)
    assert found["sub"] == user.id and found["acr"] == "phr"
    assert set(found["amr"]) >= {"user", "mfa"} and "pwd" not in found["amr"]
    assert_no_violation_of_the_policy(browser)


def test_i089_a_passkey_is_the_second_factor_after_a_password(browser, server, app, user):
    enrol(browser, server, user)
    browser.set_user_verified(False)
    asked = app.ask("openid")
    browser.get(asked.url)
    enter(browser, user)
    assert heading(browser) == "One more step"
    press(browser, "Use your passkey")
    found = claims(browser, app, asked)
    assert found["sub"] == user.id and found["acr"] == "phr" and "pwd" in found["amr"]
    assert_no_violation_of_the_policy(browser)


def test_what_does_not_work_is_said_and_the_password_stays(browser, server, app, user):
    enrol(browser, server, user)
    browser.set_user_verified(False)
    browser.get(app.ask().url)
    press_without_leaving(browser, "Sign in with a passkey")
    failed = browsers.wait_for(browser, until.visibility_of_element_located((By.CSS_SELECTOR, "[data-failed]")))
    assert "did not answer" in failed.text
    enter(browser, user)
    assert heading(browser) == "One more step"


def press_without_leaving(browser, text):
    browser.find_element(By.XPATH, f'//button[normalize-space()="{text}"]').click()


def test_without_scripts_no_passkey_is_offered(browser, server, app, user):
    browsers.set_scripts(browser, False)
    browser.get(app.ask().url)
    buttons = [button.text for button in browser.find_elements(By.TAG_NAME, "button") if button.is_displayed()]
    assert buttons == ["Sign in"]
    enter(browser, user)
    assert answer(browser, app)["code"]


def test_at_an_address_no_sign_in_with_a_passkey_is_offered(browser, server):
    for origin, offered in [(server.url, True), (server.url.replace("localhost", "127.0.0.1"), False)]:
        browser.get(f"{origin}/account")
        buttons = [button.text for button in browser.find_elements(By.TAG_NAME, "button") if button.is_displayed()]
        assert ("Sign in with a passkey" in buttons, "Sign in" in buttons) == (offered, True), buttons


def test_a_device_makes_one_passkey_for_an_account(browser, server, app, user):
    enrol(browser, server, user)
    asked = app.ask("openid")
    browser.get(asked.url)
    claims(browser, app, asked)
    browser.get(f"{server.url}/account/factors")
    press(browser, "Add a passkey")
    press_without_leaving(browser, "Create the passkey")
    failed = browsers.wait_for(browser, until.visibility_of_element_located((By.CSS_SELECTOR, "[data-failed]")))
    assert failed.is_displayed() and heading(browser) == "Add a passkey"


def test_the_pages_are_for_everybody(browser, server, app, user):
    services.require_node_package("axe-core")
    axe = (services.NODE / "node_modules" / "axe-core" / "axe.min.js").read_text()
    browser.get(f"{server.url}/account")
    assert browsers.violations(browser, axe) == []
    enter(browser, user)
    browser.get(f"{server.url}/account/factors")
    assert browsers.violations(browser, axe) == []
    press(browser, "Add a passkey")
    assert browsers.violations(browser, axe) == []


def in_browser(browser, call, options):
    """Gives options to the browser and returns the JSON of the credential, by the browser's own reader and writer."""
    read = {"create": "parseCreationOptionsFromJSON", "get": "parseRequestOptionsFromJSON"}[call]
    found = browser.execute_async_script(f"""
        const done = arguments[arguments.length - 1];
        const publicKey = PublicKeyCredential.{read}(arguments[0]);
        navigator.credentials.{call}({{publicKey}}).then((made) => done(made.toJSON()), (error) => done(String(error)));
        """, options)
    assert isinstance(found, dict), found
    return found


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_i091_python_fido2_judges_the_same_answers_alike(browser, server, user):
    caller = api.login(server.url, user.username, user.password)
    rp = PublicKeyCredentialRpEntity(id="localhost", name="rolecall")
    judge = Fido2Server(rp, verify_origin=lambda origin: origin == server.url)
    browser.get(f"{server.url}/account")

    def begin():
        response = caller.post("/api/me/factors/passkey", json={"name": "Key"})
        assert response.status_code == 201, response.text
        options = response.json()["options"]
        state = {"challenge": options["challenge"], "user_verification": None}
        return response.json()["id"], options, state

    def agree(change, accepted):
        """Lets both judge an answer after a change."""
        enrolment, options, state = begin()
        # a passkey that is not kept must not be in the way of the next
        browser.remove_all_credentials()
        made = in_browser(browser, "create", options)
        change(made["response"])
        try:
            judge.register_complete(state, made)
            theirs = True
        except Exception:  # noqa: BLE001 - each refusal has a type of its own
            theirs = False
        ours = caller.post("/api/me/factors/passkey/confirm", json={"id": enrolment, "credential": made})
        assert (ours.status_code == 200) is theirs is accepted, (ours.text, theirs)

    def with_client_data(**members):
        def change(response):
            data = {**json.loads(decode(response["clientDataJSON"])), **members}
            written = json.dumps(data).encode()
            response["clientDataJSON"] = base64.urlsafe_b64encode(written).rstrip(b"=").decode()
        return change

    def of_another_host(response):
        made = bytearray(decode(response["attestationObject"]))
        made[made.index(hashlib.sha256(b"localhost").digest())] ^= 1
        response["attestationObject"] = base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    agree(with_client_data(challenge="AAAA"), False)
    agree(with_client_data(origin="http://localhost"), False)
    agree(with_client_data(type="webauthn.get"), False)
    agree(of_another_host, False)
    agree(with_client_data(more="of it"), True)
