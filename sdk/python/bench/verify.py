"""Compare the CPU of checking a token with the usual libraries, in turns in one run.

    pip install "PyJWT[crypto]" "python-jose[cryptography]"
    python bench/verify.py [--rounds 9] [--count 2000]

PyJWT and python-jose verify the token at each request, as the applications do that use them. The guard verifies a token
once, and then looks up what may have changed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwt as jose

from rolecall import Guard, Principal, role

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from issuer import Issuer  # noqa: E402

Check = Callable[[], bool]
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = {**jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1", "alg": "ES256", "use": "sig"}


def sign(issuer: str, number: int) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer, "aud": issuer, "sub": f"user-{number}", "client_id": "app", "jti": f"token-{number}", "sid": "s1",
        "iat": now, "exp": now + 1800, "username": "alice", "subject_kind": "user", "roles": ["admin"],
        "scope": "items:read items:write", "rev": 1, "era": "test",
    }
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"typ": "at+jwt", "kid": "k1"})


def with_pyjwt(issuer: str, token: str) -> Check:
    (key,) = jwt.PyJWKSet.from_dict({"keys": [JWK]}).keys

    def check() -> bool:
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        required = {"require": ["exp", "iat", "sub"]}
        claims = jwt.decode(token, key, algorithms=["ES256"], issuer=issuer, audience=issuer, options=required)
        return "admin" in claims["roles"]

    return check


def with_python_jose(issuer: str, token: str) -> Check:
    def check() -> bool:
        if jose.get_unverified_header(token).get("typ") != "at+jwt":
            raise jose.JWTError("not an access token")
        return "admin" in jose.decode(token, JWK, algorithms=["ES256"], issuer=issuer, audience=issuer)["roles"]

    return check


def with_guard(guard: Guard, token: str) -> Check:
    admin, header = role("admin"), [f"Bearer {token}".encode()]
    return lambda: isinstance(guard.check(admin, header), Principal)


def cpu(checks: list[Check], count: int) -> float:
    """Return the microseconds of CPU that a check takes on this thread: the issuer has threads of its own."""
    before = time.thread_time()
    for _ in range(count):
        for check in checks:
            assert check()
    return (time.thread_time() - before) / count / len(checks) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=2000)
    options = parser.parse_args()
    issuer = Issuer({"keys": [JWK]})
    guard = Guard(issuer.url, client=("items", "secret"))
    token = sign(issuer.url, 0)
    known = with_guard(guard, token)
    until = time.monotonic() + 20
    while not known():
        assert time.monotonic() < until, guard.status()
        time.sleep(0.01)
    usual = [with_pyjwt(issuer.url, token)], [with_python_jose(issuer.url, token)]
    samples: dict[str, list[float]] = {}
    for round in range(options.rounds):
        new = [with_guard(guard, sign(issuer.url, 1 + round * options.count + index)) for index in range(options.count // 10)]
        measured = {
            "PyJWT": cpu(usual[0], options.count),
            "python-jose": cpu(usual[1], options.count),
            "rolecall, a token for the first time": cpu(new, 1),
            "rolecall, a token again": cpu([known], 20 * options.count),
        }
        for name, value in measured.items():
            samples.setdefault(name, []).append(value)
    issuer.stop()
    base = statistics.median(samples["PyJWT"])
    for name, found in samples.items():
        median = statistics.median(found)
        print(f"{name}: {median:.2f} us, {median / base:.4f} of PyJWT")


if __name__ == "__main__":
    main()
