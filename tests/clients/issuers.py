"""An issuer that signs anything, for tests of the tokens that the packages refuse."""

import contextlib
import http.server
import json
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from access_tokens import encode

KID, ERA = "k1", "e1"
# the value of a claim that a token does not have
LEFT_OUT = object()


class Issuer:
    """Serves its keys and a feed without revocations at `url`."""

    def __init__(self, folder):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        jwk = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key())), "kid": KID, "alg": "ES256"}
        answers = {
            "/.well-known/jwks.json": {"keys": [jwk]},
            "/token": {"access_token": "of the guard's own client"},
            "/api/feed": {"cursor": "1", "era": ERA, "age_ms": 0, "policy_revision": 1, "keys_revision": 1,
                          "more": False, "floors": []},
        }

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                if path == "/api/feed":
                    time.sleep(0.05)  # in place of waiting for news
                body = json.dumps(answers.get(path, {})).encode()
                self.send_response(200 if path in answers else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        answers["/.well-known/oauth-authorization-server"] = {
            "issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks.json", "token_endpoint": f"{self.url}/token"}

    def claims(self, **changed):
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.url, "sub": "u1", "subject_kind": "user", "client_id": "rolecall",
                  "iat": now, "exp": now + 600, "jti": "t1", "sid": "s1", "username": "alice",
                  "roles": ["admin"], "scope": "items:read", "rev": 7, "era": ERA, **changed}
        return {name: value for name, value in claims.items() if value is not LEFT_OUT}

    def token(self, **changed):
        return self.signed(json.dumps(self.claims(**changed)).encode())

    def signed(self, payload, header=None, **changed):
        header = header or json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": KID, **changed}).encode()
        text = f"{encode(header)}.{encode(payload)}"
        algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        return f"{text}.{encode(algorithm.sign(text.encode(), self.key))}"


@contextlib.contextmanager
def issuer(folder):
    running = Issuer(folder)
    threading.Thread(target=running.server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()
