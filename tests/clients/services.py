"""Starts the example services as their READMEs describe, guarded by a server under test."""

import functools
import http.client
import os
import subprocess

import pytest
import requests

import api
import builds
import programs
from programs import wait_until

EXAMPLES = programs.ROOT / "examples"
NODE = programs.ROOT / "tests" / "clients" / "node"
AUDIENCE = "https://items.example"


def require_node_package(name):
    if not (NODE / "node_modules" / name).exists():
        programs.skip_without(f"the node package `{name}`")


class Connection:
    """A connection to a route of a service that is kept open; for one thread."""

    def __init__(self, service, path):
        self.service, self.path = service, path
        self.http = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=10)

    def __str__(self):
        return self.service.url + self.path

    def call(self, token):
        """Returns the status and the challenge, if there is one."""
        for is_last in (False, True):
            try:
                self.http.request("GET", self.path, headers=api.bearer(token))
                response = self.http.getresponse()
                response.read()
                return response.status, response.headers["WWW-Authenticate"]
            except (http.client.HTTPException, ConnectionError):
                # the service may have closed an idle connection
                self.http.close()
                if is_last:
                    raise


class Service:
    """A process that serves `url`."""

    def __init__(self, command, folder, log, port, **settings):
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=programs.environment(PYTHONDONTWRITEBYTECODE="1", **settings))
        wait_until(30, self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            pytest.fail(f"{self.process.args} has exited:\n{self.log.read_text()}")
        try:
            return requests.get(self.url, timeout=5) is not None
        except requests.ConnectionError:
            return False

    def get(self, path, token=None, **headers):
        if token is not None:
            headers |= api.bearer(token)
        return requests.get(self.url + path, headers=headers, timeout=10)

    def connect(self, path):
        return Connection(self, path)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def settings(server, client=None, **more):
    """The variables that the examples read: the issuer's URL, and the client that reads its feed."""
    variables = {"ISSUER": server.url, "NO_PROXY": "127.0.0.1", **more}
    if client is not None:
        variables |= {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}
    return variables


def nginx_paths(folder):
    """Directives that let nginx write only to a folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def rust(server, client=None, **more):
    port = programs.free_port()
    command = [programs.program("XTASK_SERVICE", programs.ROOT / "target" / "debug" / "service")]
    log = server.folder / f"rust-{port}.log"
    return Service(command, server.folder, log, port, LISTEN=f"127.0.0.1:{port}",
                   **settings(server, client, **more))


def spa(server, client, port, **more):
    """The page, whose client has the port in its redirect URI."""
    command = [programs.program("XTASK_SPA", programs.ROOT / "target" / "debug" / "spa")]
    log = server.folder / f"spa-{port}.log"
    return Service(command, server.folder, log, port, LISTEN=f"127.0.0.1:{port}", CLIENT_ID=client["client_id"],
                   **settings(server, **more))


def fastapi_login(server, client, port, **more):
    """The application with pages, whose client has the port in its redirect URI."""
    more |= {"URL": f"http://127.0.0.1:{port}", "AUTHLIB_INSECURE_TRANSPORT": "1"}
    return uvicorn("main:app", EXAMPLES / "fastapi-login", server.folder, server, client, port, **more)


def fastapi(server, client=None, **more):
    return uvicorn("main:app", EXAMPLES / "fastapi", server.folder, server, client, **more)


def uvicorn(application, folder, log_folder, server, client=None, port=None, **more):
    """A FastAPI application in `folder`, such as `main:app`."""
    port = port or programs.free_port()
    python = programs.program("XTASK_PYTHON", "python3")
    command = [python, "-m", "uvicorn", application, "--port", str(port), "--log-level", "warning"]
    log = log_folder / f"fastapi-{port}.log"
    return Service(command, folder, log, port, **settings(server, client, **more))


def express(server, client=None, **more):
    require_node_package("rolecall")
    # Node looks for packages beside the program, and those of the tests are installed once for all
    folder = server.folder / "express"
    folder.mkdir(exist_ok=True)
    for name in ("main.mjs", "package.json"):
        (folder / name).write_text((EXAMPLES / "express" / name).read_text())
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NODE / "node_modules")
    port = programs.free_port()
    log = server.folder / f"express-{port}.log"
    command = [programs.program("XTASK_NODE", "node"), "main.mjs"]
    return Service(command, folder, log, port, PORT=str(port), **settings(server, client, **more))


def go(server, client=None, **more):
    port = programs.free_port()
    log = server.folder / f"go-{port}.log"
    return Service([go_program()], server.folder, log, port, PORT=str(port), **settings(server, client, **more))


@functools.cache
def go_program():
    """The example in Go, which is compiled once in each process of tests."""
    program = programs.OUTPUT / f"go-{os.getpid()}" / "go"
    program.parent.mkdir(parents=True, exist_ok=True)
    builds.build(programs.program("XTASK_GO", "go"), "build", "-o", program, ".", cwd=EXAMPLES / "go",
                 env=programs.environment(GOTOOLCHAIN="auto"))
    return program


def spring(server, client=None, **more):
    port = programs.free_port()
    jar = programs.program("XTASK_SPRING", EXAMPLES / "spring" / "target" / "items-0.jar")
    log = server.folder / f"spring-{port}.log"
    command = [programs.program("XTASK_JAVA", "java"), "-XX:TieredStopAtLevel=1", "-jar", jar]
    return Service(command, server.folder, log, port, PORT=str(port), **settings(server, client, **more))
