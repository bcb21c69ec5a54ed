"""The Swagger page in a real browser: Authorize logs in, and a call returns 200."""

from urllib.parse import urlsplit

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until

import browsers
from programs import OUTPUT, PASSWORD

ME = '//*[contains(@class, "opblock-get")][.//*[@data-path="/api/me"]]'


@pytest.fixture
def browser(tmp_path):
    driver = browsers.chromium(tmp_path)
    yield driver
    driver.quit()


def test_the_page_logs_in_and_calls_a_route(dev, browser):
    browser.get(f"{dev.url}/docs")
    assert browser.current_url == f"{dev.url}/docs"
    browsers.authorize(browser, "admin")
    browsers.show_section(browser, "account")
    for button in ("opblock-summary-control", "try-out__btn", "execute"):
        browsers.click(browser, f'{ME}//button[contains(@class, "{button}")]')
    status = browsers.wait_for(browser, until.visibility_of_element_located(
        (By.XPATH, f'{ME}//*[contains(@class, "live-responses-table")]//tbody//td')))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(OUTPUT / "swagger.png"))
    assert status.text.split()[0] == "200"
    body = browser.find_element(By.XPATH, f'{ME}//*[contains(@class, "live-responses-table")]').text
    assert '"username": "admin"' in body

    hosts = {urlsplit(url).netloc for url in browsers.requested_urls(browser) if url.startswith("http")}
    assert hosts == {urlsplit(dev.url).netloc}
    complaints = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert complaints == []
    stored = browser.execute_script("return JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "eyJ" not in stored, "the access token is stored in the browser"


def test_the_page_signs_in_by_the_code_flow(dev, browser):
    browser.get(f"{dev.url}/docs")
    page = browser.current_window_handle
    browsers.click(browser, '//*[contains(@class, "auth-wrapper")]//button[contains(@class, "authorize")]')
    form = '//*[contains(@class, "auth-container")][.//h4[contains(., "authorizationCode")]]'
    browsers.wait_for(browser, until.visibility_of_element_located((By.XPATH, f'{form}//input'))).send_keys("demo")
    browsers.click(browser, f'{form}//button[contains(@class, "authorize")]')
    browsers.wait_for(browser, until.number_of_windows_to_be(2))
    [window] = set(browser.window_handles) - {page}
    browser.switch_to.window(window)
    browsers.wait_for(browser, until.title_contains("Sign in"))
    browsers.fill(browser, username="admin", password=PASSWORD)
    browsers.press(browser, "Sign in")
    if "Allow" in browser.title:
        browser.find_element(By.XPATH, '//button[@value="allow"]').click()
    browsers.wait_for(browser, until.number_of_windows_to_be(1))
    browser.switch_to.window(page)
    browsers.wait_for(browser, until.presence_of_element_located((By.XPATH, f'{form}//button[text()="Logout"]')))
    browsers.click(browser, '//*[contains(@class, "modal-ux-header")]//button')
    browsers.show_section(browser, "account")
    for button in ("opblock-summary-control", "try-out__btn", "execute"):
        browsers.click(browser, f'{ME}//button[contains(@class, "{button}")]')
    status = browsers.wait_for(browser, until.visibility_of_element_located(
        (By.XPATH, f'{ME}//*[contains(@class, "live-responses-table")]//tbody//td')))
    assert status.text.split()[0] == "200"


def test_the_page_shows_the_routes_of_the_application_first_and_offers_no_scopes(dev, browser):
    browser.get(f"{dev.url}/docs")
    browsers.show_section(browser, "tokens")
    sections = browser.find_elements(By.CSS_SELECTOR, "h3.opblock-tag")
    assert [section.get_attribute("data-tag") for section in sections][:3] == ["items and users", "tokens", "sign-in"]
    browsers.click(browser, '//*[contains(@class, "auth-wrapper")]//button[contains(@class, "authorize")]')
    browsers.wait_for(browser, until.visibility_of_element_located((By.ID, "oauth_username")))
    assert browser.find_elements(By.CSS_SELECTOR, ".scopes input") == []


def test_addresses_that_people_type_lead_to_the_page(dev):
    for path in ("/", "/docs/"):
        response = requests.get(f"{dev.url}{path}", timeout=30)
        assert response.url == f"{dev.url}/docs" and response.status_code == 200


def test_the_page_is_served_without_redirect_and_runs_only_its_own_scripts(dev):
    response = requests.get(f"{dev.url}/docs", allow_redirects=False, timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "//" not in response.text.lower().replace("<!doctype html>", "")


def test_files_of_the_page_are_cacheable(dev):
    page = requests.get(f"{dev.url}/docs", timeout=30).text
    names = [piece for piece in page.split('"') if piece.startswith("docs/")]
    assert len(names) == 3
    for name in names:
        first = requests.get(f"{dev.url}/{name}", timeout=30)
        assert first.status_code == 200 and first.text
        assert "immutable" in first.headers["Cache-Control"]
        condition = {"If-None-Match": first.headers["ETag"]}
        assert requests.get(f"{dev.url}/{name}", headers=condition, timeout=30).status_code == 304
    assert requests.get(f"{dev.url}/docs/no-such-file", timeout=30).status_code == 404
