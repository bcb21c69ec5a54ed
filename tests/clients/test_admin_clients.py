"""The pages of clients and resources for administrators in a real browser."""

import json

import pytest
import requests
from selenium.webdriver.common.by import By

import api
import browsers
import databases
import looks
import programs
from browsers import fill, press


@pytest.fixture(scope="module", params=databases.KINDS)
def server(request, tmp_path_factory):
    """A server whose whole policy these tests replace."""
    with databases.administered(request.param, tmp_path_factory.mktemp("database")) as running:
        yield running


@pytest.fixture(scope="module")
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


def assert_no_violation_of_the_policy(browser):
    complaints = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []


def secret_of(browser):
    return browser.find_element(By.CSS_SELECTOR, "code.code").text


def setting(browser, name):
    found = browser.find_elements(By.XPATH, f'//dt[code="{name}"]/following-sibling::dd[1]//code')
    return [one.text for one in found]


def token_for(url, client, secret):
    form = {"grant_type": "client_credentials"}
    return requests.post(f"{url}/token", data=form, auth=(client, secret), timeout=10)


def remove_clients(root):
    for client in root.get("/api/clients").json()["items"]:
        if client["client_id"] != "demo":
            root.delete(f"/api/clients/{client['client_id']}")
    for resource in root.get("/api/resources").json()["items"]:
        root.delete(f"/api/resources/{resource['id']}")


@pytest.fixture
def bare(root):
    """A server without clients but that of the tour, and without resources."""
    root.log_in("admin")
    remove_clients(root)
    yield root
    remove_clients(root)


def test_somebody_registers_grafana_from_the_list(either, server, bare):
    sign_in(either, server.url, "/admin/clients")
    follow(either, "Grafana")
    fill(either, address="https://plots.example")
    press(either, "Fill in")
    filled = either.find_element(By.ID, "redirect_uris").get_attribute("value")
    assert filled == "https://plots.example/login/generic_oauth"
    press(either, "Create")
    assert "Grafana is registered" in text(either)
    secret, client = secret_of(either), setting(either, "client_id")[0]
    assert secret.startswith("rcs_")
    pasted = either.find_element(By.TAG_NAME, "pre").text
    assert f"client_id = {client}" in pasted and "use_pkce = true" in pasted
    follow(either, "Go on")
    assert setting(either, "redirect_uri") == [filled]
    assert secret not in either.page_source
    stored = bare.get(f"/api/clients/{client}").json()
    assert (stored["kind"], stored["consent"], stored["pkce"]) == ("web", "ask", "required")
    follow(either, "Grafana")
    assert "[auth.generic_oauth]" in text(either)
    assert_no_violation_of_the_policy(either)


def test_two_secrets_work_side_by_side(either, server, bare):
    sign_in(either, server.url, "/admin/clients/new")
    either.find_element(By.ID, "kind-none").click()
    either.find_element(By.ID, "grant-own").click()
    fill(either, name="nightly")
    press(either, "Create")
    first, client = secret_of(either), setting(either, "client_id")[0]
    follow(either, "Go on")
    follow(either, "Secret")
    press(either, "Make a new secret")
    second = secret_of(either)
    for secret in (first, second):
        assert token_for(server.url, client, secret).status_code == 200
    follow(either, "Go on")
    follow(either, "Secret")
    press(either, "End it now")
    assert "The secret before has ended." in text(either)
    assert token_for(server.url, client, first).status_code == 401
    assert token_for(server.url, client, second).status_code == 200
    follow(either, "Give a role")
    fill(either, role="rolecall.resource-server")
    press(either, "Give a role")
    assert bare.get(f"/api/clients/{client}").json()["roles"] == ["rolecall.resource-server"]
    follow(either, "Take away")
    press(either, "Do it")
    follow(either, "Delete")
    press(either, "Do it")
    assert "The client is deleted." in text(either)
    assert token_for(server.url, client, second).status_code == 401


def test_a_fault_leads_to_its_field(browser, server, bare):
    sign_in(browser, server.url, "/admin/clients/new")
    fill(browser, name="app", redirect_uris="http://app.example/cb")
    press(browser, "Create")
    assert browser.switch_to.active_element.get_attribute("id") == "faults"
    link = browser.find_element(By.CSS_SELECTOR, "#faults a")
    link.click()
    assert browser.current_url.endswith("#redirect_uris")
    assert browser.find_element(By.ID, "name").get_attribute("value") == "app"


def test_a_sign_in_is_tried(either, server, bare):
    made = bare.post("/api/clients", json={
        "name": "wiki", "grants": ["authorization_code"], "kind": "web", "consent": "skip",
        "redirect_uris": ["https://wiki.example/cb"]}).json()
    sign_in(either, server.url, f"/admin/clients/{made['client_id']}")
    follow(either, "Try a sign-in")
    tokens = [json.loads(one.text) for one in either.find_elements(By.CSS_SELECTOR, "pre code")]
    assert len(tokens) == 4
    assert tokens[1]["client_id"] == made["client_id"] and tokens[1]["username"] == "admin"
    assert tokens[3]["aud"] == made["client_id"] and tokens[3]["sub"] == tokens[1]["sub"]
    fill(either, scope="nothing:such")
    press(either, "Try")
    assert "The sign-in would be refused:" in text(either) and "nothing:such" in text(either)
    assert_no_violation_of_the_policy(either)


def test_an_api_is_registered_changed_and_deleted(either, server, bare):
    sign_in(either, server.url, "/admin/resources")
    assert "No API is registered." in text(either)
    follow(either, "New resource")
    fill(either, uri="https://stock.example", name="Stock", objects="items\norders")
    press(either, "Create")
    assert "The resource is registered." in text(either)
    stored = bare.get("/api/resources").json()["items"][0]
    assert (stored["uri"], stored["objects"], stored["dynamic"]) == ("https://stock.example", ["items", "orders"], "no")
    either.find_element(By.ID, "dynamic-ask").click()
    press(either, "Save")
    assert bare.get(f"/api/resources/{stored['id']}").json()["dynamic"] == "ask"
    follow(either, "Delete")
    press(either, "Do it")
    assert bare.get("/api/resources").json()["items"] == []
    assert_no_violation_of_the_policy(either)


@pytest.fixture(scope="module")
def shots():
    folder = programs.OUTPUT / "admin-clients"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.looks
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_page_is_for_everybody(browser, server, bare, axe, shots, language):
    browsers.command(browser, "Network.enable")
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={})
    made = bare.post("/api/clients", json={
        "name": "Intranet of the whole company", "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "kind": "web", "consent": "skip", "redirect_uris": ["https://intranet.example/a/very/long/path/that/has/no/end/callback"],
        "audiences": ["https://api.intranet.example"], "who": ["rolecall.admin"], "roles": ["rolecall.resource-server"],
        "backchannel_logout_uri": "https://intranet.example/logout"}).json()["client_id"]
    bare.post(f"/api/clients/{made}/secret", json={})
    bare.post("/api/clients", json={"name": "job", "grants": ["client_credentials"]})
    resource = bare.post("/api/resources", json={
        "uri": "https://api.intranet.example", "name": "Intranet", "objects": ["items"], "default_scope": "items:read"}).json()["id"]
    sign_in(browser, server.url, "/admin/clients")
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={"accept-language": language})
    pages = {
        "clients": "/admin/clients",
        "client": f"/admin/clients/{made}",
        "paste": f"/admin/clients/{made}?preset=gitlab",
        "new": "/admin/clients/new",
        "preset": "/admin/clients/new?preset=nextcloud",
        "edit": f"/admin/clients/{made}/edit",
        "secret": f"/admin/clients/{made}/secret",
        "assign": f"/admin/clients/{made}/assign",
        "delete": f"/admin/clients/{made}/delete",
        "test": f"/admin/clients/{made}/test",
        "refused": f"/admin/clients/{made}/test?scope=nothing:such",
        "resources": "/admin/resources",
        "new-resource": "/admin/resources/new",
        "resource": f"/admin/resources/{resource}",
        "delete-resource": f"/admin/resources/{resource}/delete",
    }
    found = {}

    for name, path in pages.items():
        browser.get(f"{server.url}{path}")
        found |= looks.problems(browser, axe, name, shots, language)
    browser.get(f"{server.url}/admin/clients/{made}/secret")
    button = browser.find_element(By.CSS_SELECTOR, 'button[value="new"]')
    button.click()
    browsers.wait_for_next_page(browser, button)
    found |= looks.problems(browser, axe, "new-secret", shots, language)
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={})
    assert found == {}
    assert_no_violation_of_the_policy(browser)
