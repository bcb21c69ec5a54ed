"""The pages by which administrators operate a server, in a real browser: audit log, keys, mail, settings, problems."""

import pytest
from selenium.webdriver.common.by import By

import api
import browsers
import databases
import looks
import mails
import programs
from browsers import fill, press


@pytest.fixture(scope="module")
def inbox():
    with mails.Inbox() as inbox:
        yield inbox


@pytest.fixture(scope="module", params=databases.KINDS)
def server(request, tmp_path_factory, inbox):
    """A server that sends mails, and whose keys these tests rotate."""
    settings = inbox.settings() | {"ROLECALL_TOKENS__ACCESS_TTL": "7m", "ROLECALL_LOGIN__MFA": "off"}
    with databases.administered(request.param, tmp_path_factory.mktemp("database"), **settings) as running:
        yield running


@pytest.fixture
def root(server):
    return api.login(server.url, "admin")


def sign_in(browser, url, path, username="admin", password=programs.PASSWORD):
    browser.get(f"{url}{path}")
    fill(browser, username=username, password=password)
    press(browser, "Sign in")


def text(browser):
    return browser.find_element(By.TAG_NAME, "main").text


def follow(browser, words):
    link = browser.find_element(By.XPATH, f'//main//a[contains(normalize-space(), "{words}")]')
    link.click()
    browsers.wait_for_next_page(browser, link)


def rows(browser):
    return browser.find_elements(By.CSS_SELECTOR, "main tbody tr")


def assert_no_violation_of_the_policy(browser):
    complaints = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []


def test_a_change_is_found_by_who_what_and_about(either, server, root):
    name = api.unique_name("ada")
    created = root.post("/api/users", json={"username": name, "password": programs.PASS_PHRASE}).json()
    sign_in(either, server.url, "/admin/audit")
    fill(either, who="admin", what="user.", about=name)
    press(either, "Find")
    assert len(rows(either)) == 1
    shown = rows(either)[0]
    assert "user.created" in shown.text and "admin" in shown.text
    number = shown.find_element(By.TAG_NAME, "a").text
    follow(either, number)
    assert created["id"] in text(either) and f"Entry {number}" in text(either)
    address = either.current_url
    either.get(address)
    assert created["id"] in text(either)
    assert_no_violation_of_the_policy(either)


def test_events_are_a_list_of_their_own(either, server):
    sign_in(either, server.url, "/admin/audit")
    follow(either, "Events")
    fill(either, what="log_in")
    press(either, "Find")
    assert rows(either) and all("log_in" in row.text for row in rows(either))
    follow(either, "log_in")
    assert "Event" in text(either) and "admin" in text(either)


def test_the_log_is_verified_and_its_mark_kept(either, server):
    sign_in(either, server.url, "/admin/audit")
    follow(either, "Verify the log")
    press(either, "Verify the log")
    assert "Intact" in text(either)
    mark = either.find_element(By.CSS_SELECTOR, "code.code").text
    fill(either, mark=mark)
    press(either, "Verify the log")
    assert "Intact" in text(either)
    fill(either, mark="0" * 64)
    press(either, "Verify the log")
    assert "No entry has that mark" in text(either)
    fill(either, mark="no mark")
    press(either, "Verify the log")
    assert either.find_element(By.CSS_SELECTOR, "#faults a").get_attribute("href").endswith("#mark")


def test_keys_are_rotated_and_one_is_retired(either, server):
    sign_in(either, server.url, "/admin/keys")
    before = [row.text for row in rows(either)]
    words = "Rotate at once" if "Rotate at once" in text(either) else "Rotate the keys"
    follow(either, words)
    assert "signs new tokens from now on" in text(either)
    press(either, "Do it")
    assert len(rows(either)) == len(before) + 1
    verifying = next(row for row in rows(either) if "Verifies only" in row.text)
    retire = verifying.find_element(By.TAG_NAME, "a")
    retire.click()
    browsers.wait_for_next_page(either, retire)
    assert "is refused at once" in text(either) and "This cannot be undone." in text(either)
    press(either, "Do it")
    assert "The key is retired." in text(either)
    assert_no_violation_of_the_policy(either)


def test_a_test_message_arrives(either, server, inbox):
    sign_in(either, server.url, "/admin/mail")
    address = f"{api.unique_name('ops')}@example.org"
    fill(either, address=address)
    press(either, "Send a test message")
    assert "Taken" in text(either) and "127.0.0.1" in text(either)
    assert "can send mail" in mails.part(inbox.get(address), "plain")
    assert "Waiting: 0." in text(either)


def test_settings_show_where_they_come_from_and_no_secret(either, server):
    sign_in(either, server.url, "/admin/settings")
    # in one step: there are some two hundred rows
    by_key = dict(either.execute_script(
        "return [...document.querySelectorAll('main tbody tr')].map((row) => [row.querySelector('code').innerText, row.innerText])"))
    assert "7m" in by_key["tokens.access_ttl"] and "ROLECALL_TOKENS__ACCESS_TTL" in by_key["tokens.access_ttl"]
    assert "Default" in by_key["sessions.per_user"]
    assert "Set" in by_key["mail.url"] and "smtp" not in by_key["mail.url"]
    assert "Not set" in by_key["mail.reply_to"]


def test_problems_are_on_the_first_page(either, server, root):
    root.post("/api/roles", json={"name": "careful", "acr": "aal2"})
    sign_in(either, server.url, "/admin")
    assert "Problems of this server" in text(either) and "careful" in text(either)
    root.delete("/api/roles/careful")


@pytest.fixture(scope="module")
def shots():
    folder = programs.OUTPUT / "admin-operate"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.looks
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_page_is_for_everybody(browser, server, root, axe, shots, language):
    browsers.command(browser, "Network.enable")
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={})
    sign_in(browser, server.url, "/admin/audit")
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={"accept-language": language})
    kid = root.get("/api/keys").json()["items"][0]["kid"]
    event = root.get("/api/audit?kind=event").json()["items"][0]["id"]
    pages = {
        "start": "/admin",
        "audit": "/admin/audit",
        "audit-found": "/admin/audit?who=admin&what=user.",
        "audit-nothing": "/admin/audit?what=nothing",
        "audit-wrong": "/admin/audit?from=noon",
        "events": "/admin/audit?kind=events",
        "entry": "/admin/audit/1",
        "event": f"/admin/audit/{event}",
        "verify": "/admin/audit/verify",
        "keys": "/admin/keys",
        "rotate": "/admin/keys/rotate",
        "retire": f"/admin/keys/{kid}/retire",
        "mail": "/admin/mail",
        "mail-failed": "/admin/mail?state=failed",
        "settings": "/admin/settings",
    }
    found = {}
    for name, path in pages.items():
        browser.get(f"{server.url}{path}")
        found |= looks.problems(browser, axe, name, shots, language)
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={})
    assert found == {}
    assert_no_violation_of_the_policy(browser)
