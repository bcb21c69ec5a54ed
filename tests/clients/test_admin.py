"""The pages for administrators in a real browser: with and without scripts, on a telephone, in the dark, for everybody."""

import datetime

import pytest
import requests
from selenium.webdriver.common.by import By

import api
import browsers
import databases
import looks
import programs
from browsers import fill, press

HOSTILE = "\"'><script>document.title = 'broken'</script>&"


@pytest.fixture(scope="module", params=databases.KINDS)
def server(request, tmp_path_factory):
    with databases.administered(request.param, tmp_path_factory.mktemp("database")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server):
    return api.login(server.url, "admin")


@pytest.fixture(scope="module")
def furnished(admin):
    """Roles and users to look at."""
    for permission in ("books:read", "books:write", "books:lend"):
        admin.post("/api/permissions", json={"name": permission})
    for role, permissions, junior in (
        ("reader", ["books:read"], None), ("writer", ["books:write"], "reader"), ("librarian", ["books:lend"], "writer")):
        admin.post("/api/roles", json={"name": role, "description": f"A {role} of the library"})
        for permission in permissions:
            admin.put(f"/api/roles/{role}/permissions/{permission}")
        if junior:
            admin.put(f"/api/roles/{role}/juniors/{junior}")
    users = []
    for name in ("ada", "grace", "edsger", "barbara", "donald"):
        body = {"username": api.unique_name(name), "password": programs.PASS_PHRASE, "email": f"{api.unique_name(name)}@example.org"}
        users.append(admin.post("/api/users", json=body).json())
    end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ada = users[0]["id"]
    admin.put(f"/api/users/{ada}/roles/librarian", json={"expires_at": end, "reason": "Stands in for Barbara"})
    admin.put(f"/api/users/{ada}/roles/reader?tenant=acme", json={})
    admin.put(f"/api/users/{users[1]['id']}/roles/writer", json={})
    api.login(admin.url, users[0]["username"], programs.PASS_PHRASE)
    return users


def sign_in(browser, url, path="/admin", username="admin", password=programs.PASSWORD):
    browser.get(f"{url}{path}")
    fill(browser, username=username, password=password)
    press(browser, "Sign in")
    return browser


def heading(browser):
    return browser.find_element(By.TAG_NAME, "h1").text


def text(browser):
    return browser.find_element(By.TAG_NAME, "main").text


def follow(browser, words):
    link = browser.find_element(By.XPATH, f'//main//a[contains(normalize-space(), "{words}")]')
    link.click()
    browsers.wait_for_next_page(browser, link)


def assert_no_violation_of_the_policy(browser):
    complaints = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []


def test_somebody_with_only_the_address_runs_it(either, server, admin):
    """Creates a user, gives a role until tomorrow, sees why the user may do something, and takes the role away."""
    name = api.unique_name("newcomer")
    admin.post("/api/permissions", json={"name": "lamps:read"})
    admin.post("/api/roles", json={"name": "lamplighter"})
    admin.put("/api/roles/lamplighter/permissions/lamps:read")
    sign_in(either, server.url)
    assert heading(either) == "Start"
    link = either.find_element(By.XPATH, '//nav//a[text()="Users"]')
    link.click()
    browsers.wait_for_next_page(either, link)
    follow(either, "New user")
    fill(either, username=name)
    press(either, "Create")
    assert heading(either) == f"{name} is created"
    code = either.find_element(By.CSS_SELECTOR, "code.code").text
    assert code not in either.current_url
    response = requests.post(f"{server.url}/password", timeout=30, json={
        "username": name, "current_password": code, "new_password": programs.PASS_PHRASE})
    assert response.status_code in (204, 409), response.text
    follow(either, "Go on")
    follow(either, "Give a role")
    tomorrow = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    fill(either, role="lamplighter", reason="To try it")
    field = either.find_element(By.NAME, "until")
    field.clear()
    set_value(either, field, tomorrow)
    press(either, "Give a role")
    assert "The role is assigned." in text(either)
    assert "lamps:read" in text(either) and "lamplighter" in text(either)
    times = either.find_elements(By.CSS_SELECTOR, "time[datetime]")
    assert times and all(one.get_attribute("title") == one.get_attribute("datetime") for one in times)
    follow(either, "Take away")
    press(either, "Do it")
    assert "The role is taken away." in text(either) and "lamps:read" not in text(either)
    follow(either, "Undo")
    assert either.find_element(By.NAME, "role").get_attribute("value") == "lamplighter"
    assert either.find_element(By.NAME, "until").get_attribute("value") == tomorrow
    press(either, "Give a role")
    assert "lamps:read" in text(either)
    follow(either, "Undo")
    press(either, "Do it")
    assert "The role is taken away." in text(either) and "lamps:read" not in text(either)
    assert_no_violation_of_the_policy(either)


def set_value(browser, field, value):
    """Types a date and time as the field wants it in an American browser."""
    date, clock = value.split("T")
    year, month, day = date.split("-")
    hour, minute = clock.split(":")
    half = "AM" if int(hour) < 12 else "PM"
    field.send_keys(f"{month}{day}{year}\t{(int(hour) + 11) % 12 + 1:02}{minute}{half}")
    if field.get_attribute("value") != value:
        # another locale writes it otherwise
        browser.execute_script("arguments[0].value = arguments[1]", field, value)


def test_faults_are_linked_to_their_fields_and_read_first(browser, server, furnished):
    sign_in(browser, server.url, f"/admin/users/{furnished[2]['id']}/assign")
    fill(browser, role="No Role")
    press(browser, "Give a role")
    alert = browser.find_element(By.CSS_SELECTOR, "[role=alert]")
    assert browser.switch_to.active_element == alert
    link = alert.find_element(By.TAG_NAME, "a")
    assert link.get_attribute("href").endswith("#role")
    assert browser.find_element(By.ID, "role").get_attribute("value") == "No Role"


def test_a_selection_is_previewed_and_changed(either, server, furnished, admin):
    name = api.unique_name("chosen")
    chosen = admin.post("/api/users", json={"username": name, "password": programs.PASS_PHRASE}).json()
    sign_in(either, server.url, f"/admin/users?q={name}")
    for box in either.find_elements(By.CSS_SELECTOR, 'tbody input[type="checkbox"]'):
        box.click()
    either.find_element(By.ID, "bulk-role").send_keys("reader")
    press(either, "Preview")
    assert "Nothing has happened yet." in text(either) and "Gets the role" in text(either)
    press(either, "Give a role")
    assert "Done for" in text(either)
    assert admin.get(f"/api/users/{chosen['id']}").json()["roles"] == ["reader"]


def test_hostile_names_stay_text(browser, server, admin):
    admin.post("/api/roles", json={"name": "hostile", "description": HOSTILE})
    sign_in(browser, server.url)
    for path in ("/admin/roles", "/admin/roles/hostile", "/admin/roles/hostile/edit", "/admin/roles/hostile/delete"):
        browser.get(f"{server.url}{path}")
        assert browser.title != "broken"
    assert_no_violation_of_the_policy(browser)
    admin.delete("/api/roles/hostile")


def test_times_are_in_the_zone_of_the_reader(browser, server, furnished):
    browsers.command(browser, "Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
    sign_in(browser, server.url, f"/admin/users/{furnished[0]['id']}")
    shown = browser.find_element(By.CSS_SELECTOR, "time[datetime]")
    exact = datetime.datetime.fromisoformat(shown.get_attribute("datetime").replace("Z", "+00:00"))
    there = exact.astimezone(datetime.timezone(datetime.timedelta(hours=9)))
    assert f"{there.minute:02}" in shown.text and "UTC" not in shown.text
    browsers.command(browser, "Emulation.setTimezoneOverride", timezoneId="")


def test_times_are_entered_in_the_zone_of_the_reader(browser, server, furnished, admin):
    user = furnished[3]["id"]
    assign = f"/admin/users/{user}/assign"
    browsers.command(browser, "Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
    sign_in(browser, server.url, assign)
    label = browser.find_element(By.CSS_SELECTOR, 'label[for="until"]').text
    assert "Asia/Tokyo" in label and "UTC" not in label
    fill(browser, role="reader")
    field = browser.find_element(By.NAME, "until")
    browser.execute_script("arguments[0].value = arguments[1]", field, "2035-01-02T08:30")
    press(browser, "Give a role")
    stored = admin.get(f"/api/users/{user}/roles").json()["items"]
    assert [one["expires_at"] for one in stored] == ["2035-01-01T23:30:00Z"]
    for path in (f"{assign}?role=reader&until=2035-01-01T23:30", "/admin/audit?until=2035-01-01T23:30:00"):
        browser.get(f"{server.url}{path}")
        assert browser.find_element(By.NAME, "until").get_attribute("value") == "2035-01-02T08:30"
    press(browser, "Find")
    assert "until=2035-01-01T23%3A30%3A00" in browser.current_url
    browsers.command(browser, "Emulation.setTimezoneOverride", timezoneId="")
    browsers.set_scripts(browser, enabled=False)
    browser.get(f"{server.url}{assign}?until=2035-01-01T23:30")
    assert "UTC" in browser.find_element(By.CSS_SELECTOR, 'label[for="until"]').text
    assert browser.find_element(By.NAME, "until").get_attribute("value") == "2035-01-01T23:30"
    browsers.set_scripts(browser, enabled=True)
    admin.delete(f"/api/users/{user}/roles/reader")
    assert_no_violation_of_the_policy(browser)


def links_of(browser, url):
    found = browser.find_elements(By.CSS_SELECTOR, "a[href]")
    links = {one.get_attribute("href").split("#")[0] for one in found}
    return {one[len(url):] for one in links if one.startswith(f"{url}/admin")}


def test_every_link_leads_to_a_page(browser, server, furnished):
    sign_in(browser, server.url)
    seen, due = set(), {"/admin"}
    while due and len(seen) < 60:
        path = due.pop()
        seen.add(path)
        browser.get(f"{server.url}{path}")
        assert heading(browser) not in ("Not found", "Not permitted", "Sign in"), path
        due |= links_of(browser, server.url) - seen
    assert len(seen) > 20


def pages(furnished):
    user, role = furnished[0]["id"], "writer"
    return {
        "start": "/admin", "users": "/admin/users", "users-filtered": "/admin/users?q=zzz", "user": f"/admin/users/{user}",
        "invitations": "/admin/invitations",
        "user-new": "/admin/users/new", "user-assign": f"/admin/users/{user}/assign", "user-edit": f"/admin/users/{user}/edit",
        "user-delete": f"/admin/users/{user}/delete", "bulk": f"/admin/users/bulk?action=assign&role=reader&user={user}",
        "roles": "/admin/roles", "role": f"/admin/roles/{role}", "role-new": "/admin/roles/new",
        "role-contents": f"/admin/roles/{role}/contents", "permissions": "/admin/permissions",
        "permission": "/admin/permissions/rolecall.users%3Aread", "unknown": "/admin/users/nobody",
    }


@pytest.mark.looks
def test_pages_are_for_everybody(browser, server, furnished, axe):
    folder = programs.OUTPUT / "admin"
    folder.mkdir(parents=True, exist_ok=True)
    sign_in(browser, server.url)
    found = {}
    for name, path in pages(furnished).items():
        browser.get(f"{server.url}{path}")
        found |= looks.problems(browser, axe, name, folder)
    assert found == {}


def test_no_page_with_its_files_is_large(browser, server, furnished):
    sign_in(browser, server.url)
    cookies = {one["name"]: one["value"] for one in browser.get_cookies()}
    for name, path in pages(furnished).items():
        page = requests.get(f"{server.url}{path}", cookies=cookies, timeout=30)
        total = len(page.content)
        for file in ("style.css", "admin.css", "admin.js"):
            total += len(requests.get(f"{server.url}/pages/{file}", timeout=30).content)
        assert total < 120 * 1024, (name, total)
