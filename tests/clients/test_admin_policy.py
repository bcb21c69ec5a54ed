"""The pages of the rules for administrators in a real browser: matrix, hierarchy, constraints, requests, decisions, policy."""

import pytest
from selenium.webdriver.common.by import By

import api
import browsers
import databases
import looks
import programs
from browsers import fill, press

LIBRARY = """
[permissions]
"books:read" = "See books"
"books:write" = "Change books"
"books:lend" = "Lend books"
"money:order" = ""
"money:pay" = ""

[roles.reader]
description = "Reads"
permissions = ["books:read"]

[roles.writer]
permissions = ["books:write"]
juniors = ["reader"]

[roles.librarian]
permissions = ["books:lend"]
juniors = ["writer", "reader"]

[roles.buyer]
permissions = ["money:order"]

[roles.treasurer]
permissions = ["money:pay"]
approval = true

[roles.head]
juniors = ["librarian", "buyer"]
"""


@pytest.fixture(scope="module", params=databases.KINDS)
def server(request, tmp_path_factory):
    """A server whose whole policy these tests replace."""
    with databases.administered(request.param, tmp_path_factory.mktemp("database")) as running:
        yield running


@pytest.fixture(scope="module")
def root(server):
    return api.login(server.url, "admin")


@pytest.fixture
def library(root):
    """The policy of a library, and people who have its roles."""
    put(root, LIBRARY)
    # the roles of the tour are gone, and with them the tokens that held them
    root.log_in("admin")
    people = {}
    for role in ("reader", "librarian", "treasurer"):
        body = {"username": api.unique_name(role), "password": programs.PASS_PHRASE}
        people[role] = root.post("/api/users", json=body).json()
        root.put(f"/api/users/{people[role]['id']}/roles/{role}", json={})
    return people


def put(root, document):
    headers = {"content-type": "application/toml", "if-match": "*"}
    answer = root.put("/api/policy", data=document.encode(), headers=headers)
    assert answer.status_code == 200, answer.text


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


def set_document(browser, document):
    """Replaces the document, as somebody does who pastes one."""
    browser.execute_script("document.getElementById('document').value = arguments[0]", document)


def assert_no_violation_of_the_policy(browser):
    complaints = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []


def test_a_cell_is_ticked_previewed_and_saved(either, server, root, library):
    sign_in(either, server.url, "/admin/matrix?object=books")
    assert "by reader" in text(either)
    either.find_element(By.CSS_SELECTOR, '[aria-label="reader, books:lend"]').click()
    press(either, "Preview of the change")
    shown = text(either)
    assert "role reader holds books:lend" in shown and library["reader"]["username"] in shown
    assert root.get("/api/roles/reader").json()["permissions"] == ["books:read"]
    press(either, "Save")
    assert "The policy is changed." in text(either)
    assert root.get("/api/roles/reader").json()["permissions"] == ["books:lend", "books:read"]
    assert_no_violation_of_the_policy(either)


def test_the_hierarchy_is_a_picture_that_leads_to_roles(either, server, library):
    sign_in(either, server.url, "/admin/hierarchy")
    boxes = either.find_elements(By.CSS_SELECTOR, "svg .node")
    assert len(boxes) == 7
    places = [(one.rect["x"], one.rect["y"]) for one in boxes]
    assert len(set(places)) == len(places)
    assert len(either.find_elements(By.CSS_SELECTOR, "svg .edge")) == 5
    listed = [one.text for one in either.find_elements(By.CSS_SELECTOR, ".tree a")]
    assert set(listed) == {"buyer", "head", "librarian", "reader", "treasurer", "user", "writer"}
    fill(either, role="writer")
    press(either, "Show")
    assert len(either.find_elements(By.CSS_SELECTOR, "svg .node")) == 4
    either.find_element(By.XPATH, '//*[local-name()="svg"]//*[local-name()="a"][contains(@href, "/reader")]').click()
    browsers.wait_for(either, lambda one: one.current_url.endswith("/admin/roles/reader"))
    assert_no_violation_of_the_policy(either)


def test_a_constraint_keeps_people_apart(either, server, root, library):
    other = root.post("/api/users", json={"username": api.unique_name("both"), "password": programs.PASS_PHRASE}).json()
    for role in ("reader", "buyer"):
        root.put(f"/api/users/{other['id']}/roles/{role}", json={})
    sign_in(either, server.url, "/admin/constraints")
    fill(either, name="apart", roles="reader\nbuyer")
    press(either, "Create")
    assert other["username"] in text(either)
    fill(either, roles="writer\nbuyer")
    press(either, "Create")
    assert "The constraint is in force." in text(either)
    follow(either, "apart")
    either.find_element(By.ID, "confirm").click()
    press(either, "Delete")
    assert "The constraint is deleted." in text(either)
    assert root.get("/api/constraints").json()["items"] == []
    root.delete(f"/api/users/{other['id']}")


def test_a_second_person_confirms_a_role(either, server, root, library):
    second = api.unique_name("second")
    helper = root.post("/api/users", json={"username": second, "password": programs.PASS_PHRASE}).json()
    root.put(f"/api/users/{helper['id']}/roles/rolecall.admin", json={})
    sign_in(either, server.url, "/admin/requests")
    person = library["reader"]
    fill(either, user=person["username"], role="treasurer", reason="While Vera is away")
    press(either, "Ask")
    assert "A second person has to confirm the role." in text(either)
    browsers.clear_cookies(either)
    sign_in(either, server.url, "/admin/requests", second, programs.PASS_PHRASE)
    follow(either, f"treasurer for {person['username']}")
    press(either, "Confirm")
    assert "Confirmed." in text(either)
    assert "treasurer" in root.get(f"/api/users/{person['id']}").json()["roles"]
    root.delete(f"/api/users/{helper['id']}")


def test_a_question_is_answered_with_the_path(either, server, library):
    sign_in(either, server.url, "/admin/decisions")
    fill(either, user=library["librarian"]["username"], need="books:read")
    press(either, "Ask")
    shown = text(either)
    assert "Yes" in shown and "The role librarian is assigned." in shown and "The role reader holds books:read." in shown
    address = either.current_url
    either.get(address)
    assert "The role librarian is assigned." in text(either)
    fill(either, need="money:pay")
    press(either, "Ask")
    assert "No" in text(either) and "treasurer" in text(either)


def test_a_document_is_planned_applied_and_taken_back(browser, server, root, library):
    sign_in(browser, server.url, "/admin/policy")
    document = browser.find_element(By.ID, "document").get_attribute("value")
    set_document(browser, document.replace('"books:write"]', '"books:wrong"]'))
    press(browser, "Plan")
    assert "Where the document is wrong" in text(browser) and "books:wrong" in text(browser)
    assert browser.switch_to.active_element.get_attribute("id") == "faults"
    set_document(browser, document.replace('permissions = ["books:write"]', "permissions = []"))
    press(browser, "Plan")
    shown = text(browser)
    assert "role writer holds books:write" in shown and library["librarian"]["username"] in shown
    press(browser, "Put in force")
    assert "The policy is changed." in text(browser)
    assert root.get("/api/roles/writer").json()["permissions"] == []
    follow(browser, "History")
    versions = browser.find_elements(By.CSS_SELECTOR, "tbody a")
    assert "In force" in browser.find_element(By.CSS_SELECTOR, "tbody tr").text
    versions[1].click()
    browsers.wait_for_next_page(browser, versions[1])
    press(browser, "Go back to this version")
    assert "The policy is changed." in text(browser)
    assert root.get("/api/roles/writer").json()["permissions"] == ["books:write"]
    assert_no_violation_of_the_policy(browser)


@pytest.fixture(scope="module")
def shots():
    folder = programs.OUTPUT / "admin-rules"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.looks
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_page_is_for_everybody(browser, server, root, library, axe, shots, language):
    browsers.command(browser, "Network.enable")
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={})
    root.post("/api/constraints", json={
        "name": "four-eyes", "kind": "static", "roles": ["buyer", "treasurer"], "at_most": 1})
    root.put(f"/api/users/{library['librarian']['id']}/roles/treasurer", json={"reason": "While Vera is away"})
    sign_in(browser, server.url, "/admin/policy/history")
    newest, before = [one.get_attribute("href") for one in browser.find_elements(By.CSS_SELECTOR, "tbody a")][:2]
    browser.get(f"{server.url}/admin/matrix")
    tag = browser.find_element(By.NAME, "tag").get_attribute("value")
    request = root.get("/api/assignment-requests").json()["items"][0]["id"]
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={"accept-language": language})
    pages = {
        "matrix": "/admin/matrix?object=books",
        "preview": f"/admin/matrix/preview?object=books&tag={tag}&grant=reader+books:lend&revoke=writer+books:write",
        "hierarchy": "/admin/hierarchy",
        "around": "/admin/hierarchy?role=writer",
        "constraints": "/admin/constraints",
        "constraint": "/admin/constraints/four-eyes",
        "requests": "/admin/requests",
        "request": f"/admin/requests/{request}",
        "decision": f"/admin/decisions?user={library['librarian']['id']}&need=books:read",
        "refusal": f"/admin/decisions?user={library['reader']['id']}&need=money:pay",
        "question": "/admin/decisions",
        "policy": "/admin/policy",
        "history": "/admin/policy/history",
        "version": newest.removeprefix(server.url),
        "back": before.removeprefix(server.url),
    }
    found = {}
    for name, path in pages.items():
        browser.get(f"{server.url}{path}")
        found |= looks.problems(browser, axe, name, shots, language)
    browsers.command(browser, "Network.setExtraHTTPHeaders", headers={})
    for item in root.get("/api/assignment-requests").json()["items"]:
        root.delete(f"/api/assignment-requests/{item['id']}")
    root.delete("/api/constraints/four-eyes")
    assert found == {}
    assert_no_violation_of_the_policy(browser)
