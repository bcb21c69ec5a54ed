"""The nginx example: it asks rolecall about each request, and nobody forges who they are."""

import contextlib
import http.server
import json
import threading
import time

import jwt
import pytest
import requests

import api
import programs
import services
import tours

CONF = services.EXAMPLES / "nginx" / "nginx.conf"
AUDIENCE = "https://items.example"


class Echo(http.server.BaseHTTPRequestHandler):
    """An application that knows nothing of access tokens: it answers with the headers that it got."""

    def do_GET(self):
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def issuer():
    with programs.dev(ROLECALL_TOKENS__AUDIENCE=AUDIENCE) as server:
        yield server


@pytest.fixture(scope="module")
def site(issuer):
    with in_front_of(issuer) as running:
        yield running


@contextlib.contextmanager
def in_front_of(issuer):
    """nginx with the configuration of the example, before an application and beside a server of its own."""
    application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    port = programs.free_port()
    folder = issuer.folder / "nginx"
    folder.mkdir()
    text = CONF.read_text()
    for written, there in [("127.0.0.1:8000", f"127.0.0.1:{issuer.port}"),
                           ("127.0.0.1:9000", f"127.0.0.1:{application.server_port}"),
                           ("127.0.0.1:8080", f"127.0.0.1:{port}")]:
        assert text.count(written) == 1
        text = text.replace(written, there)
    # where a test may write
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = text.replace("http {", f"http {{ {paths} access_log off;", 1)
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; error_log {folder}/error.log; daemon off;\n{text}")
    command = [programs.program("XTASK_NGINX", "nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"),
               "-e", str(folder / "error.log")]
    with services.Service(command, folder, folder / "error.log", port) as running:
        yield running
    application.shutdown()


def seen(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_application_learns_who_calls(issuer, site):
    caller = api.logged_in(issuer.url, "admin")
    headers = dict(seen(site.get("/items/", caller.access_token)))
    assert headers["x-auth-username"] == "admin" and headers["x-auth-subject-kind"] == "user"
    # tokens for the application carry none of rolecall's own roles
    assert headers["x-auth-roles"] == "admin"
    assert "authorization" not in headers, "the token stays outside"


def test_a_lacking_role_is_403_and_no_token_401(issuer, site):
    alice = api.logged_in(issuer.url, "alice").access_token
    assert dict(seen(site.get("/users/", alice)))["x-auth-username"] == "alice"
    for path in ("/items/", "/items/x", "/items/?role=user", "/users/../items/", "//items/"):
        # as it stands: a client library would tidy it up
        request = requests.Request("GET", site.url, headers={"Authorization": f"Bearer {alice}"}).prepare()
        request.url = site.url + path
        answer = requests.Session().send(request, timeout=10)
        assert answer.status_code == 403, path
        assert answer.json()["detail"] == "Operation not permitted"
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="role:admin"'
    answer = site.get("/anything")
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    answer = site.get("/users/", alice[:-6] + "AAAAAA")
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == api.INVALID


def test_no_client_says_who_it_is(issuer, site):
    forged = {name: "admin" for name in (
        "X-Auth-Subject", "x-auth-subject-kind", "X-AUTH-USERNAME", "X-Auth-Client", "X-Auth-Roles",
        "X-Auth-Permissions", "X-Auth-Tenant", "X-Auth-Session", "X_Auth_Roles", "X_Auth_Username")}
    alice = api.logged_in(issuer.url, "alice").access_token
    plain = [header for header in seen(site.get("/users/", alice)) if header[0].startswith("x")]
    sent = [header for header in seen(site.get("/users/", alice, **forged)) if header[0].startswith("x")]
    assert sent == plain
    # alice has no tenant: what she sends in its place reaches nobody
    assert "x-auth-tenant" not in dict(sent)
    assert site.get("/users/", **forged).status_code == 401
    # twice, and named as a header that ends at this hop
    headers = [("Authorization", f"Bearer {alice}"), ("X-Auth-Roles", "admin"),
               ("x-auth-roles", "admin"), ("Connection", "X-Auth-Roles, X-Auth-Username"), ("X-Auth-Username", "admin")]
    answer = api.raw_request(site.url, "GET", "/users/", headers)
    assert answer.status == 200
    assert [header for header in json.loads(answer.text) if header[0].startswith("x")] == plain


def test_tokens_for_the_application_and_for_the_issuer_are_taken_and_no_others(issuer, site):
    caller = api.Caller(issuer.url)
    for audience in (AUDIENCE, issuer.url):
        token = caller.log_in("alice", audience=audience)["access_token"]
        assert site.get("/users/", token).status_code == 200, audience
    admin = api.Caller(issuer.url)
    admin.log_in("admin", audience=issuer.url)
    made = admin.post("/api/clients", json={
        "name": api.fresh("client"), "grants": ["client_credentials"], "roles": ["user"],
        "audiences": ["https://elsewhere.example"]}).json()
    answer = caller.post("/token", data={"grant_type": "client_credentials"},
                         auth=(made["client_id"], made["client_secret"]))
    answer = site.get("/users/", answer.json()["access_token"])
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == api.INVALID


def test_a_loss_is_refused_by_the_next_request(issuer, site):
    admin = api.Caller(issuer.url)
    admin.log_in("admin", audience=issuer.url)
    user, password = api.register(issuer.url)
    token = api.logged_in(issuer.url, user["username"], password).access_token
    assert site.get("/users/", token).status_code == 200
    assert admin.delete(f"/api/users/{user['id']}/roles/user").status_code == 204
    answer = site.get("/users/", token)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == api.ENDED


def test_keys_rotate_while_it_runs_and_no_good_token_is_refused(issuer, site):
    admin = api.Caller(issuer.url)
    admin.log_in("admin", audience=issuer.url)
    old = admin.access_token
    assert site.get("/items/", old).status_code == 200
    rotated = admin.post("/api/keys/rotate", json={"force": True})
    assert rotated.status_code == 200, rotated.text
    new = api.logged_in(issuer.url, "admin").access_token
    assert jwt.get_unverified_header(new)["kid"] == rotated.json()["kid"] != jwt.get_unverified_header(old)["kid"]
    for token in (old, new, old):
        assert site.get("/items/", token).status_code == 200


def test_the_commands_of_the_readme_print_what_it_shows(tmp_path):
    with programs.dev() as issuer, in_front_of(issuer) as site:
        text = (CONF.parent / "README.md").read_text()
        for written, there in (("http://127.0.0.1:8000", issuer.url), ("http://127.0.0.1:8080", site.url)):
            text = text.replace(written, there)
        commands = text.split("In a fourth, ")[1]
        assert tours.prints_what_it_shows(commands, tmp_path) == 4


def test_an_expired_token_has_ended():
    with programs.dev(ROLECALL_TOKENS__ACCESS_TTL="2s") as issuer, in_front_of(issuer) as site:
        token = api.logged_in(issuer.url, "admin").access_token
        exp = jwt.decode(token, options={"verify_signature": False})["exp"]
        assert site.get("/items/", token).status_code == 200
        services.within(10, lambda: site.get("/items/", token).status_code == 401)
        assert exp <= time.time()
        answer = site.get("/items/", token)
        assert answer.headers["WWW-Authenticate"] == api.ENDED


def test_without_rolecall_nobody_passes(issuer, site):
    token = api.logged_in(issuer.url, "admin").access_token
    issuer.kill()
    answer = site.get("/items/", token)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
    issuer.start()
