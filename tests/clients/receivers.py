"""An application to which the server sends browsers and log-out tokens. It keeps what it is sent."""

import http.server
import queue
import threading
from urllib.parse import parse_qs, urlsplit


PAGE = b"<!doctype html><html lang=en><title>Application</title><h1>Back in the application</h1>"


class Receiver:
    """Listens on a free port; `answers` are the next statuses of POST requests, 200 once they are used up."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), queue.Queue()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.requests.put((self.path, self.headers, parse_qs(body)))
                self.answer(outer.answers.pop(0) if outer.answers else 200)

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(PAGE)))
                self.end_headers()
                self.wfile.write(PAGE)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.origin}/backchannel"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, seconds=20):
        """Waits for the next logout token; a queue.Empty if there is none."""
        path, headers, form = self.requests.get(timeout=seconds)
        assert urlsplit(path).query == "" and headers["Content-Type"] == "application/x-www-form-urlencoded"
        [token] = form.pop("logout_token")
        assert not form
        return token

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
