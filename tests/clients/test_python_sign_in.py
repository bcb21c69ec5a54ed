"""Python libraries, unmodified, as relying parties: Authlib on `requests` and `httpx`, and social-auth-core."""

from types import SimpleNamespace

import pytest
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from social_core.backends.open_id_connect import OpenIdConnectAuth
from social_core.exceptions import AuthException
from social_core.strategy import BaseStrategy

import sign_in
from sign_in import Asked, Visitor

pytestmark = pytest.mark.usefixtures("plain_http")

SCOPE = "openid profile email roles"
AFTER = "https://app.example/signed-out"


@pytest.fixture(scope="module")
def app(admin):
    return sign_in.register(admin, post_logout_redirect_uris=[AFTER])


@pytest.fixture
def user(admin):
    return sign_in.create_user(admin, email="ann@example.com")


@pytest.fixture
def visitor(dev):
    return Visitor(dev.url)


def answer_address(visitor, address, user):
    """Signs in at an address that a library made; returns where the browser is sent to."""
    endpoint, _, _ = address.partition("?")
    asked = Asked(endpoint, sign_in.parameters_of(address), None)
    answer = visitor.sign_in(asked, user)
    return f"{asked['redirect_uri']}?{sign_in.urlencode(answer)}"


@pytest.fixture(params=[OAuth2Session, OAuth2Client], ids=["requests", "httpx"])
def session(request, app):
    session = request.param(app.id, app.secret, scope=SCOPE, redirect_uri=app.redirect_uri, code_challenge_method="S256",
                            token_endpoint=app.metadata["token_endpoint"])
    yield session
    session.close()


def complete(session, app, visitor, user):
    verifier, nonce = generate_token(48), generate_token(20)
    address, state = session.create_authorization_url(
        app.metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    token = session.fetch_token(
        authorization_response=answer_address(visitor, address, user), state=state, code_verifier=verifier)
    return dict(token), nonce


def test_authlib_accepts_the_metadata(app):
    AuthorizationServerMetadata(app.metadata).validate()
    metadata = OpenIDProviderMetadata(app.metadata)
    # the test server speaks plain HTTP, which the library refuses for keys and the issuer alone
    for name in metadata.REGISTRY_KEYS:
        if name not in ("issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "userinfo_endpoint"):
            getattr(metadata, f"validate_{name}", lambda: None)()


def test_authlib_signs_in_refreshes_and_reads_the_user(session, app, visitor, user):
    token, nonce = complete(session, app, visitor, user)
    claims = CodeIDToken(app.id_token(token), sign_in.header(token["id_token"]),
                         {"iss": {"essential": True, "value": app.url}},
                         {"nonce": nonce, "client_id": app.id, "access_token": token["access_token"]})
    claims.validate()
    assert claims["sub"] == user.id
    about = session.get(app.metadata["userinfo_endpoint"]).json()
    assert about["preferred_username"] == user.username and about["email"] == "ann@example.com"
    assert about["roles"] == about["groups"] == ["user"]
    again = dict(session.refresh_token())
    assert again["refresh_token"] != token["refresh_token"] and app.id_token(again)["sub"] == user.id


class Storage:
    """What social-auth-core keeps: nonces of requests, in memory."""

    def __init__(self):
        self.associations, self.nonces = {}, set()
        self.association = SimpleNamespace(store=self.store, get=self.get, remove=self.remove)
        self.nonce = SimpleNamespace(use=self.use, consume=self.consume)

    def store(self, server_url, association):
        association.id, association.is_expired = association.handle, lambda: False
        self.associations[association.handle] = association

    def get(self, server_url, handle):
        return [self.associations[handle]] if handle in self.associations else []

    def remove(self, ids):
        for id in ids:
            self.associations.pop(id)

    def use(self, *nonce):
        self.nonces.add(nonce)
        return True

    def consume(self, *nonce):
        found = nonce in self.nonces
        self.nonces.discard(nonce)
        return found


class Strategy(BaseStrategy):
    """The framework around social-auth-core: settings, one session and one request."""

    def __init__(self, storage, settings):
        super().__init__(storage)
        self.settings, self.session, self.data = settings, {}, {}

    def get_setting(self, name):
        return self.settings[name]

    def get_request_data(self, merge=True):
        return self.data

    def session_get(self, name, default=None):
        return self.session.get(name, default)

    def session_set(self, name, value):
        self.session[name] = value

    def session_pop(self, name):
        return self.session.pop(name, None)

    def build_absolute_uri(self, path=None):
        return path

    def authenticate(self, backend, *args, **kwargs):
        # where an application would look up its own account
        return kwargs["response"] | {"uid": backend.get_user_id({}, kwargs["response"]),
                                     "details": backend.get_user_details(kwargs["response"])}


def social(app, **settings):
    """A backend that knows nothing but the issuer, the id and the secret."""
    settings = {f"SOCIAL_AUTH_OIDC_{name}": value for name, value in {
        "OIDC_ENDPOINT": app.url, "KEY": app.id, "SECRET": app.secret, **settings}.items()}
    strategy = Strategy(Storage(), settings)

    def complete(visitor, user, change=lambda answer: answer):
        address = OpenIdConnectAuth(strategy, redirect_uri=app.redirect_uri).auth_url()
        strategy.data = change(sign_in.parameters_of(answer_address(visitor, address, user)))
        backend = OpenIdConnectAuth(strategy, redirect_uri=app.redirect_uri)
        return backend, backend.complete()

    return complete


@pytest.mark.parametrize("with_pkce", [True, False])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_social_auth_core_signs_in_by_discovery(admin, visitor, user, with_pkce, method):
    app = sign_in.register(admin, pkce="required" if with_pkce else "optional")
    backend, account = social(app, USE_PKCE=with_pkce, TOKEN_ENDPOINT_AUTH_METHOD=method)(visitor, user)
    assert account["uid"] == user.id
    assert account["details"]["username"] == user.username and account["details"]["email"] == "ann@example.com"
    refreshed = backend.refresh_token(account["refresh_token"])
    assert app.id_token(refreshed)["sub"] == user.id


def test_social_auth_core_reads_groups(app, visitor, user):
    complete = social(app, USE_PKCE=True, SCOPE=["groups"], GROUPS_KEY="groups")
    _, account = complete(visitor, user)
    assert account["groups"] == ["user"]


def test_social_auth_core_refuses_what_is_not_its_own(app, visitor, user):
    complete = social(app, USE_PKCE=True)
    with pytest.raises(AuthException):
        complete(visitor, user, lambda answer: answer | {"state": "another"})
    with pytest.raises(AuthException):
        complete(visitor, user, lambda answer: answer | {"code": "rcc_made-up"})
    complete(visitor, user)


def test_social_auth_core_is_told_that_the_user_refused(admin, visitor, user):
    app = sign_in.register(admin, consent="ask")
    strategy = Strategy(Storage(), {"SOCIAL_AUTH_OIDC_OIDC_ENDPOINT": app.url, "SOCIAL_AUTH_OIDC_KEY": app.id,
                                    "SOCIAL_AUTH_OIDC_SECRET": app.secret, "SOCIAL_AUTH_OIDC_USE_PKCE": True})
    address = OpenIdConnectAuth(strategy, redirect_uri=app.redirect_uri).auth_url()
    asked = Asked(address.partition("?")[0], sign_in.parameters_of(address), None)
    strategy.data = visitor.sign_in(asked, user, allow=False)
    with pytest.raises(AuthException):
        OpenIdConnectAuth(strategy, redirect_uri=app.redirect_uri).complete()
