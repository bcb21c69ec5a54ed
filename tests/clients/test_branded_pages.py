"""The look of the pages in a real browser: name, picture, colours, links, languages, and the look of one client."""

import json
import struct
import zlib

import pytest
from selenium.webdriver.common.by import By

import api
import browsers
import programs
import receivers
import services
import sign_in
from browsers import fill, press

LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"width": 360}, "dark-phone": {"width": 360, "dark": True}}
BRAND = {"name": "Example Wiki", "color": "#0b6b3a", "color_dark": "#7fdba6"}
FRENCH = """sign-in = Connexion
sign-in-to = pour continuer vers { $client }
user-name = Nom d'utilisateur
too-many = <b>Trop d'essais</b>
"""


def picture(red, green, blue, width=96, height=48):
    """A PNG file of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes((red, green, blue)) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def inline(table):
    """A table as TOML on one line."""
    return "{ " + ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in table.items()) + " }"


@pytest.fixture(scope="module")
def landing():
    with receivers.Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def branded(landing):
    """A server with a look, the client `wiki` with one of its own, the client `shop` without, and the user `root`."""
    with programs.serve() as server:
        server.add_administrator("root", "user")
        admin = api.login(server.url, "root", programs.PASS_PHRASE)
        server.wiki, server.shop = (
            sign_in.register(admin, redirect_uri=f"{landing.origin}/cb", consent="ask") for _ in range(2))
        for name, bytes_ in (("logo.png", picture(122, 31, 162)), ("wiki.png", picture(11, 107, 58)),
                             ("icon.png", picture(122, 31, 162, 32, 32))):
            (server.folder / name).write_bytes(bytes_)
        (server.folder / "locales").mkdir()
        (server.folder / "locales" / "fr.ftl").write_text(FRENCH)
        wiki = f"{json.dumps(server.wiki.id)} = {inline({**BRAND, 'logo': 'wiki.png'})}"
        links = [("Imprint", "https://www.example.com/imprint"), ("Privacy", "https://www.example.com/privacy"),
                 ("Help", "https://www.example.com/help")]
        server.settings |= {
            "ROLECALL_PAGES__NAME": "Example Ltd",
            "ROLECALL_PAGES__LOGO": "logo.png",
            "ROLECALL_PAGES__FAVICON": "icon.png",
            "ROLECALL_PAGES__COLOR": "#7a1fa2",
            "ROLECALL_PAGES__COLOR_DARK": "#d9a7f0",
            "ROLECALL_PAGES__LINKS": f"[{', '.join(inline({'label': label, 'url': url}) for label, url in links)}]",
            "ROLECALL_PAGES__LOCALES": "locales",
            "ROLECALL_PAGES__CLIENTS": f"{{ {wiki} }}",
        }
        server.check_output("templates", "check")
        server.kill()
        server.start()
        yield server


def text(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector).text


def color(browser):
    return browser.execute_script("return getComputedStyle(document.querySelector('button.primary')).backgroundColor")


def pages(browser, server):
    """Opens one page after the other, and yields the name of each."""
    for name, app in (("server", server.shop), ("client", server.wiki)):
        browsers.clear_cookies(browser)
        browser.get(app.ask("openid profile").url)
        yield f"sign-in-{name}"
        fill(browser, username="root", password="a wrong pass phrase")
        press(browser, "Sign in")
        yield f"wrong-{name}"
        fill(browser, username="root", password=programs.PASS_PHRASE)
        press(browser, "Sign in")
        yield f"consent-{name}"
    press(browser, "Allow")
    browser.get(f"{server.url}/account")
    yield "account"
    browser.get(f"{server.url}/login?flow=x")
    yield "ended"


def test_each_page_has_the_look_of_the_server_or_of_its_client(browser, branded):
    for name in pages(browser, branded):
        is_clients = name.endswith("-client")
        brand = "Example Wiki" if is_clients else "Example Ltd"
        assert text(browser, ".brand") == brand, name
        host = branded.wiki.redirect_uri.split("/")[2]
        by = f"Sign-in by Example Ltd for the application at {host}"
        assert (by in text(browser, "main")) == is_clients, name
        assert browser.execute_script("return document.querySelector('.logo').naturalWidth") == 96
        links = browser.find_elements(By.CSS_SELECTOR, "footer a")
        assert [link.text for link in links] == ["Imprint", "Privacy", "Help"]
        if name.startswith("sign-in"):
            assert color(browser) == ("rgb(11, 107, 58)" if is_clients else "rgb(122, 31, 162)")
    messages = [entry["message"] for entry in browser.get_log("browser")]
    assert [message for message in messages if "Content Security" in message] == []


def test_an_added_language_is_shown_as_text(browser, branded):
    browser.get(branded.wiki.ask(ui_locales="fr").url)
    assert text(browser, "h1") == "Connexion"
    # what it lacks is in English
    assert text(browser, "label[for=password]") == "Password"
    # and the next page of the browser is in this language too
    browser.get(branded.shop.ask().url)
    assert text(browser, "h1") == "Connexion"
    assert browser.execute_script("return document.documentElement.lang") == "fr"


@pytest.mark.parametrize("look", LOOKS)
def test_pages_with_a_look_are_for_everybody(browser, branded, look):
    services.require_node_package("axe-core")
    axe = (services.NODE / "node_modules" / "axe-core" / "axe.min.js").read_text()
    browsers.set_look(browser, **LOOKS[look])
    folder = programs.OUTPUT / "branded"
    folder.mkdir(parents=True, exist_ok=True)
    wrong = {}
    for name in pages(browser, branded):
        browser.save_screenshot(str(folder / f"{name}-{look}.png"))
        wide = browser.execute_script(
            "return document.documentElement.scrollWidth > document.documentElement.clientWidth")
        problems = browsers.violations(browser, axe) + (["too wide"] if wide else [])
        if problems:
            wrong[name] = problems
    assert wrong == {}
