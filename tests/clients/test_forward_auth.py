"""The nginx and Caddy examples: each asks rolecall about each request, and no client can forge its identity."""

import contextlib
import json
import time

import pytest
import requests

import access_tokens
import api
import behind_proxies
import programs
import services
import tours
from programs import wait_until

AUDIENCE = "https://items.example"
PROXIES = ["nginx", "caddy"]


@pytest.fixture(scope="module")
def issuer():
    with programs.dev(ROLECALL_TOKENS__AUDIENCE=AUDIENCE) as server:
        yield server


@pytest.fixture
def admin(issuer):
    """An administrator, whose token is for rolecall's own API."""
    caller = api.Caller(issuer.url)
    caller.log_in("admin", audience=issuer.url)
    return caller


@pytest.fixture(scope="module", params=PROXIES)
def site(request, issuer):
    with guarded_site(request.param, issuer) as running:
        yield running


@contextlib.contextmanager
def guarded_site(proxy, issuer):
    """A proxy with the configuration of its example, in front of an application."""
    folder, port = issuer.folder / proxy, programs.free_port()
    folder.mkdir()
    name, start = {"nginx": ("nginx.conf", nginx), "caddy": ("Caddyfile", caddy)}[proxy]
    with behind_proxies.application() as application:
        text = behind_proxies.configuration(f"{proxy}/{name}", issuer, port, application)
        with start(text, folder, port) as running:
            yield running


def nginx(text, folder, port):
    text = text.replace("http {", f"http {{ {services.nginx_paths(folder)} access_log off;", 1)
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; error_log {folder}/error.log; daemon off;\n{text}")
    command = [programs.program("XTASK_NGINX", "nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"),
               "-e", str(folder / "error.log")]
    return services.Service(command, folder, folder / "error.log", port)


def caddy(text, folder, port):
    (folder / "Caddyfile").write_text(text)
    command = [programs.program("XTASK_CADDY", "caddy"), "run", "--adapter", "caddyfile", "--config", "Caddyfile"]
    return services.Service(command, folder, folder / "caddy.log", port, HOME=str(folder),
                            XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder))


def identity(response):
    """The headers of the caller's identity that the application received."""
    return {name: value for name, value in behind_proxies.received_headers(response).items() if name.startswith("x-auth")}


def test_the_application_learns_the_identity_of_the_caller(issuer, site):
    caller = api.login(issuer.url, "admin")
    headers = behind_proxies.received_headers(site.get("/items/", caller.access_token))
    assert headers["x-auth-username"] == "admin" and headers["x-auth-subject-kind"] == "user"
    # tokens for the application carry none of rolecall's own roles
    assert headers["x-auth-roles"] == "admin"
    assert "authorization" not in headers, "the application received the token"


def test_a_missing_role_is_403_and_a_missing_token_401(issuer, site):
    alice = api.login(issuer.url, "alice").access_token
    assert behind_proxies.received_headers(site.get("/users/", alice))["x-auth-username"] == "alice"
    for path in ("/items/", "/items/x", "/items/?role=user", "/users/../items/", "//items/"):
        # prepared by hand, since the library would normalize the path
        request = requests.Request("GET", site.url, headers=api.bearer(alice)).prepare()
        request.url = site.url + path
        response = requests.Session().send(request, timeout=10)
        assert response.status_code == 403, path
        assert response.json()["detail"] == "Operation not permitted"
        assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="role:admin"'
    response = site.get("/anything")
    assert response.status_code == 401 and response.headers["WWW-Authenticate"] == "Bearer"
    response = site.get("/users/", access_tokens.tampered(alice))
    assert response.status_code == 401 and response.headers["WWW-Authenticate"] == api.INVALID


FORGED = ["X-Auth-Subject", "x-auth-subject-kind", "X-AUTH-USERNAME", "X-Auth-Client", "X-Auth-Roles",
          "X-Auth-Permissions", "X-Auth-Tenant", "X-Auth-Session"]
# WSGI, CGI and PHP read these as the ones above
LOOKALIKES = ["X_Auth_Roles", "X_AUTH_USERNAME", "x_auth_tenant", "X-Auth_Session", "X_Auth-Permissions"]


def test_x070_a_client_cannot_forge_its_identity_behind_a_proxy(issuer, site):
    alice = api.login(issuer.url, "alice").access_token
    plain = identity(site.get("/users/", alice))
    # alice has no tenant, so nothing may remain of a forged one
    assert plain["x-auth-roles"] == "user" and not plain.get("x-auth-tenant")
    for names in (FORGED, LOOKALIKES, FORGED + LOOKALIKES):
        forged = {name: "admin" for name in names}
        assert identity(site.get("/users/", alice, **forged)) == plain, names
        assert site.get("/users/", **forged).status_code == 401
    # repeated, and named in `Connection` as a header of this hop
    headers = [("Authorization", f"Bearer {alice}"), ("X-Auth-Roles", "admin"),
               ("x-auth-roles", "admin"), ("Connection", "X-Auth-Roles, X-Auth-Username"), ("X-Auth-Username", "admin")]
    response = api.raw_request(site.url, "GET", "/users/", headers)
    assert response.status == 200
    assert {name: value for name, value in json.loads(response.text).items() if name.startswith("x-auth")} == plain


PREFLIGHT = {"Origin": "https://spa.example", "Access-Control-Request-Method": "GET"}


def test_y131_only_a_preflight_reaches_the_application_without_a_token(site):
    def send(method, **headers):
        return requests.request(method, f"{site.url}/users/", headers=headers, timeout=10)

    assert not any(identity(send("OPTIONS", **PREFLIGHT)).values())
    assert send("OPTIONS", Origin="https://spa.example").status_code == 401
    for method in ("GET", "POST"):
        for name in ("X-Forwarded-Method", "x_forwarded_method", "X-HTTP-Method-Override"):
            assert send(method, **PREFLIGHT, **{name: "OPTIONS"}).status_code == 401, (method, name)


def test_only_tokens_for_the_application_or_the_issuer_are_accepted(issuer, admin, site):
    caller = api.Caller(issuer.url)
    for audience in (AUDIENCE, issuer.url):
        token = caller.log_in("alice", audience=audience)["access_token"]
        assert site.get("/users/", token).status_code == 200, audience
    client = api.create_client(admin, roles=["user"], audiences=["https://elsewhere.example"])
    response = site.get("/users/", api.client_token(issuer.url, client))
    assert response.status_code == 401 and response.headers["WWW-Authenticate"] == api.INVALID


def test_the_next_request_after_a_revocation_is_refused(issuer, admin, site):
    user, password = api.register(issuer.url)
    token = api.login(issuer.url, user["username"], password).access_token
    assert site.get("/users/", token).status_code == 200
    assert admin.delete(f"/api/users/{user['id']}/roles/user").status_code == 204
    response = site.get("/users/", token)
    assert response.status_code == 401 and response.headers["WWW-Authenticate"] == api.ENDED


def test_no_valid_token_is_refused_while_keys_rotate(issuer, admin, site):
    old = admin.access_token
    assert site.get("/items/", old).status_code == 200
    kid = api.rotate_key(admin)
    new = api.login(issuer.url, "admin").access_token
    assert access_tokens.header_of(new)["kid"] == kid != access_tokens.header_of(old)["kid"]
    for token in (old, new, old):
        assert site.get("/items/", token).status_code == 200


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_commands_of_the_readme_print_the_documented_output(proxy, tmp_path):
    with programs.dev() as issuer, guarded_site(proxy, issuer) as site:
        text = (services.EXAMPLES / proxy / "README.md").read_text()
        for documented, actual in (("http://127.0.0.1:8000", issuer.url), ("http://127.0.0.1:8080", site.url)):
            text = text.replace(documented, actual)
        # the application of this test, unlike the file server of the page, answers OPTIONS
        text = text.replace("\n501\n", "\n200\n")
        commands = text.split("In a fourth, ")[1]
        assert tours.assert_output_matches(commands, tmp_path) == {"nginx": 6, "caddy": 5}[proxy]


@pytest.mark.parametrize("proxy", PROXIES)
def test_an_expired_token_is_refused_with_a_hint_to_refresh(proxy):
    with programs.dev_with_short_tokens() as issuer, guarded_site(proxy, issuer) as site:
        token = api.login(issuer.url, "admin").access_token
        exp = access_tokens.claims_of(token)["exp"]
        assert site.get("/items/", token).status_code == 200
        wait_until(10, lambda: site.get("/items/", token).status_code == 401)
        assert exp <= time.time()
        response = site.get("/items/", token)
        assert response.headers["WWW-Authenticate"] == api.ENDED


def test_without_rolecall_every_request_is_503(issuer, site):
    token = api.login(issuer.url, "admin").access_token
    issuer.kill()
    response = site.get("/items/", token)
    assert response.status_code == 503 and response.headers["Retry-After"] == "1"
    issuer.start()
