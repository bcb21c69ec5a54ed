"""Access tokens of each algorithm, verified by libraries with nothing but the JWK Set."""

import contextlib

import pytest

import access_tokens
import api
import oauth
import programs
import verifiers
from verifiers import Refused

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated", "ignore:Please `KeySet.import_key_set`")


KINDS = {"ES256": "EC", "EdDSA": "OKP", "RS256": "RSA"}
CASES = [(algorithm, library) for algorithm in KINDS for library in verifiers.ALL
         if (algorithm, library) not in verifiers.UNSUPPORTED]


@pytest.fixture(scope="module")
def issuers():
    """A server for each algorithm, started on first use."""
    started = {}
    with contextlib.ExitStack() as servers:
        def issuer(algorithm):
            if algorithm not in started:
                server = servers.enter_context(programs.dev(ROLECALL_TOKENS__ALGORITHM=algorithm))
                server.algorithm, server.admin = algorithm, api.login(server.url, "admin")
                started[algorithm] = server
            return started[algorithm]
        yield issuer


@pytest.fixture(params=CASES, ids="-".join)
def case(request, issuers):
    """An issuer, and a function that verifies a token with a library; the default audience is the issuer."""
    algorithm, library = request.param
    issuer = issuers(algorithm)

    def verify(token, audience=issuer.url):
        return verifiers.ALL[library](issuer.url, token, audience, algorithm)

    return issuer, verify


def test_a_token_is_verified_before_and_after_a_rotation(case):
    issuer, verify = case
    old = issuer.admin.access_token
    assert verify(old)["username"] == "admin"
    kid = api.rotate_key(issuer.admin)
    assert access_tokens.header_of(old)["kid"] != kid
    issuer.admin = api.login(issuer.url, "admin")
    new = issuer.admin.access_token
    header = access_tokens.header_of(new)
    assert (header["kid"], header["alg"]) == (kid, issuer.algorithm)
    keys = verifiers.jwk_set(issuer.url)["keys"]
    assert {key["kty"] for key in keys} == {KINDS[issuer.algorithm]}
    for token in (old, new):
        claims = verify(token)
        assert "admin" in claims["roles"] and claims["client_id"] == "rolecall"


def test_a_token_for_another_audience_is_refused(case):
    issuer, verify = case
    client = api.create_client(issuer.admin, audiences=[oauth.STOCK])
    token = api.client_token(issuer.url, client)
    assert verify(token, oauth.STOCK)["sub"] == client["client_id"]
    with pytest.raises(Refused):
        verify(token)


def test_a_token_without_permissions_is_valid(case):
    issuer, verify = case
    claims = verify(api.login(issuer.url, "alice").access_token)
    assert claims["roles"] == ["user"] and claims["scope"] == ""


def test_a_token_that_the_issuer_did_not_sign_is_refused(case):
    issuer, verify = case
    token, key = issuer.admin.access_token, verifiers.jwk_set(issuer.url)["keys"][0]
    for forged in access_tokens.forgeries(token, key):
        with pytest.raises(Refused):
            verify(forged)
