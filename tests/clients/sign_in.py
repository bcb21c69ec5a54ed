"""Signs people in without a browser: a visitor who keeps cookies and submits forms, and an application that asks."""

import base64
import hashlib
import html.parser
import http.cookies
import json
import secrets
from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import joserfc.jwk
import joserfc.jwt
import requests

import api
import programs

# never called: the tests read the answers from the redirect
CALLBACK = "https://app.example/cb"
# the administrator of `rolecall dev`
DEMO = SimpleNamespace(username="admin", password=programs.PASSWORD)
FORM = "application/x-www-form-urlencoded"


class Page(html.parser.HTMLParser):
    """The forms and links of a page."""

    def __init__(self, text):
        super().__init__()
        self.text, self.forms, self.links, self.elements = text, [], [], []
        self.button = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag == "form":
            self.forms.append(SimpleNamespace(
                action=attributes.get("action", ""), method=attributes.get("method", "get"), fields={}, buttons=[]))
        elif tag == "a":
            self.links.append(attributes.get("href", ""))
        elif tag == "input" and self.forms and attributes.get("type") != "checkbox":
            self.forms[-1].fields[attributes.get("name")] = attributes.get("value") or ""
        elif tag == "button":
            self.button = SimpleNamespace(text="", **{name: attributes.get(name) for name in ("name", "value")})
            self.forms[-1].buttons.append(self.button)

    def handle_data(self, data):
        if self.button:
            self.button.text += data

    def handle_endtag(self, tag):
        if tag == "button":
            self.button = None

    def form(self, action):
        """The form whose address ends with `action`."""
        found = [form for form in self.forms if urlsplit(form.action).path.endswith(action)]
        assert len(found) == 1, (action, self.text)
        return found[0]

    def has_form(self, action):
        return any(urlsplit(form.action).path.endswith(action) for form in self.forms)


class Visitor:
    """A browser with its cookies, at the pages of the server at `url`. It follows no redirects by itself."""

    def __init__(self, url, **headers):
        self.url, self.cookies = url, {}
        self.headers = {"Accept-Language": "en", **headers}

    def request(self, method, address, form=None, **headers):
        """Sends a request as a browser does, which takes its own loopback address as secure (`__Host-` cookies)."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**self.headers, **({"Cookie": cookies} if cookies else {}), **headers}
        body = form if isinstance(form, (str, bytes, type(None))) else urlencode(form)
        if form is not None:
            sent = {"Content-Type": FORM, "Origin": self.url, "Sec-Fetch-Site": "same-origin", **sent}
        response = requests.request(method, urljoin(self.url + "/", address), data=body, headers=sent,
                                    allow_redirects=False, timeout=30)
        self.keep(response)
        return response

    def keep(self, response):
        for line in response.raw.headers.getlist("Set-Cookie"):
            for name, cookie in http.cookies.SimpleCookie(line).items():
                assert cookie["secure"] and cookie["httponly"] and cookie["path"] == "/", line
                if cookie["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = cookie.value

    def get(self, address, **headers):
        return self.request("GET", address, **headers)

    def post(self, address, form, **headers):
        return self.request("POST", address, form, **headers)

    def follow(self, response):
        """Follows redirects within the server; returns the first answer that leads elsewhere or is a page."""
        while response.is_redirect and self.is_here(response):
            assert response.status_code == 303, response.status_code
            response = self.get(response.headers["Location"])
        return response

    def is_here(self, response):
        place = urljoin(self.url + "/", response.headers["Location"])
        return urlsplit(place).netloc == urlsplit(self.url).netloc

    def open(self, address):
        return self.follow(self.get(address))

    def submit(self, response, action, button=None, **fields):
        """Submits a form of the page with its hidden fields, and follows the redirects."""
        form = Page(response.text).form(action)
        pressed = {}
        if button is not None:
            [found] = [one for one in form.buttons if one.value == button]
            pressed = {found.name: found.value}
        return self.follow(self.post(form.action, {**form.fields, **fields, **pressed}))

    def sign_in(self, asked, user, allow=True):
        """Goes from the application's link to its answer: signs in if asked, and allows or denies it if asked."""
        response = self.open(asked.url)
        if response.status_code == 200 and Page(response.text).has_form("/login"):
            response = self.submit(response, "/login", username=user.username, password=user.password)
        if response.status_code == 200 and Page(response.text).has_form("/consent"):
            response = self.submit(response, "/consent", "allow" if allow else "deny")
        return answer_of(response)

    def code(self, asked, user):
        answer = self.sign_in(asked, user)
        assert "code" in answer, answer
        return answer["code"]


def answer_of(response):
    """The parameters of an answer to an application, by redirect or by a form."""
    if response.status_code == 200:
        form = Page(response.text).forms[-1]
        return {**form.fields, "action": form.action}
    assert response.status_code == 303, (response.status_code, response.text)
    place = urlsplit(response.headers["Location"])
    assert not place.fragment
    values = parse_qs(place.query, keep_blank_values=True, strict_parsing=True)
    assert all(len(value) == 1 for value in values.values()), values
    return {name: value for name, [value] in values.items()}


class Asked:
    """An authorization request, and what its application remembers of it."""

    def __init__(self, endpoint, parameters, verifier):
        self.endpoint, self.parameters, self.verifier = endpoint, parameters, verifier

    @property
    def url(self):
        return f"{self.endpoint}?{urlencode(self.parameters)}"

    def __getitem__(self, name):
        return self.parameters[name]


class Application:
    """A relying party: its registration, its requests, and its calls."""

    def __init__(self, url, registration, metadata=None):
        self.url, self.registration = url, registration
        self.id, self.secret = registration["client_id"], registration.get("client_secret")
        self.metadata = metadata or discover(url)
        self.redirect_uri = registration["redirect_uris"][0]

    def ask(self, scope="openid", **more):
        """A request with state, nonce and PKCE. `None` leaves a parameter out."""
        verifier = secrets.token_urlsafe(48)
        parameters = {
            "response_type": "code", "client_id": self.id, "redirect_uri": self.redirect_uri, "scope": scope,
            "state": secrets.token_urlsafe(12), "nonce": secrets.token_urlsafe(12),
            "code_challenge": challenge(verifier), "code_challenge_method": "S256", **more}
        parameters = {name: value for name, value in parameters.items() if value is not None}
        return Asked(self.metadata["authorization_endpoint"], parameters, verifier)

    def post(self, form, auth=True, **headers):
        form = {name: value for name, value in form.items() if value is not None}
        if auth is True:
            auth = (self.id, self.secret) if self.secret else None
        if not auth:
            form.setdefault("client_id", self.id)
        return requests.post(self.metadata["token_endpoint"], data=form, auth=auth or None, headers=headers, timeout=30)

    def exchange(self, asked, code, auth=True, **more):
        """`POST /token` with a code. `None` leaves a parameter out."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"],
                "code_verifier": asked.verifier, **more}
        return self.post(form, auth)

    def tokens(self, asked, code):
        response = self.exchange(asked, code)
        assert response.status_code == 200, response.text
        return response.json()

    def sign_in(self, visitor, user, scope="openid", **more):
        """Signs a user in and returns the tokens."""
        asked = self.ask(scope, **more)
        return self.tokens(asked, visitor.code(asked, user))

    def refresh(self, tokens, **more):
        return self.post({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **more})

    def id_token(self, tokens):
        """The claims of an ID token whose signature is valid."""
        return decode(self.metadata, tokens["id_token"])

    def userinfo(self, tokens, **options):
        return requests.get(self.metadata["userinfo_endpoint"], headers=api.bearer(tokens["access_token"]), timeout=30,
                            **options)

    def logout_url(self, **parameters):
        parameters = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.metadata['end_session_endpoint']}?{urlencode(parameters)}"


class Member:
    """Somebody who is signed in to an application with pages at `own`, which begins a sign-in at `path`."""

    def __init__(self, own, url, user, path="/login"):
        self.own, self.session = own, requests.Session()
        begun = self.get(path)
        visitor = Visitor(url)
        page = visitor.open(begun.headers["Location"])
        done = visitor.submit(page, "/login", username=user.username, password=user.password)
        self.session.get(done.headers["Location"], timeout=30)

    def get(self, path, **headers):
        return self.session.get(self.own + path, headers=headers, allow_redirects=False, timeout=30)


def challenge(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def discover(url):
    response = requests.get(f"{url}/.well-known/openid-configuration", timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


def header(token):
    """The protected header of a JWT, unverified."""
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def decode(metadata, token):
    """The claims of a JWT that a key of the server has signed with its algorithm."""
    keys = joserfc.jwk.KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    algorithm = header(token)["alg"]
    assert algorithm in metadata["id_token_signing_alg_values_supported"]
    return joserfc.jwt.decode(token, keys, algorithms=[algorithm]).claims


def register(admin, *grants, redirect_uri=CALLBACK, **more):
    """An application that signs people in; a web application of the operator's own unless the members say otherwise."""
    body = {"redirect_uris": [redirect_uri], "kind": "web", "consent": "skip", **more}
    grants = grants or ("authorization_code", "refresh_token")
    return Application(admin.url, api.create_client(admin, *grants, **body))


def create_user(admin, *roles, email=None, **more):
    """A new user: id, name, password."""
    name = api.unique_name()
    body = {"username": name, "password": programs.PASS_PHRASE, "roles": list(roles) or ["user"], **more}
    if email:
        body["email"] = email
    response = admin.post("/api/users", json=body)
    assert response.status_code == 201, response.text
    return SimpleNamespace(id=response.json()["id"], username=name, password=programs.PASS_PHRASE)


def parameters_of(url):
    return dict(parse_qsl(urlsplit(url).query))
