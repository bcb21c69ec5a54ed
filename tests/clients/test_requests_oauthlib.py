"""requests-oauthlib, unmodified, with the OAuth endpoints."""

import pytest
import requests
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient
from oauthlib.oauth2.rfc6749 import errors
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

import oauth
import programs
from programs import wait_until
from test_tokens import verify

pytestmark = pytest.mark.usefixtures("plain_http")


def basic(client):
    return HTTPBasicAuth(client["client_id"], client["client_secret"])


def session_of(client, scope=None, **more):
    return OAuth2Session(client=LegacyApplicationClient(client and client["client_id"], scope=scope), **more)


def log_in(session, stock, user, client=None, **more):
    if client is not None:
        more["client_secret"] = client.get("client_secret")
    return session.fetch_token(
        stock.metadata["token_endpoint"], username=user.username, password=user.password, timeout=30, **more)


def refresh(session, stock, client=None, **more):
    """The library does not remember the secret, so a refresh passes it again."""
    return session.refresh_token(
        stock.metadata["token_endpoint"], auth=client and basic(client), timeout=30, **more)


def form(client):
    return {"client_id": client["client_id"], "client_secret": client["client_secret"]}


@pytest.mark.parametrize("by_form", [False, True], ids=oauth.METHODS)
def test_a_login_can_be_refreshed(stock, keeper, by_form):
    session = session_of(stock.shop)
    first = log_in(session, stock, keeper, stock.shop, include_client_id=by_form or None)
    assert set(first.scopes) == set(oauth.PERMISSIONS.split())
    assert session.get(f"{stock.url}/api/me").json()["username"] == keeper.username
    second = refresh(session, stock, **form(stock.shop)) if by_form else refresh(session, stock, stock.shop)
    assert second["refresh_token"] != first["refresh_token"]
    assert verify(stock.url, second["access_token"])["client_id"] == stock.shop["client_id"]
    assert session.get(f"{stock.url}/api/me").status_code == 200


def test_a_public_client_sends_only_its_id(stock, keeper):
    session = session_of(stock.app)
    token = log_in(session, stock, keeper, include_client_id=True)
    assert verify(stock.url, token["access_token"])["client_id"] == stock.app["client_id"]
    assert refresh(session, stock, client_id=stock.app["client_id"])["access_token"]
    # by default the library sends Basic with an empty secret
    assert log_in(session_of(stock.app), stock, keeper)["access_token"]


def test_the_tutorials_form_works_without_a_client(stock, keeper):
    session = session_of(None)
    token = log_in(session, stock, keeper)
    assert verify(stock.url, token["access_token"])["client_id"] == "rolecall"
    assert refresh(session, stock)["access_token"]


def test_a_narrowed_scope_is_returned_as_requested(stock, keeper):
    # the library compares the text, and raises a warning if the order differs
    session = session_of(stock.shop, scope="stock:write stock:read")
    token = log_in(session, stock, keeper, stock.shop)
    assert token["scope"] == ["stock:write", "stock:read"] and not token.scope_changed
    assert not refresh(session, stock, stock.shop).scope_changed
    narrow = session_of(stock.shop, scope="stock:read")
    token = log_in(narrow, stock, keeper, stock.shop)
    assert verify(stock.url, token["access_token"])["scope"] == "stock:read"


def test_a_loss_is_reported_as_a_changed_scope_unless_allowed(stock, keeper, monkeypatch):
    session = session_of(stock.shop, scope="stock:read stock:write")
    log_in(session, stock, keeper, stock.shop)
    unassigned = stock.admin.delete(f"/api/users/{keeper.id}/roles/{stock.role}")
    assert unassigned.status_code == 204
    assert session.get(f"{stock.url}/api/me").status_code == 401
    with pytest.raises(Warning, match="Scope has changed"):
        refresh(session, stock, stock.shop)
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
    # the library still has the old refresh token, since the warning made it drop the response
    token = refresh(session, stock, stock.shop)
    assert token.scope_changed and token.missing_scopes
    assert session.get(f"{stock.url}/api/me").status_code == 200


@pytest.mark.parametrize("parameter", ["audience", "resource"])
def test_a_token_has_the_requested_audience(stock, keeper, parameter):
    audience = {parameter: oauth.STOCK}
    session = session_of(stock.shop)
    token = log_in(session, stock, keeper, stock.shop, **audience)
    assert verify(stock.url, token["access_token"], audience=oauth.STOCK)["sub"] == keeper.id
    token = refresh(session, stock, stock.shop, **audience)
    assert verify(stock.url, token["access_token"], audience=oauth.STOCK)["sub"] == keeper.id
    with pytest.raises(errors.CustomOAuth2Error) as raised:
        log_in(session_of(stock.shop), stock, keeper, stock.shop, **{parameter: "https://else.example"})
    assert raised.value.error == "invalid_target"


@pytest.mark.parametrize("by_form", [False, True], ids=oauth.METHODS)
def test_a_client_gets_a_token_for_itself(stock, by_form):
    session = OAuth2Session(client=BackendApplicationClient(stock.job["client_id"]))
    token = session.fetch_token(
        stock.metadata["token_endpoint"], client_secret=stock.job["client_secret"],
        include_client_id=by_form or None)
    assert "refresh_token" not in token
    claims = verify(stock.url, token["access_token"], audience=oauth.STOCK)
    assert claims["sub"] == stock.job["client_id"] and claims["subject_kind"] == "client"


def test_errors_are_raised_with_their_classes(stock, keeper):
    wrong = {**stock.shop, "client_secret": "rcs_wrong"}

    def backend(client):
        session = OAuth2Session(client=BackendApplicationClient(client["client_id"]))
        return session.fetch_token(stock.metadata["token_endpoint"], client_secret=client["client_secret"])

    with pytest.raises(errors.InvalidGrantError) as raised:
        session_of(stock.shop).fetch_token(
            stock.metadata["token_endpoint"], username=keeper.username, password="no",
            client_secret=stock.shop["client_secret"])
    assert raised.value.description == "Incorrect username or password"
    with pytest.raises(errors.InvalidClientError):
        log_in(session_of(stock.shop), stock, keeper, wrong)
    with pytest.raises(errors.InvalidClientError):
        log_in(session_of(stock.shop), stock, keeper, wrong, include_client_id=True)
    with pytest.raises(errors.InvalidScopeError):
        log_in(session_of(stock.shop, scope="stock:burn"), stock, keeper, stock.shop)
    with pytest.raises(errors.UnauthorizedClientError):
        backend(stock.shop)
    with pytest.raises(errors.InvalidGrantError):
        refresh(session_of(stock.shop), stock, stock.shop, refresh_token="rcr_made-up")


def test_an_expired_token_is_refreshed_before_the_call_and_stored():
    # enough for the preparations on a busy machine
    with programs.dev_with_short_tokens(5) as server:
        stock = oauth.prepare(server)
        user, stored = oauth.create_keeper(stock), []
        session = session_of(
            stock.shop, auto_refresh_url=stock.metadata["token_endpoint"],
            auto_refresh_kwargs=form(stock.shop), token_updater=stored.append)
        first = dict(log_in(session, stock, user, stock.shop))
        for expected in (1, 2):
            wait_until(20, lambda: uses_token(session, stock) and len(stored) == expected)
        assert len({token["refresh_token"] for token in (first, *stored)}) == 3


def uses_token(session, stock):
    # the library counts from when the response arrived, so the server may refuse the token a moment earlier
    assert session.get(f"{stock.url}/api/me").status_code in (200, 401)
    return True


def test_reusing_a_refresh_token_ends_the_session(stock, keeper):
    session = session_of(stock.shop)
    stolen = log_in(session, stock, keeper, stock.shop)["refresh_token"]
    refresh(session, stock, stock.shop)
    access_token = refresh(session, stock, stock.shop)["access_token"]
    with pytest.raises(errors.InvalidGrantError):
        refresh(session_of(stock.shop), stock, stock.shop, refresh_token=stolen)
    oauth.assert_ended(stock.url, access_token)
    with pytest.raises(errors.InvalidGrantError):
        refresh(session, stock, stock.shop)


def test_a_revocation_request_of_the_library_works(stock, keeper):
    session = session_of(stock.shop)
    token = log_in(session, stock, keeper, stock.shop)
    for name in ("access_token", "refresh_token"):
        url, headers, body = session._client.prepare_token_revocation_request(
            stock.metadata["revocation_endpoint"], token[name], token_type_hint=name)
        response = requests.post(url, headers=headers, data=body, auth=basic(stock.shop), timeout=30)
        assert response.status_code == 200, response.text
        oauth.assert_ended(stock.url, token["access_token"])
        if name == "access_token":
            token = refresh(session, stock, stock.shop)
    with pytest.raises(errors.InvalidGrantError):
        refresh(session, stock, stock.shop)


def test_introspection_works_with_an_ordinary_request(stock, keeper):
    token = log_in(session_of(stock.shop), stock, keeper, stock.shop, audience=oauth.STOCK)

    def introspect(client):
        return requests.post(
            stock.metadata["introspection_endpoint"], data={"token": token["access_token"]},
            auth=basic(client), timeout=30)

    assert introspect(stock.api).json()["username"] == keeper.username
    assert introspect(stock.job).status_code == 403
