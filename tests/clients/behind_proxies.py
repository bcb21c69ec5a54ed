"""An application without any knowledge of tokens, for the tests of proxies, and the configuration of their examples."""

import contextlib
import json
import socketserver
import threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import services


class ApplicationServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class SilentHandler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def echo(environ, start_response):
    """Returns the headers that it received.

    It sees them as WSGI names them, which cannot distinguish `X-Auth-Roles` from `X_Auth_Roles`.
    """
    headers = {name.removeprefix("HTTP_").lower().replace("_", "-"): value
               for name, value in environ.items() if name.startswith("HTTP_")}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(headers).encode()]


@contextlib.contextmanager
def application():
    """Runs the application, and gives its port."""
    server = make_server("127.0.0.1", 0, echo, server_class=ApplicationServer, handler_class=SilentHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def configuration(file, issuer, port, application):
    """The configuration of an example with the ports of this run."""
    text = (services.EXAMPLES / file).read_text()
    for documented, actual in [("127.0.0.1:8000", issuer.port), ("127.0.0.1:9000", application),
                               ("127.0.0.1:8080", port)]:
        assert documented in text
        text = text.replace(documented, f"127.0.0.1:{actual}")
    return text


def received_headers(response):
    """The headers that the application received."""
    assert response.status_code == 200, response.text
    return response.json()
