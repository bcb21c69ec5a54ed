"""How resource servers verify an access token with the libraries of their language, and nothing but the issuer's address.

Each gives the claims of a token that holds and raises `Refused` for every other.
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
    # EdDSA is among the algorithms of the library that have to be named
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
    """Authlib's own check of RFC 9068. It takes an empty list for a mistake unless it is told that it is none."""

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


def by_node(library):
    def verify(url, token, audience, algorithm):
        node = programs.program("XTASK_NODE", "node")
        if not (services.NODE / "node_modules" / library).exists():
            programs.left_out("node packages are not installed")
        ran = subprocess.run(
            [node, services.NODE / "verify.mjs", url, token, algorithm, audience, library],
            capture_output=True, text=True, timeout=60)
        if ran.returncode == 1:
            raise Refused(ran.stderr)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)
    return verify


ALL = {"PyJWT": pyjwt, "joserfc": joserfc, "Authlib": authlib,
       "jose": by_node("jose"), "oauth4webapi": by_node("oauth4webapi")}

# Authlib's check verifies with the algorithms that joserfc takes without being told: not with EdDSA
UNKNOWN = [("EdDSA", "Authlib")]
