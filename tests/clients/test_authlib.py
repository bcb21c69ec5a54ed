"""Authlib, unmodified, with the OAuth endpoints: on `requests` and on `httpx`."""

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

import oauth
import programs
from test_tokens import verify

pytestmark = pytest.mark.usefixtures("plain_http")


@pytest.fixture(params=[OAuth2Session, OAuth2Client], ids=["requests", "httpx"])
def connect(request, stock):
    """Creates a session of the library for a client."""
    sessions = []

    def create(client, on=stock, **more):
        more.setdefault("token_endpoint", on.metadata["token_endpoint"])
        if request.param is OAuth2Session:
            more["default_timeout"] = 30
        else:
            more["timeout"] = 30
        sessions.append(request.param(client["client_id"], client.get("client_secret"), **more))
        return sessions[-1]

    yield create
    for session in sessions:
        session.close()


def log_in(session, user, **more):
    return session.fetch_token(username=user.username, password=user.password, **more)


def assert_refused(error, call, **arguments):
    with pytest.raises(OAuthError) as raised:
        call(**arguments)
    assert raised.value.error == error
    assert raised.value.description
    return raised.value


def test_the_metadata_is_valid_for_the_library(stock):
    AuthorizationServerMetadata(stock.metadata).validate()
    supported = stock.metadata["grant_types_supported"]
    assert {"password", "refresh_token", "client_credentials"} <= set(supported)


@pytest.mark.parametrize("method", oauth.METHODS)
def test_a_login_can_be_refreshed_and_revoked(connect, stock, keeper, method):
    session = connect(stock.shop, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method)
    first = dict(log_in(session, keeper))
    assert first["scope"].split() == oauth.PERMISSIONS.split()
    assert session.get(f"{stock.url}/api/me").json()["username"] == keeper.username
    second = dict(session.refresh_token())
    assert second["refresh_token"] != first["refresh_token"]
    assert verify(stock.url, second["access_token"])["client_id"] == stock.shop["client_id"]
    response = session.revoke_token(stock.metadata["revocation_endpoint"], token=second["refresh_token"])
    assert response.status_code == 200
    oauth.assert_ended(stock.url, second["access_token"])
    assert_refused("invalid_grant", session.refresh_token)


def test_a_public_client_gets_a_session_without_a_secret(connect, stock, keeper):
    session = connect(stock.app)
    token = dict(log_in(session, keeper))
    assert verify(stock.url, token["access_token"])["client_id"] == stock.app["client_id"]
    assert session.refresh_token()["access_token"]
    response = session.revoke_token(
        stock.metadata["revocation_endpoint"], token=session.token["access_token"],
        token_type_hint="access_token")
    assert response.status_code == 200
    oauth.assert_ended(stock.url, session.token["access_token"])


def test_the_tutorials_form_works_without_a_client(connect, stock, keeper):
    # not None, since the library would send the text `None`
    session = connect({"client_id": ""})
    log_in(session, keeper)
    assert session.refresh_token()["refresh_token"]
    assert verify(stock.url, session.token["access_token"])["client_id"] == "rolecall"


def test_a_narrowed_scope_stays_narrow_after_a_refresh(connect, stock, keeper):
    session = connect(stock.shop, scope="stock:read")
    assert log_in(session, keeper)["scope"] == "stock:read"
    token = session.refresh_token()
    assert token["scope"] == "stock:read"
    assert verify(stock.url, token["access_token"])["scope"] == "stock:read"
    assert_refused("invalid_scope", session.refresh_token, scope="stock:read stock:write")


@pytest.mark.parametrize("parameter", ["audience", "resource"])
def test_a_token_has_the_requested_audience(connect, stock, keeper, parameter):
    session = connect(stock.shop)
    token = log_in(session, keeper, **{parameter: oauth.STOCK})
    assert verify(stock.url, token["access_token"], audience=oauth.STOCK)["sub"] == keeper.id
    token = session.refresh_token(**{parameter: oauth.STOCK})
    assert verify(stock.url, token["access_token"], audience=oauth.STOCK)["sub"] == keeper.id
    assert_refused("invalid_target", log_in, session=session, user=keeper, **{parameter: "https://else.example"})


@pytest.mark.parametrize("method", oauth.METHODS)
def test_a_client_gets_a_token_for_itself(connect, stock, method):
    session = connect(stock.job, token_endpoint_auth_method=method)
    token = session.fetch_token(grant_type="client_credentials")
    assert "refresh_token" not in token
    claims = verify(stock.url, token["access_token"], audience=oauth.STOCK)
    assert claims["sub"] == stock.job["client_id"] and claims["subject_kind"] == "client"
    assert claims["scope"].split() == oauth.PERMISSIONS.split()


def test_errors_are_raised_with_their_codes(connect, stock, keeper):
    error = assert_refused("invalid_grant", connect(stock.shop).fetch_token, username=keeper.username, password="no")
    assert error.description == "Incorrect username or password"
    wrong = {**stock.shop, "client_secret": "rcs_wrong"}
    for method in oauth.METHODS:
        assert_refused("invalid_client", log_in, session=connect(wrong, token_endpoint_auth_method=method), user=keeper)
    assert_refused("invalid_scope", log_in, session=connect(stock.shop, scope="stock:burn"), user=keeper)
    assert_refused("unauthorized_client", connect(stock.shop).fetch_token, grant_type="client_credentials")
    assert_refused("unsupported_grant_type", connect(stock.shop).fetch_token, grant_type="urn:example:magic")
    assert_refused("invalid_grant", connect(stock.shop).refresh_token, refresh_token="rcr_made-up")


def test_a_token_about_to_expire_is_refreshed_before_the_call(connect):
    # the library refreshes a minute before the end; the time is enough for the preparations on a busy machine
    with programs.dev_with_short_tokens(30) as server:
        stock = oauth.prepare(server)
        user, stored = oauth.create_keeper(stock), []
        session = connect(stock.shop, on=stock, update_token=lambda token, **old: stored.append((dict(token), old)))
        first = dict(log_in(session, user))
        for expected in (1, 2):
            assert session.get(f"{stock.url}/api/me").status_code == 200
            assert len(stored) == expected
        (second, old), (third, _) = stored
        assert old["refresh_token"] == first["refresh_token"]
        assert len({token["refresh_token"] for token in (first, second, third)}) == 3
        # a client itself has no refresh token, so the library requests a new access token
        session = connect(stock.job, on=stock, grant_type="client_credentials",
                          update_token=lambda token, **old: stored.append((dict(token), old)))
        token = session.fetch_token()["access_token"]
        session.get(f"{stock.url}/health/live")
        assert len(stored) == 3 and stored[-1][1] == {"access_token": token}


def test_reusing_a_refresh_token_ends_the_session(connect, stock, keeper):
    session = connect(stock.shop)
    stolen = log_in(session, keeper)["refresh_token"]
    session.refresh_token()
    access_token = session.refresh_token()["access_token"]
    assert_refused("invalid_grant", connect(stock.shop).refresh_token, refresh_token=stolen)
    oauth.assert_ended(stock.url, access_token)
    assert_refused("invalid_grant", session.refresh_token)


def test_introspection_returns_the_claims_until_the_token_is_revoked(connect, stock, keeper):
    token = log_in(connect(stock.shop), keeper, audience=oauth.STOCK)["access_token"]
    introspector = connect(stock.api)

    def introspect():
        response = introspector.introspect_token(stock.metadata["introspection_endpoint"], token=token)
        assert response.status_code == 200
        return response.json()

    claims = introspect()
    assert claims["active"] is True and claims["username"] == keeper.username
    assert claims["aud"] == oauth.STOCK and claims["scope"].split() == oauth.PERMISSIONS.split()
    revoker = connect(stock.shop)
    response = revoker.revoke_token(
        stock.metadata["revocation_endpoint"], token=token, token_type_hint="access_token")
    assert response.status_code == 200
    assert introspect() == {"active": False}
    # a client without the permission is refused
    denied = connect(stock.job).introspect_token(stock.metadata["introspection_endpoint"], token=token)
    assert denied.status_code == 403


def test_a_replaced_secret_works_during_the_overlap(connect, stock, keeper):
    client = stock.client("password", "refresh_token")
    session = connect(client)
    log_in(session, keeper)
    rotate = f"/api/clients/{client['client_id']}/secret"
    new = oauth.expect(stock.admin.post(rotate, json={"overlap_seconds": 3600}), 200).json()
    assert session.refresh_token()["access_token"]
    renewed = connect(new)
    assert renewed.refresh_token(refresh_token=session.token["refresh_token"])["access_token"]
    newest = oauth.expect(stock.admin.post(rotate, json={"overlap_seconds": 0}), 200).json()
    held = renewed.token["refresh_token"]
    assert_refused("invalid_client", renewed.refresh_token)
    assert connect(newest).refresh_token(refresh_token=held)["access_token"]


def test_a_refresh_after_a_loss_returns_the_remaining_scope(connect, stock, keeper):
    session = connect(stock.shop, scope="stock:read")
    log_in(session, keeper)
    lost = stock.admin.delete(f"/api/users/{keeper.id}/roles/{stock.role}")
    assert lost.status_code == 204
    oauth.assert_ended(stock.url, session.token["access_token"])
    assert session.refresh_token()["scope"] == ""
