"""Mails by another SMTP server, and the pages that their links lead to, in a real browser."""

import pytest
from selenium.webdriver.common.by import By

import api
import browsers
import mails
import programs
from browsers import fill, press

NEW = "another horse battery staple"
LOOKS = {"desk": {}, "dark-phone": {"width": 360, "dark": True}}


@pytest.fixture(scope="module")
def inbox():
    with mails.Inbox() as inbox:
        yield inbox


@pytest.fixture(scope="module")
def server(inbox):
    """A server that sends mails and lets everybody sign up, with the user `alice`, whose address is verified."""
    with programs.serve(ROLECALL_REGISTRATION__MODE="open", **inbox.settings()) as server:
        server.add_user("alice", "user")
        server.check_output("user", "email", "alice", "alice@mail.example", "--verified")
        yield server


def text(browser):
    return browser.find_element(By.CSS_SELECTOR, "main").text


def reset(browser, server, inbox):
    """Asks for a link from the sign-in page, and opens it."""
    browser.get(f"{server.url}/account")
    browser.find_element(By.LINK_TEXT, "Forgot your password?").click()
    fill(browser, username="alice")
    press(browser, "Send the link")
    assert "Look at your mail" in text(browser)
    mail = inbox.get("alice@mail.example")
    browser.get(mails.link(mail))
    return mail


def test_i050_i053_a_forgotten_password_is_reset_by_a_link(browser, server, inbox):
    mail = reset(browser, server, inbox)
    assert (mail["subject"], mail["from"]) == ("Reset your password", "Example <login@example.com>")
    assert mail["auto-submitted"] == "auto-generated"
    # opened again, as a program does that looks for malware
    browser.refresh()
    fill(browser, new=NEW, again=NEW)
    press(browser, "Change password")
    assert "Your password is changed" in text(browser)
    assert inbox.get("alice@mail.example")["subject"] == "Your password was changed"
    assert api.login(server.url, "alice", NEW)
    browser.get(mails.link(mail))
    assert "This link does not work any more" in text(browser)


def test_i066_an_account_is_made_by_a_link_to_its_address(browser, server, inbox):
    browser.get(f"{server.url}/signup")
    fill(browser, email="guest@mail.example")
    press(browser, "Send the link")
    browser.get(mails.link(inbox.get("guest@mail.example")))
    fill(browser, username="guest", new=programs.PASS_PHRASE, again=programs.PASS_PHRASE)
    press(browser, "Make the account")
    assert "Your account is there" in text(browser)
    shown = server.check_output("user", "show", "guest")
    assert "guest@mail.example" in shown


def scan(browser, link):
    """Opens a link as a program does that looks for malware: with script, in a browser of its own, twice, and with
    everything that is linked there. It waits until the page is idle, and moves over everything that it shows."""
    for _ in range(2):
        browsers.clear_cookies(browser)
        browser.get(link)
        browser.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "for (const element of document.querySelectorAll('*'))"
            "  for (const name of ['mouseover', 'focus', 'focusin', 'touchstart'])"
            "    element.dispatchEvent(new Event(name, {bubbles: true}));"
            "requestIdleCallback(() => fetch(location.href, {method: 'HEAD'}).finally(() => done()));"
        )
        links = {one.get_attribute("href") for one in browser.find_elements(By.CSS_SELECTOR, "main a[href]")}
        for one in sorted(links):
            browser.get(one)
    browsers.clear_cookies(browser)


def test_i053_a_scanner_that_runs_script_uses_up_no_link(browser, server, inbox):
    server.add_user("carol", "user")
    server.check_output("user", "email", "carol", "carol@mail.example", "--verified")
    browser.get(f"{server.url}/reset")
    fill(browser, username="carol")
    press(browser, "Send the link")
    link = mails.link(inbox.get("carol@mail.example"))
    scan(browser, link)
    assert api.login(server.url, "carol", programs.PASS_PHRASE), "the scanner changed nothing"
    browser.get(link)
    fill(browser, new=NEW, again=NEW)
    press(browser, "Change password")
    assert "Your password is changed" in text(browser)
    inbox.get("carol@mail.example")

    server.check_output("user", "invite", "dora@mail.example")
    link = mails.link(inbox.get("dora@mail.example"))
    scan(browser, link)
    browser.get(link)
    fill(browser, username="dora", new=programs.PASS_PHRASE, again=programs.PASS_PHRASE)
    press(browser, "Make the account")
    assert "Your account is there" in text(browser)

    browser.get(f"{server.url}/account")
    fill(browser, username="carol", password=NEW)
    press(browser, "Sign in")
    fill(browser, email="carol@new.example", password=NEW)
    press(browser, "Send the link")
    link = mails.link(inbox.get("carol@new.example"))
    scan(browser, link)
    assert "carol@new.example" not in server.check_output("user", "show", "carol")
    # the scanner has none of the person's cookies, and this browser has none any more
    browser.get(f"{server.url}/account")
    fill(browser, username="carol", password=NEW)
    press(browser, "Sign in")
    browser.get(link)
    press(browser, "Verify this address")
    assert "Your address is verified" in text(browser)
    assert inbox.get("carol@mail.example")["subject"] == "Your address was changed"


def test_the_command_sends_a_mail(server, inbox):
    printed = server.check_output("mail", "test", "ops@mail.example")
    assert "has taken a mail" in printed
    assert inbox.get("ops@mail.example")["subject"] == "Test mail"


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_for_everybody(browser, axe, server, inbox, look):
    name = f"bob-{look}"
    server.add_user(name, "user")
    server.check_output("user", "email", name, f"{name}@mail.example", "--verified")
    browsers.set_look(browser, **LOOKS[look])

    def is_for_everybody(page):
        wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
        assert browsers.violations(browser, axe) + (["too wide"] if wide else []) == [], page

    for page in ("signup", "reset", "reset?sent=1", "verify?token=x"):
        browser.get(f"{server.url}/{page}")
        is_for_everybody(page)
    browser.get(f"{server.url}/reset")
    fill(browser, username=name)
    press(browser, "Send the link")
    browser.get(mails.link(inbox.get(f"{name}@mail.example")))
    is_for_everybody("new password")
    fill(browser, new="short", again="short")
    press(browser, "Change password")
    is_for_everybody("new password refused")
    server.check_output("user", "invite", f"guest-{look}@mail.example")
    browser.get(mails.link(inbox.get(f"guest-{look}@mail.example")))
    is_for_everybody("invitation")
    browser.get(f"{server.url}/account")
    fill(browser, username=name, password=programs.PASS_PHRASE)
    press(browser, "Sign in")
    is_for_everybody("account")
    fill(browser, email=f"{name}@new.example", password=programs.PASS_PHRASE)
    press(browser, "Send the link")
    browser.get(mails.link(inbox.get(f"{name}@new.example")))
    is_for_everybody("verify")
    press(browser, "Verify this address")
    assert "Your address is verified" in text(browser)
    assert inbox.get(f"{name}@mail.example")["subject"] == "Your address was changed"
