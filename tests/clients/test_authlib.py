"""Authlib drives the OAuth endpoints as it comes: on `requests` and on `httpx`."""

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

import oauth
from test_tokens import verify

pytestmark = pytest.mark.usefixtures("plain_http")


@pytest.fixture(params=[OAuth2Session, OAuth2Client], ids=["requests", "httpx"])
def connect(request, stock):
    """Makes a session of the library for a client of ours."""
    made = []

    def connected(client, on=stock, **more):
        more.setdefault("token_endpoint", on.metadata["token_endpoint"])
        if request.param is OAuth2Session:
            more["default_timeout"] = 30
        else:
            more["timeout"] = 30
        made.append(request.param(client["client_id"], client.get("client_secret"), **more))
        return made[-1]

    yield connected
    for session in made:
        session.close()


def log_in(session, user, **more):
    return session.fetch_token(username=user.username, password=user.password, **more)


def refused(error, call, **arguments):
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
def test_a_log_in_is_refreshed_and_revoked(connect, stock, keeper, method):
    session = connect(stock.shop, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method)
    first = dict(log_in(session, keeper))
    assert first["scope"].split() == oauth.PERMISSIONS.split()
    assert session.get(f"{stock.url}/api/me").json()["username"] == keeper.username
    second = dict(session.refresh_token())
    assert second["refresh_token"] != first["refresh_token"]
    assert verify(stock.url, second["access_token"])["client_id"] == stock.shop["client_id"]
    answer = session.revoke_token(stock.metadata["revocation_endpoint"], token=second["refresh_token"])
    assert answer.status_code == 200
    oauth.has_ended(stock.url, second["access_token"])
    refused("invalid_grant", session.refresh_token)


def test_a_public_client_needs_no_secret_and_gets_a_session(connect, stock, keeper):
    session = connect(stock.app)
    token = dict(log_in(session, keeper))
    assert verify(stock.url, token["access_token"])["client_id"] == stock.app["client_id"]
    assert session.refresh_token()["access_token"]
    answer = session.revoke_token(
        stock.metadata["revocation_endpoint"], token=session.token["access_token"],
        token_type_hint="access_token")
    assert answer.status_code == 200
    oauth.has_ended(stock.url, session.token["access_token"])


def test_without_a_client_the_tutorials_form_is_enough(connect, stock, keeper):
    # not None, which the library sends as the text `None`
    session = connect({"client_id": ""})
    log_in(session, keeper)
    assert session.refresh_token()["refresh_token"]
    assert verify(stock.url, session.token["access_token"])["client_id"] == "rolecall"


def test_a_scope_narrows_and_stays_narrow_at_refresh(connect, stock, keeper):
    session = connect(stock.shop, scope="stock:read")
    assert log_in(session, keeper)["scope"] == "stock:read"
    token = session.refresh_token()
    assert token["scope"] == "stock:read"
    assert verify(stock.url, token["access_token"])["scope"] == "stock:read"
    refused("invalid_scope", session.refresh_token, scope="stock:read stock:write")


@pytest.mark.parametrize("parameter", ["audience", "resource"])
def test_a_token_is_for_the_audience_that_was_asked_for(connect, stock, keeper, parameter):
    session = connect(stock.shop)
    token = log_in(session, keeper, **{parameter: oauth.STOCK})
    assert verify(stock.url, token["access_token"], audience=oauth.STOCK)["sub"] == keeper.id
    token = session.refresh_token(**{parameter: oauth.STOCK})
    assert verify(stock.url, token["access_token"], audience=oauth.STOCK)["sub"] == keeper.id
    refused("invalid_target", log_in, session=session, user=keeper, **{parameter: "https://else.example"})


@pytest.mark.parametrize("method", oauth.METHODS)
def test_a_client_acts_for_itself(connect, stock, method):
    session = connect(stock.job, token_endpoint_auth_method=method)
    token = session.fetch_token(grant_type="client_credentials")
    assert "refresh_token" not in token
    claims = verify(stock.url, token["access_token"], audience=oauth.STOCK)
    assert claims["sub"] == stock.job["client_id"] and claims["subject_kind"] == "client"
    assert claims["scope"].split() == oauth.PERMISSIONS.split()


def test_errors_are_raised_as_what_they_are(connect, stock, keeper):
    error = refused("invalid_grant", connect(stock.shop).fetch_token, username=keeper.username, password="no")
    assert error.description == "Incorrect username or password"
    wrong = {**stock.shop, "client_secret": "rcs_wrong"}
    for method in oauth.METHODS:
        refused("invalid_client", log_in, session=connect(wrong, token_endpoint_auth_method=method), user=keeper)
    refused("invalid_scope", log_in, session=connect(stock.shop, scope="stock:burn"), user=keeper)
    refused("unauthorized_client", connect(stock.shop).fetch_token, grant_type="client_credentials")
    refused("unsupported_grant_type", connect(stock.shop).fetch_token, grant_type="urn:example:magic")
    refused("invalid_grant", connect(stock.shop).refresh_token, refresh_token="rcr_made-up")


def test_a_token_about_to_end_is_refreshed_before_the_call(connect):
    with oauth.brief() as server:
        stock = oauth.prepare(server)
        user, kept = oauth.keeper(stock), []
        session = connect(stock.shop, on=stock, update_token=lambda token, **old: kept.append((dict(token), old)))
        first = dict(log_in(session, user))
        for expected in (1, 2):
            assert session.get(f"{stock.url}/api/me").status_code == 200
            assert len(kept) == expected
        (second, old), (third, _) = kept
        assert old["refresh_token"] == first["refresh_token"]
        assert len({token["refresh_token"] for token in (first, second, third)}) == 3
        # a client on its own has no refresh token: the library asks again
        session = connect(stock.job, on=stock, grant_type="client_credentials",
                          update_token=lambda token, **old: kept.append((dict(token), old)))
        token = session.fetch_token()["access_token"]
        session.get(f"{stock.url}/health/live")
        assert len(kept) == 3 and kept[-1][1] == {"access_token": token}


def test_a_refresh_token_that_was_replaced_ends_the_session(connect, stock, keeper):
    session = connect(stock.shop)
    stolen = log_in(session, keeper)["refresh_token"]
    session.refresh_token()
    access_token = session.refresh_token()["access_token"]
    refused("invalid_grant", connect(stock.shop).refresh_token, refresh_token=stolen)
    oauth.has_ended(stock.url, access_token)
    refused("invalid_grant", session.refresh_token)


def test_introspection_tells_what_a_token_says_until_it_is_revoked(connect, stock, keeper):
    token = log_in(connect(stock.shop), keeper, audience=oauth.STOCK)["access_token"]
    asker = connect(stock.api)

    def ask():
        answer = asker.introspect_token(stock.metadata["introspection_endpoint"], token=token)
        assert answer.status_code == 200
        return answer.json()

    seen = ask()
    assert seen["active"] is True and seen["username"] == keeper.username
    assert seen["aud"] == oauth.STOCK and seen["scope"].split() == oauth.PERMISSIONS.split()
    revoker = connect(stock.shop)
    answer = revoker.revoke_token(
        stock.metadata["revocation_endpoint"], token=token, token_type_hint="access_token")
    assert answer.status_code == 200
    assert ask() == {"active": False}
    # a client that may not ask is told so
    denied = connect(stock.job).introspect_token(stock.metadata["introspection_endpoint"], token=token)
    assert denied.status_code == 403


def test_a_secret_that_is_replaced_works_beside_its_successor(connect, stock, keeper):
    client = stock.client("password", "refresh_token")
    session = connect(client)
    log_in(session, keeper)
    rotate = f"/api/clients/{client['client_id']}/secret"
    new = oauth.done(stock.admin.post(rotate, json={"overlap_seconds": 3600}), 200).json()
    assert session.refresh_token()["access_token"]
    renewed = connect(new)
    assert renewed.refresh_token(refresh_token=session.token["refresh_token"])["access_token"]
    newest = oauth.done(stock.admin.post(rotate, json={"overlap_seconds": 0}), 200).json()
    held = renewed.token["refresh_token"]
    refused("invalid_client", renewed.refresh_token)
    assert connect(newest).refresh_token(refresh_token=held)["access_token"]


def test_what_was_lost_is_missing_after_the_refresh_and_no_error(connect, stock, keeper):
    session = connect(stock.shop, scope="stock:read")
    log_in(session, keeper)
    lost = stock.admin.delete(f"/api/users/{keeper.id}/roles/{stock.role}")
    assert lost.status_code == 204
    oauth.has_ended(stock.url, session.token["access_token"])
    assert session.refresh_token()["scope"] == ""
