"""A server that plays an issuer: metadata, keys and feed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Issuer:
    """Metadata, keys and feed of an issuer; the tokens are those of the conformance files, which live until 2030."""

    def __init__(self, jwks):
        self.floors = []
        # an answer is held until something changes
        self.changed = threading.Event()
        self.feed_clients = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, body):
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.answer({"access_token": "t", "expires_in": 600})

            def do_GET(self):
                if "well-known" in self.path:
                    self.answer(
                        {"issuer": outer.url, "jwks_uri": f"{outer.url}/jwks", "token_endpoint": f"{outer.url}/token"}
                    )
                elif self.path == "/jwks":
                    self.answer(jwks)
                else:
                    outer.feed_clients.add(self.client_address)
                    outer.changed.wait(0.05)
                    self.answer(
                        {
                            "cursor": "c", "era": "test", "age_ms": 0, "floors": outer.floors, "policy_revision": 1,
                            "revision": 9, "keys_revision": 1, "more": False,
                        }
                    )

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
