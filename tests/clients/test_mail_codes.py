"""Codes by mail in a real browser: to sign in, and to prove an address."""

import re

import pytest

import browsers
import mails
import programs
from browsers import fill, press
from test_mail import LOOKS, inbox, text

__all__ = ["inbox"]


@pytest.fixture(scope="module")
def server(inbox):
    """A server that offers codes by mail, and asks for a verified address."""
    with programs.serve(
        ROLECALL_LOGIN__MAIL_CODE="true", ROLECALL_LOGIN__VERIFIED_ADDRESS="true", **inbox.settings(),
    ) as server:
        yield server


@pytest.fixture
def is_for_everybody(browser, axe):
    def check(page):
        wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
        assert browsers.violations(browser, axe) + (["too wide"] if wide else []) == [], page
    return check


def code(mail):
    [code] = re.findall(r"\b\d{8}\b", mails.part(mail, "plain"))
    assert code in mails.part(mail, "html")
    return code


@pytest.mark.parametrize("look", LOOKS)
def test_i054_a_code_signs_in_on_a_page_for_everybody(browser, server, inbox, is_for_everybody, look):
    name = f"alice-{look}"
    server.add_user(name, "user")
    server.check_output("user", "email", name, f"{name}@mail.example", "--verified")
    browsers.set_look(browser, **LOOKS[look])
    browser.get(f"{server.url}/account")
    browser.find_element("link text", "Sign in with a code by mail").click()
    is_for_everybody("code")
    fill(browser, username=name)
    press(browser, "Send a code")
    is_for_everybody("code asked for")
    mail = inbox.get(f"{name}@mail.example")
    assert mail["subject"] == "Your code to sign in"
    fill(browser, code="00000000" if code(mail) != "00000000" else "00000001")
    press(browser, "Sign in")
    assert "The code is wrong or has expired" in text(browser)
    is_for_everybody("wrong code")
    fill(browser, code=code(mail))
    press(browser, "Sign in")
    assert browser.current_url == f"{server.url}/account" and name in text(browser)


@pytest.mark.parametrize("look", LOOKS)
def test_i066_an_address_is_proven_on_a_page_for_everybody(browser, server, inbox, is_for_everybody, look):
    name = f"bob-{look}"
    server.add_user(name, "user")
    server.check_output("user", "email", name, f"{name}@mail.example")
    browsers.set_look(browser, **LOOKS[look])
    browser.get(f"{server.url}/account")
    fill(browser, username=name, password=programs.PASS_PHRASE)
    press(browser, "Sign in")
    assert "Verify your address" in text(browser)
    is_for_everybody("verify")
    press(browser, "Send a code")
    is_for_everybody("verify, code asked for")
    fill(browser, code=code(inbox.get(f"{name}@mail.example")))
    press(browser, "Continue")
    assert browser.current_url == f"{server.url}/account" and name in text(browser)
    assert "\"email_verified\": true" in server.check_output("user", "show", name, "--json")
