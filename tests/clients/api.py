"""A client as a user of the tutorial would write it, and assertions on responses."""

import http.client
import uuid

import requests

from programs import PASS_PHRASE, PASSWORD

PROBLEM = "application/problem+json"
INVALID = 'Bearer error="invalid_token", error_description="The access token is not valid"'
ENDED = 'Bearer error="invalid_token", error_description="The access token has ended; refresh it"'


class Caller(requests.Session):
    """A client of the API at `url`, with a token once logged in."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, path, **options):
        options.setdefault("timeout", 30)
        options.setdefault("allow_redirects", False)
        return super().request(method, self.url + path, **options)

    def token(self, username, password=PASSWORD, **form):
        """`POST /token` with the tutorial's form."""
        fields = {"grant_type": "password", "username": username, "password": password, **form}
        return self.post("/token", data=fields)

    def refresh(self, token):
        """`POST /token` with a refresh token."""
        return self.post("/token", data={"grant_type": "refresh_token", "refresh_token": token})

    def log_in(self, username, password=PASSWORD, **form):
        """Logs in and sends the access token with all later requests."""
        response = self.token(username, password, **form)
        assert response.status_code == 200, response.text
        self.use_token(response.json()["access_token"])
        return response.json()

    def use_token(self, token):
        self.access_token = token
        self.headers.update(bearer(token))


def bearer(token):
    """The header that sends an access token."""
    return {"Authorization": f"Bearer {token}"}


def login(url, username, password=PASSWORD):
    caller = Caller(url)
    caller.log_in(username, password)
    return caller


def create_client(admin, *grants, **more):
    """Registers an OAuth client, which gets tokens for itself unless other grants are given."""
    body = {"name": unique_name("client"), "grants": grants or ["client_credentials"], **more}
    response = admin.post("/api/clients", json=body)
    assert response.status_code == 201, response.text
    return response.json()


def rotate_key(admin):
    """Replaces the signing key, however new it is; returns the id of the one that signs now."""
    response = admin.post("/api/keys/rotate", json={"force": True})
    assert response.status_code == 200, response.text
    return response.json()["kid"]


def client_token(url, client, **form):
    """The access token of a client by the client credentials grant."""
    response = Caller(url).post("/token", data={"grant_type": "client_credentials", **form},
                                auth=(client["client_id"], client["client_secret"]))
    assert response.status_code == 200, response.text
    return response.json()["access_token"]


def unique_name(prefix="user"):
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def register(url, username=None, password=PASS_PHRASE, **more):
    """Returns the new account and its password."""
    body = {"username": username or unique_name(), "password": password, **more}
    response = requests.post(f"{url}/register", json=body, timeout=30)
    assert response.status_code == 201, response.text
    return response.json(), password


def assert_problem(response, status, detail=None, challenge=None):
    """Checks an error of the API: status, media type, `detail` and `WWW-Authenticate`."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith(PROBLEM), response.headers
    body = response.json()
    assert body["status"] == status
    if detail is not None:
        assert body["detail"] == detail
    else:
        assert body["detail"]
    assert response.headers.get("WWW-Authenticate") == challenge
    return body


def assert_ended(response):
    """Checks the response to an access token that was valid and is no longer."""
    return assert_problem(response, 401, "Could not validate credentials", ENDED)


def assert_invalid_token(response):
    return assert_problem(response, 401, "Could not validate credentials", INVALID)


def assert_forbidden(response, scope):
    """Checks that the response names the scope that is missing."""
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    return assert_problem(response, 403, "Operation not permitted", challenge)


def assert_oauth_error(response, status, error, detail=None, challenge=None):
    """Checks an error of an OAuth endpoint (RFC 6749 section 5.2)."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["error"] == error
    assert body["detail"] == body["error_description"]
    if detail is not None:
        assert body["detail"] == detail
    assert "no-store" in response.headers["Cache-Control"]
    if challenge is not None:
        assert response.headers["WWW-Authenticate"] == challenge
    return body


def assert_wrong_password(response):
    return assert_oauth_error(response, 401, "invalid_grant", "Incorrect username or password", "Bearer")


def assert_invalid(response, *locations):
    """Checks that a body or parameter was refused at these locations, as FastAPI names them."""
    body = assert_problem(response, 422)
    for error in body["errors"]:
        assert set(error) >= {"loc", "msg", "type"} and error["msg"] and error["type"]
    found = [error["loc"] for error in body["errors"]]
    for location in locations:
        assert list(location) in found, found
    return body


def raw_request(url, method, path, headers, body=None):
    """Sends the headers exactly as given, including repeated ones."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    response.text = response.read().decode()
    connection.close()
    return response
