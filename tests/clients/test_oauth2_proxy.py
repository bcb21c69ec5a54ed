"""examples/oauth2-proxy: people sign in, a role decides, losses count, and nobody can forge an identity."""

import base64
import contextlib
import secrets
from types import SimpleNamespace

import pytest
import requests

import api
import behind_proxies
import oauth
import programs
import services
import sign_in
import tours
from behind_proxies import received_headers
from programs import wait_until

ALICE = SimpleNamespace(username="alice", password=programs.PASSWORD)


@pytest.fixture(scope="module")
def site(dev):
    with guarded_site(dev) as running:
        yield running


@contextlib.contextmanager
def guarded_site(issuer):
    """The proxy with the configuration of the example, in front of an application."""
    port = programs.free_port()
    own = f"http://127.0.0.1:{port}"
    app = sign_in.register(api.login(issuer.url, "admin"), redirect_uri=f"{own}/oauth2/callback")
    folder = issuer.folder / f"oauth2-proxy-{port}"
    folder.mkdir()
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    with behind_proxies.application() as application:
        (folder / "oauth2-proxy.cfg").write_text(
            behind_proxies.configuration("oauth2-proxy/oauth2-proxy.cfg", issuer, port, application))
        command = [programs.program("XTASK_OAUTH2_PROXY", "oauth2-proxy"), "--config=oauth2-proxy.cfg"]
        with services.Service(command, folder, folder / "proxy.log", port, OAUTH2_PROXY_CLIENT_ID=app.id,
                              OAUTH2_PROXY_CLIENT_SECRET=app.secret, OAUTH2_PROXY_COOKIE_SECRET=key) as running:
            yield running


def person(site, issuer, user=sign_in.DEMO):
    return sign_in.Member(site.url, issuer.url, user, path="/")


def test_the_application_learns_who_has_signed_in(dev, site):
    headers = received_headers(person(site, dev).get("/"))
    assert headers["x-forwarded-preferred-username"] == "admin"
    assert "admin" in headers["x-forwarded-groups"].split(",")
    assert "eyJ" not in str(headers) and "authorization" not in headers


def test_a_user_without_the_role_is_refused(dev, site):
    session = requests.Session()
    begun = session.get(site.url + "/", allow_redirects=False, timeout=30)
    parameters = sign_in.parameters_of(begun.headers["Location"])
    assert parameters["code_challenge_method"] == "S256" and parameters["state"] and parameters["nonce"]
    visitor = sign_in.Visitor(dev.url)
    page = visitor.open(begun.headers["Location"])
    done = visitor.submit(page, "/login", username=ALICE.username, password=ALICE.password)
    assert session.get(done.headers["Location"], timeout=30).status_code == 403
    assert session.get(site.url + "/", allow_redirects=False, timeout=30).status_code in (302, 403)


def test_a_request_without_a_session_reaches_nothing(site):
    for path in ("/", "/items/", "//items/", "/oauth2/../items/", "/oauth2/userinfo"):
        response = requests.get(site.url + path, allow_redirects=False, timeout=10)
        assert response.status_code in (302, 301, 401), path
        assert "x-forwarded" not in response.text
    assert requests.get(f"{site.url}/api/items/", timeout=10).status_code == 401
    # a bearer token is not a session
    token = "eyJhbGciOiJub25lIn0.e30."
    assert requests.get(f"{site.url}/api/items/", headers=api.bearer(token), timeout=10).status_code == 401


NAMES = ["User", "Email", "Preferred-Username", "Groups"]
FORGED = [f"X-Forwarded-{name}" for name in NAMES]
LOOKALIKES = [name.replace("-", "_") for name in FORGED] + ["X-Forwarded_Groups", "x_forwarded-user"]


def test_y505_a_client_cannot_forge_its_identity(dev, site):
    def identity(**headers):
        found = received_headers(member.get("/", **headers))
        return {name: found.get(f"x-forwarded-{name.lower()}") for name in NAMES}

    member = person(site, dev)
    plain = identity()
    for name in FORGED + LOOKALIKES:
        assert identity(**{name: "forged"}) == plain, name
    text = (services.EXAMPLES / "oauth2-proxy" / "README.md").read_text()
    assert all(f"`X-Forwarded-{name}`" in text for name in NAMES)
    # the page says so
    assert "forged" in str(received_headers(member.get("/", **{"X-Forwarded-Access-Token": "forged"})))


def test_a_lost_role_counts_within_the_interval(dev, site, admin):
    user = sign_in.create_user(admin, "admin", "user")
    member = person(site, dev, user)
    assert member.get("/").status_code == 200
    oauth.expect(admin.delete(f"/api/users/{user.id}/roles/admin"), 204)
    wait_until(20, lambda: member.get("/").status_code == 403)


def test_a_session_of_a_disabled_user_ends():
    with programs.dev_with_short_tokens(12) as server, guarded_site(server) as site:
        admin = api.login(server.url, "admin")
        user = sign_in.create_user(admin, "admin")
        member = person(site, server, user)
        assert member.get("/").status_code == 200
        oauth.expect(admin.patch(f"/api/users/{user.id}", json={"status": "disabled"}), 200)
        wait_until(30, lambda: member.get("/").status_code == 302)


def test_signing_out_ends_the_session_here(dev, site):
    member = person(site, dev)
    assert member.get("/").status_code == 200
    out = member.get("/oauth2/sign_out?rd=/")
    assert out.status_code == 302 and out.headers["Location"] == "/"
    assert member.get("/").headers["Location"].startswith(f"{dev.url}/authorize?")
    elsewhere = member.get("/oauth2/sign_out?rd=https://evil.example/")
    assert elsewhere.headers["Location"] == "/"


def test_the_commands_of_the_readme_print_the_documented_output(tmp_path):
    proxy = programs.program("XTASK_OAUTH2_PROXY", "oauth2-proxy")
    server = programs.Server([programs.rolecall(), "dev", "--keep", "demo"], folder=tmp_path)
    with server, behind_proxies.application() as application:
        port = programs.free_port()
        (tmp_path / "oauth2-proxy.cfg").write_text(
            behind_proxies.configuration("oauth2-proxy/oauth2-proxy.cfg", server, port, application))
        text = (services.EXAMPLES / "oauth2-proxy" / "README.md").read_text()
        for documented, actual in (("127.0.0.1:8000", server.port), ("127.0.0.1:8080", port)):
            text = text.replace(documented, f"127.0.0.1:{actual}")
        start = "$ oauth2-proxy --config=oauth2-proxy.cfg\n"
        assert start in text
        # in the background of the same shell, and until it listens
        ping = f"http://127.0.0.1:{port}/ping"
        text = text.replace(start, f"$ {proxy} --config=oauth2-proxy.cfg >proxy.log 2>&1 &\n"
                                   f"$ curl -s -o /dev/null --retry 50 --retry-connrefused --retry-delay 1 {ping}\n")
        text = text.partition("In a third, ")[2] + "\n```console\n$ kill %1\n```\n"
        assert tours.assert_output_matches(text, tmp_path) == 8
