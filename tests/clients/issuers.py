"""An issuer that signs whatever a test asks for, to see what the guards to copy refuse."""

import base64
import contextlib
import http.server
import json
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

KID, ERA = "k1", "e1"


def encode(part):
    """A part of a token: base64url without padding."""
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


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
                body = json.dumps(answers[path]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def claims(self, **changed):
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.url, "sub": "u1", "subject_kind": "user", "client_id": "rolecall",
                  "iat": now, "exp": now + 600, "jti": "t1", "sid": "s1", "username": "alice",
                  "roles": ["admin"], "scope": "items:read", "rev": 7, "era": ERA, **changed}
        return {name: value for name, value in claims.items() if value is not LEFT_OUT}

    def token(self, **changed):
        return self.signed(json.dumps(self.claims(**changed)).encode())

    def signed(self, payload, **header):
        header = {"alg": "ES256", "typ": "at+jwt", "kid": KID, **header}
        text = f"{encode(json.dumps(header).encode())}.{encode(payload)}"
        algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        return f"{text}.{encode(algorithm.sign(text.encode(), self.key))}"


LEFT_OUT = object()


@contextlib.contextmanager
def issuer(folder):
    made = Issuer(folder)
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
