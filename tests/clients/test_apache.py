"""examples/apache: people sign in, programs send tokens, losses count, and nobody can forge an identity."""

import contextlib
import secrets
import subprocess
from types import SimpleNamespace

import pytest
import requests

import access_tokens
import api
import behind_proxies
import oauth
import programs
import services
import sign_in
import tours
from behind_proxies import received_headers
from programs import wait_until

AUDIENCE = "https://items.example"
VARIABLES = ["CLIENT_ID", "CLIENT_SECRET", "API_CLIENT_ID", "API_CLIENT_SECRET", "PASSPHRASE"]
ALICE = SimpleNamespace(username="alice", password=programs.PASSWORD)


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


@pytest.fixture(scope="module")
def site(issuer):
    with guarded_site(issuer) as running:
        yield running


@contextlib.contextmanager
def guarded_site(issuer):
    """Apache with the configuration of the example, in front of an application."""
    caller = api.Caller(issuer.url)
    caller.log_in("admin", audience=issuer.url)
    port = programs.free_port()
    own = f"http://127.0.0.1:{port}"
    pages = sign_in.register(caller, redirect_uri=f"{own}/signed-in", post_logout_redirect_uris=[f"{own}/"],
                             backchannel_logout_uri=f"{own}/signed-in?logout=backchannel")
    reader = api.create_client(caller, roles=["rolecall.resource-server"], audiences=[AUDIENCE])
    with behind_proxies.application() as application:
        text = behind_proxies.configuration("apache/apache.conf", issuer, port, application)
        with apache(text, issuer.folder / "apache", port, CLIENT_ID=pages.id, CLIENT_SECRET=pages.secret,
                    API_CLIENT_ID=reader["client_id"], API_CLIENT_SECRET=reader["client_secret"],
                    PASSPHRASE=secrets.token_urlsafe()) as running:
            yield running


def apache(text, folder, port, **variables):
    folder.mkdir()
    (folder / "apache.conf").write_text(text)
    command = [programs.program("XTASK_APACHE", "apache2"), "-d", str(folder), "-f", "apache.conf", "-D", "FOREGROUND"]
    return services.Service(command, folder, folder / "error.log", port, **variables)


def person(site, issuer, user=sign_in.DEMO):
    return sign_in.Member(site.url, issuer.url, user, path="/")


def identity(response):
    """The headers of the caller's identity that the application received."""
    return {name: value for name, value in received_headers(response).items() if name.startswith("x-auth")}


def test_the_application_learns_who_has_signed_in(issuer, site):
    headers = received_headers(person(site, issuer).get("/items/"))
    assert headers["x-auth-preferred-username"] == "admin"
    assert "admin" in headers["x-auth-roles"].split(",")
    # neither a token nor a cookie of Apache leaves it
    assert "eyJ" not in str(headers) and "cookie" not in headers and "authorization" not in headers


def test_a_missing_role_is_403_and_nobody_is_sent_to_the_sign_in(issuer, site):
    alice = person(site, issuer, ALICE)
    assert identity(alice.get("/users/"))["x-auth-preferred-username"] == "alice"
    # with a second slash, as an escape, and by a detour
    for path in ("/items/", "/items/x", "//items/", "/%69tems/", "/users/../items/"):
        request = alice.session.prepare_request(requests.Request("GET", site.url))
        request.url = site.url + path
        assert alice.session.send(request, allow_redirects=False, timeout=10).status_code == 403, path
    begun = requests.get(f"{site.url}/items/", allow_redirects=False, timeout=10)
    assert begun.status_code == 302 and begun.headers["Location"].startswith(f"{issuer.url}/authorize?")
    parameters = sign_in.parameters_of(begun.headers["Location"])
    assert parameters["code_challenge_method"] == "S256" and parameters["state"] and parameters["nonce"]


NAMES = ["sub", "preferred_username", "roles", "tenant", "scope", "username", "aud"]
FORGED = [name for claim in NAMES for name in (
    f"X-Auth-{claim}", f"x-auth-{claim}", f"X_AUTH_{claim}", f"X_Auth-{claim}", f"X-Auth-{claim.replace('_', '-')}")]
TOKENS = ["OIDC_access_token", "OIDC-access-token", "oidc_access-token", "OIDC-Access-Token-Expires"]


def test_y504_a_client_cannot_forge_its_identity(issuer, site):
    alice = person(site, issuer, ALICE)
    token = api.login(issuer.url, "alice").access_token
    plain = identity(alice.get("/users/")), identity(site.get("/api/users/", token))
    assert plain[0]["x-auth-roles"] == "user" == plain[1]["x-auth-roles"]
    for name in FORGED:
        assert identity(alice.get("/users/", **{name: "admin"})) == plain[0], name
        assert identity(site.get("/api/users/", token, **{name: "admin"})) == plain[1], name
        assert site.get("/api/users/", **{name: "admin"}).status_code == 401
    forged = {name: "forged" for name in TOKENS}
    for response in (alice.get("/users/", **forged), site.get("/api/users/", token, **forged)):
        assert "forged" not in str(received_headers(response))


def test_a_lost_role_counts_within_the_interval(issuer, site, admin):
    user = sign_in.create_user(admin, "admin", "user")
    member = person(site, issuer, user)
    assert member.get("/items/").status_code == 200
    oauth.expect(admin.delete(f"/api/users/{user.id}/roles/admin"), 204)
    wait_until(20, lambda: member.get("/items/").status_code == 403)
    assert identity(member.get("/users/"))["x-auth-roles"] == "user"


def test_a_session_that_ends_elsewhere_ends_here(issuer, site, admin):
    user = sign_in.create_user(admin)
    member = person(site, issuer, user)
    assert member.get("/users/").status_code == 200
    oauth.expect(admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}), 200)
    # sooner than Apache asks again, by the logout token
    wait_until(8, lambda: member.get("/users/").status_code == 302)


def test_signing_out_ends_both_sessions(issuer, site):
    member = person(site, issuer)
    out = member.get(f"/signed-in?logout={site.url}/")
    assert out.status_code == 302 and out.headers["Location"].startswith(f"{issuer.url}/logout?")
    assert sign_in.parameters_of(out.headers["Location"])["post_logout_redirect_uri"] == f"{site.url}/"
    assert member.get("/users/").status_code == 302
    refused = member.get("/signed-in?logout=https://evil.example/")
    assert "evil.example" not in refused.headers.get("Location", "")


def test_programs_send_access_tokens(issuer, site):
    admin = api.login(issuer.url, "admin").access_token
    headers = identity(site.get("/api/items/", admin))
    assert headers["x-auth-username"] == "admin" and headers["x-auth-roles"] == "admin"
    alice = api.login(issuer.url, "alice").access_token
    assert site.get("/api/users/", alice).status_code == 200
    assert site.get("/api/items/", alice).status_code == 403
    for wrong in (None, access_tokens.tampered(alice), "made-up"):
        response = site.get("/api/users/", wrong)
        assert response.status_code == 401 and response.headers["WWW-Authenticate"].startswith("Bearer")
    # a session of a browser is not for programs, nor a token for pages
    assert person(site, issuer).get("/api/items/").status_code == 401
    page = requests.get(f"{site.url}/items/", headers=api.bearer(admin), allow_redirects=False, timeout=10)
    assert page.status_code == 302


def test_only_tokens_for_the_api_are_accepted(issuer, admin, site):
    assert site.get("/api/users/", admin.access_token).status_code == 401
    # what somebody holds in one tenant does not count for all
    user = sign_in.create_user(admin)
    assert admin.put(f"/api/users/{user.id}/roles/admin?tenant=acme", json={}).status_code == 204
    for form, status in ({}, 200), ({"tenant": "acme"}, 403):
        token = api.Caller(issuer.url).log_in(user.username, user.password, **form)["access_token"]
        assert site.get("/api/users/", token).status_code == status
        assert site.get("/api/items/", token).status_code == 403
    client = api.create_client(admin, roles=["user"], audiences=["https://elsewhere.example"])
    assert site.get("/api/users/", api.client_token(issuer.url, client)).status_code == 401


def test_the_next_request_after_a_revocation_is_refused(issuer, admin, site):
    user, password = api.register(issuer.url)
    token = api.login(issuer.url, user["username"], password).access_token
    assert site.get("/api/users/", token).status_code == 200
    assert admin.delete(f"/api/users/{user['id']}/roles/user").status_code == 204
    assert site.get("/api/users/", token).status_code == 401


def test_without_rolecall_no_token_is_accepted(issuer, site):
    token = api.login(issuer.url, "admin").access_token
    assert site.get("/api/items/", token).status_code == 200
    issuer.kill()
    try:
        assert site.get("/api/items/", token).status_code in (401, 500, 502, 503)
    finally:
        issuer.start()


def test_the_commands_of_the_readme_print_the_documented_output(tmp_path):
    apache = programs.program("XTASK_APACHE", "apache2")
    server = programs.Server([programs.rolecall(), "dev", "--keep", "demo"], folder=tmp_path,
                             ROLECALL_TOKENS__AUDIENCE=AUDIENCE)
    with server, behind_proxies.application() as application:
        port = programs.free_port()
        (tmp_path / "apache.conf").write_text(
            behind_proxies.configuration("apache/apache.conf", server, port, application))
        text = (services.EXAMPLES / "apache" / "README.md").read_text()
        for documented, actual in (("127.0.0.1:8000", server.port), ("127.0.0.1:8080", port)):
            text = text.replace(documented, f"127.0.0.1:{actual}")
        text = text.replace("$ apache2 ", f"$ {apache} ").partition("In a third, ")[2]
        try:
            assert tours.assert_output_matches(text, tmp_path) == 12
        finally:
            subprocess.run([apache, "-d", tmp_path, "-f", "apache.conf", "-k", "stop"], capture_output=True,
                           env=programs.environment(**dict.fromkeys(VARIABLES, "x")))
