"""Access tokens taken apart, and forged as an attacker without the issuer's keys could forge them."""

import base64
import hashlib
import hmac
import json

TYPE = "at+jwt"


def decode(part):
    return base64.urlsafe_b64decode(part + "==")


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def encode_json(value):
    return encode(json.dumps(value).encode())


def header_of(token):
    return json.loads(decode(token.split(".")[0]))


def claims_of(token):
    """The claims of a token, which is not verified."""
    return json.loads(decode(token.split(".")[1]))


def tampered(token):
    """The token with a different signature."""
    return token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")


def unsigned(token):
    """The token with the algorithm `none`."""
    return f"{encode_json({'alg': 'none', 'typ': TYPE})}.{token.split('.')[1]}."


def forgeries(token, key):
    """Tokens for an administrator that the issuer did not sign; `key` is one of its public keys."""
    header, _, signature = token.split(".")
    claims = encode_json(claims_of(token) | {"roles": ["rolecall.admin"]})
    forged = f"{header}.{claims}.{signature}"
    # HS256 with the public key as the secret
    confused = f"{encode_json({'alg': 'HS256', 'typ': TYPE, 'kid': key['kid']})}.{claims}"
    mac = hmac.digest(decode(key.get("x") or key["n"]), confused.encode(), hashlib.sha256)
    return [tampered(token), forged, unsigned(forged), f"{confused}.{encode(mac)}"]
