"""The pages of examples/login-page in a real browser: they work without a script, and a page elsewhere cannot use them."""

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import browsers
import programs

PASSWORD = "a long pass phrase of the admin"


@pytest.fixture(scope="module")
def site():
    with programs.login_page_server() as server:
        yield server


@pytest.fixture
def browser(tmp_path):
    driver = browsers.chromium(tmp_path)
    yield driver
    driver.quit()


def fill(browser, **fields):
    for name, value in fields.items():
        field = browsers.wait_for(browser, until.visibility_of_element_located((By.NAME, name)))
        field.clear()
        field.send_keys(value)
    browsers.click(browser, "//button")


def wait_for_title(browser, title):
    browsers.wait_for(browser, until.title_is(title))


def test_a_person_sets_a_password_logs_in_and_logs_out(site, browser):
    origin = f"http://localhost:{site.port}"
    browser.get(origin)
    wait_for_title(browser, "Log in")
    assert browser.current_url == f"{origin}/login"
    code = re.search(r"^ {4}(\S+)$", site.log.read_text(), re.MULTILINE)[1]
    fill(browser, username="admin", password=code)
    wait_for_title(browser, "Choose a new password")
    fill(browser, current_password=code, new_password="short")
    assert "needs at least 15" in browsers.wait_for(
        browser, until.visibility_of_element_located((By.XPATH, '//*[@role="alert"]'))).text
    fill(browser, current_password=code, new_password=PASSWORD)
    wait_for_title(browser, "Home")
    assert "logged in as admin" in browser.find_element(By.TAG_NAME, "body").text
    browser.refresh()
    wait_for_title(browser, "Home")
    cookie = browser.get_cookie("__Host-session")
    assert cookie["httpOnly"] and cookie["secure"]
    browsers.click(browser, "//button")
    wait_for_title(browser, "Log in")
    assert browser.get_cookie("__Host-session") is None
    fill(browser, username="admin", password=PASSWORD)
    wait_for_title(browser, "Home")

    # with the cookie, since a port is no part of a site; without it; and for a login, which needs none
    for host, path in [("localhost", "/logout"), ("127.0.0.1", "/logout"), ("127.0.0.1", "/login")]:
        press_a_foreign_button(browser, host, f"{origin}{path}", "Not possible")
        browser.get(origin)
        wait_for_title(browser, "Home")


def press_a_foreign_button(browser, host, action, title):
    """Opens a page of another origin, presses the button of its form, and waits for the page that this leads to."""
    fields = '<input name="username" value="admin"><input name="password" value="wrong">'
    page = f'<form method="post" action="{action}">{fields}<button>Win a prize</button></form>'

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.get(f"http://{host}:{server.server_port}/")
        browsers.click(browser, "//button")
        wait_for_title(browser, title)
    finally:
        server.shutdown()
