"""Verifies access tokens as resource servers do: with a library of their language and nothing but the issuer's URL.

Each function returns the claims of a valid token and raises `Refused` for any other.
"""

import json
import subprocess

import jwt
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc import jwt as jose
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

import api
import programs
import services

TYPES = ("at+jwt", "application/at+jwt")
REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]  # RFC 9068 section 2.2


class Refused(Exception):
    """The library does not accept the token."""


def jwk_set(url):
    return api.Caller(url).get("/.well-known/jwks.json").json()


def pyjwt(url, token, audience, algorithm):
    try:
        key = jwt.PyJWKClient(f"{url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
        if jwt.get_unverified_header(token).get("typ", "").lower() not in TYPES:
            raise Refused("typ")
        return jwt.decode(token, key, algorithms=[algorithm], audience=audience, issuer=url,
                          options={"require": REQUIRED})
    except jwt.PyJWTError as error:
        raise Refused from error


def joserfc(url, token, audience, algorithm):
    # the library accepts EdDSA only if it is named
    try:
        decoded = jose.decode(token, KeySet.import_key_set(jwk_set(url)), algorithms=[algorithm])
        if decoded.header.get("typ", "").lower() not in TYPES:
            raise Refused("typ")
        rules = {name: {"essential": True} for name in REQUIRED}
        rules |= {"iss": {"essential": True, "value": url}, "aud": {"essential": True, "value": audience}}
        jose.JWTClaimsRegistry(**rules).validate(decoded.claims)
        return decoded.claims
    except (JoseError, ValueError) as error:
        raise Refused from error


class AccessTokens(JWTBearerTokenValidator):
    """Authlib's own check of RFC 9068, which rejects empty lists unless they are allowed."""

    def get_jwks(self):
        return jwk_set(self.issuer)

    def authenticate_token(self, token_string):
        claims = super().authenticate_token(token_string)
        for name in ("roles", "scope"):
            claims.options[name]["allow_blank"] = True
        return claims


def authlib(url, token, audience, algorithm):
    validator = AccessTokens(issuer=url, resource_server=audience)
    try:
        claims = validator.authenticate_token(token)
        validator.validate_token(claims, scopes=None, request=None)
        return claims
    except (OAuth2Error, ValueError) as error:
        raise Refused from error


def with_node(library):
    def verify(url, token, audience, algorithm):
        node = programs.program("XTASK_NODE", "node")
        services.require_node_package(library)
        result = subprocess.run(
            [node, services.NODE / "verify.mjs", url, token, algorithm, audience, library],
            capture_output=True, text=True, timeout=60)
        if result.returncode == 1:
            raise Refused(result.stderr)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)
    return verify


ALL = {"PyJWT": pyjwt, "joserfc": joserfc, "Authlib": authlib,
       "jose": with_node("jose"), "oauth4webapi": with_node("oauth4webapi")}

# Authlib's check verifies only the algorithms that joserfc accepts by default, and EdDSA is not one of them
UNSUPPORTED = [("EdDSA", "Authlib")]
