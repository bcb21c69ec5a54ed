"""Every link on the pages for administrators, followed by people with different permissions."""

import re
from urllib.parse import urljoin, urlsplit

import pytest

import api
import databases
import programs
import sign_in

# the section of each entry in the navigation, and the call of the API that needs the same permission
SECTIONS = {
    "/admin/users": "/api/users", "/admin/invitations": "/api/invitations", "/admin/roles": "/api/roles",
    "/admin/matrix": "/api/policy", "/admin/hierarchy": "/api/roles", "/admin/constraints": "/api/constraints",
    "/admin/policy": "/api/policy", "/admin/clients": "/api/clients", "/admin/resources": "/api/resources",
    "/admin/audit": "/api/audit", "/admin/keys": "/api/keys",
}
PEOPLE = {
    "root": ["rolecall.admin"], "reader": ["people-reader"], "auditor": ["log-reader"], "operator": ["key-keeper"],
    "developer": ["client-keeper"],
}
ROLES = {
    "people-reader": ["users:read", "assignments:read", "roles:read"], "log-reader": ["audit:read"],
    "key-keeper": ["keys:read", "keys:rotate"], "client-keeper": ["clients:read", "clients:write", "resources:read"],
    "branch-manager": ["assignments:read", "assignments:write"],
}
MOST = 300


@pytest.fixture(scope="module", params=databases.KINDS)
def site(request, tmp_path_factory):
    """A server with something on each page, and people who may see different parts of it."""
    if request.param == "sqlite":
        with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
            furnish(server)
            yield server
        return
    with databases.Postgres(tmp_path_factory.mktemp("postgres")) as postgres, \
            programs.serve(**databases.node_settings(postgres.url())) as server:
        furnish(server)
        yield server


def furnish(server):
    server.add_user("root", "rolecall.admin")
    server.add_user("alice")
    server.check_output("invitation", "create", "guest@example.org")
    admin = api.login(server.url, "root", programs.PASS_PHRASE)
    for role, permissions in ROLES.items():
        admin.post("/api/roles", json={"name": role})
        for permission in permissions:
            assert admin.put(f"/api/roles/{role}/permissions/rolecall.{permission}").status_code < 300
    admin.post("/api/permissions", json={"name": "books:read"})
    for role in ("librarian", "chief"):
        assert admin.post("/api/roles", json={"name": role, "description": "Lends \"books\" & more"}).status_code == 201
    admin.put("/api/roles/librarian/permissions/books:read")
    assert admin.put("/api/roles/chief/juniors/librarian").status_code < 300
    for name, roles in PEOPLE.items():
        if name != "root":
            body = {"username": name, "password": programs.PASS_PHRASE, "roles": roles}
            assert admin.post("/api/users", json=body).status_code == 201
    body = {"username": "manager", "password": programs.PASS_PHRASE}
    manager = admin.post("/api/users", json=body).json()["id"]
    for role in ("branch-manager", "librarian"):
        assert admin.put(f"/api/users/{manager}/roles/{role}?tenant=acme", json={}).status_code < 300
    api.create_client(admin, "client_credentials")
    body = {"uri": "https://books.example", "name": "Books", "objects": ["books"]}
    assert admin.post("/api/resources", json=body).status_code == 201
    body = {"name": "apart", "kind": "static", "roles": ["librarian", "log-reader"], "at_most": 1}
    assert admin.post("/api/constraints", json=body).status_code == 201


def visitor(site, username):
    """A browser in which somebody has signed in to the pages."""
    visitor = sign_in.Visitor(site.url)
    page = visitor.open("/admin")
    visitor.submit(page, "/login", username=username, password=programs.PASS_PHRASE)
    return visitor


def links(response):
    """The addresses of pages for administrators to which a page links."""
    found = set()
    for href in sign_in.Page(response.text).links:
        address = urlsplit(urljoin(response.url, href))
        if address.netloc == urlsplit(response.url).netloc and address.path.startswith("/admin"):
            found.add(address.path + (f"?{address.query}" if address.query else ""))
    return found


def shape(address):
    """The kind of a page: its path without ids and numbers, and the names of its parameters."""
    path, _, query = address.partition("?")
    path = re.sub(r"/([0-9a-f-]{36}|[0-9]+)(?=/|$)", "/ID", path)
    path = re.sub(r"^/admin/permissions/[^/]+", "/admin/permissions/NAME", path)
    return path, tuple(sorted(part.split("=")[0] for part in query.split("&") if part))


def crawl(visitor):
    """Opens every page that can be reached by links from the first one; returns the statuses."""
    statuses, seen, waiting = {}, {}, ["/admin"]
    while waiting and len(statuses) < MOST:
        address = waiting.pop(0)
        # of many pages of one kind, a few are enough
        seen[shape(address)] = seen.get(shape(address), 0) + 1
        if address in statuses or seen[shape(address)] > 4:
            continue
        response = visitor.get(address)
        statuses[address] = response.status_code
        if response.status_code == 200 and "text/html" in response.headers["Content-Type"]:
            waiting += sorted(links(response) - statuses.keys())
    return statuses


def sections(visitor):
    return {link for link in links(visitor.open("/admin")) if link in SECTIONS}


@pytest.mark.parametrize("name", [*PEOPLE, "manager"])
def test_no_link_leads_where_its_reader_may_not_go(site, name):
    statuses = crawl(visitor(site, name))
    assert len(statuses) > 1
    assert {address: status for address, status in statuses.items() if status != 200} == {}


@pytest.mark.parametrize("name", PEOPLE)
def test_the_pages_show_what_the_api_would(site, name):
    browser = visitor(site, name)
    caller = api.login(site.url, name, programs.PASS_PHRASE)
    may = {page for page, call in SECTIONS.items() if caller.get(call).status_code == 200}
    assert may
    assert sections(browser) == may
    for page in SECTIONS:
        assert browser.get(page).status_code == (200 if page in may else 403), page


def test_a_tenant_administrator_sees_the_tenant_alone(site):
    browser = visitor(site, "manager")
    assert sections(browser) == set()
    reached = {shape(address)[0] for address in crawl(browser)}
    assert "/admin/people" in reached
    everything = crawl(visitor(site, "root"))
    for address in everything:
        shown = browser.get(address)
        assert shown.status_code in (200, 403, 404), address
        for word in ("reader", "auditor", "developer", "log-reader"):
            assert shown.status_code != 200 or not re.search(rf"\b{word}\b", shown.text), (address, word)


def test_users_without_a_role_of_rolecall_and_strangers_see_nothing(site):
    everything = crawl(visitor(site, "root"))
    assert len(everything) > 40
    plain, stranger = visitor(site, "alice"), sign_in.Visitor(site.url)
    for address in everything:
        assert plain.get(address).status_code == 403, address
        led = stranger.get(address)
        assert led.status_code == 303 and "/login?flow=" in led.headers["Location"], address
