"""A client as a user of the tutorial would write it, and what answers must look like."""

import http.client
import uuid

import requests

from programs import PASSWORD

PROBLEM = "application/problem+json"
INVALID = 'Bearer error="invalid_token", error_description="The access token is not valid"'
ENDED = 'Bearer error="invalid_token", error_description="The access token has ended; refresh it"'


class Caller(requests.Session):
    """Somebody who calls the API at `url`, with a token once logged in."""

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

    def log_in(self, username, password=PASSWORD, **form):
        """Logs in and carries the token from here on."""
        answer = self.token(username, password, **form)
        assert answer.status_code == 200, answer.text
        self.carry(answer.json()["access_token"])
        return answer.json()

    def carry(self, token):
        self.access_token = token
        self.headers["Authorization"] = f"Bearer {token}"


def logged_in(url, username, password=PASSWORD):
    caller = Caller(url)
    caller.log_in(username, password)
    return caller


def fresh(prefix="user"):
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def register(url, username=None, password="a long enough pass phrase", **more):
    username = username or fresh()
    body = {"username": username, "password": password, **more}
    answer = requests.post(f"{url}/register", json=body, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json(), password


def is_problem(answer, status, detail=None, challenge=None):
    """Checks an error of the API: status, media type, `detail` and `WWW-Authenticate`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith(PROBLEM), answer.headers
    body = answer.json()
    assert body["status"] == status
    if detail is not None:
        assert body["detail"] == detail
    else:
        assert body["detail"]
    assert answer.headers.get("WWW-Authenticate") == challenge
    return body


def is_oauth_error(answer, status, error, detail=None, challenge=None):
    """Checks an error of an OAuth endpoint (RFC 6749 section 5.2)."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["error"] == error
    assert body["detail"] == body["error_description"]
    if detail is not None:
        assert body["detail"] == detail
    assert "no-store" in answer.headers["Cache-Control"]
    if challenge is not None:
        assert answer.headers["WWW-Authenticate"] == challenge
    return body


def refuses(answer, *locations):
    """Checks that a body or parameter was refused at these places, as FastAPI names them."""
    body = is_problem(answer, 422)
    for error in body["errors"]:
        assert set(error) >= {"loc", "msg", "type"} and error["msg"] and error["type"]
    found = [error["loc"] for error in body["errors"]]
    for location in locations:
        assert list(location) in found, found
    return body


def raw_request(url, method, path, headers, body=None):
    """A request with headers as they stand, doubled ones too."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.text = answer.read().decode()
    connection.close()
    return answer
