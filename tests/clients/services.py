"""Starts the example services, each as its README says, guarded by a server under test."""

import http.client
import subprocess
import time

import pytest
import requests

import programs

EXAMPLES = programs.ROOT / "examples"
NODE = programs.ROOT / "tests" / "clients" / "node"
AUDIENCE = "https://items.example"


class Way:
    """One connection to a service, used again and again; for one thread."""

    def __init__(self, service, path):
        self.service, self.path = service, path
        self.connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=10)

    def __str__(self):
        return self.service.url + self.path

    def ask(self, token):
        """The status and the challenge, if there is one."""
        for last in (False, True):
            try:
                self.connection.request("GET", self.path, headers={"Authorization": f"Bearer {token}"})
                answer = self.connection.getresponse()
                answer.read()
                return answer.status, answer.headers["WWW-Authenticate"]
            except (http.client.HTTPException, ConnectionError):
                # an idle connection may have been closed
                self.connection.close()
                if last:
                    raise


class Service:
    """A program in another process that answers at `url`; `stop` ends it."""

    def __init__(self, command, folder, log, port, **settings):
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=programs.environment(PYTHONDONTWRITEBYTECODE="1", **settings))
        within(30, lambda: self.answers() or self.has_ended())

    def answers(self):
        try:
            return requests.get(self.url, timeout=5) is not None
        except requests.ConnectionError:
            return False

    def has_ended(self):
        if self.process.poll() is not None:
            pytest.fail(f"{self.process.args} has ended:\n{self.log.read_text()}")

    def get(self, path, token=None, **headers):
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.get(self.url + path, headers=headers, timeout=10)

    def way(self, path):
        return Way(self, path)

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


def within(seconds, done, pause=0.02):
    """Asks until `done` gives something; gives that and the seconds that it took."""
    began = time.perf_counter()
    while True:
        found = done()
        if found:
            return found, time.perf_counter() - began
        assert time.perf_counter() - began < seconds, f"not within {seconds} s"
        time.sleep(pause)


def settings(server, client=None, **more):
    """What the examples read: where the issuer is, and the client that reads its feed."""
    own = {"ISSUER": server.url, "NO_PROXY": "127.0.0.1", **more}
    if client is not None:
        own |= {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}
    return own


def rust(server, client=None, **more):
    port = programs.free_port()
    command = [programs.program("XTASK_SERVICE", programs.ROOT / "target" / "debug" / "service")]
    log = server.folder / f"rust-{port}.log"
    return Service(command, server.folder, log, port, LISTEN=f"127.0.0.1:{port}",
                   **settings(server, client, **more))


def fastapi(server, client=None, **more):
    return uvicorn("main:app", EXAMPLES / "fastapi", server.folder, server, client, **more)


def uvicorn(application, folder, log_folder, server, client=None, **more):
    """A FastAPI application in `folder`, such as `main:app`."""
    port = programs.free_port()
    python = programs.program("XTASK_PYTHON", "python3")
    command = [python, "-m", "uvicorn", application, "--port", str(port), "--log-level", "warning"]
    log = log_folder / f"fastapi-{port}.log"
    return Service(command, folder, log, port, **settings(server, client, **more))


def express(server, client=None, **more):
    if not (NODE / "node_modules" / "express").exists():
        programs.left_out("node packages are not installed")
    # packages are looked for beside the program: those of the tests are installed once for all
    folder = server.folder / "express"
    folder.mkdir(exist_ok=True)
    for name in ("main.mjs", "rolecall-auth.mjs", "package.json"):
        (folder / name).write_text((EXAMPLES / "express" / name).read_text())
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NODE / "node_modules")
    port = programs.free_port()
    log = server.folder / f"express-{port}.log"
    command = [programs.program("XTASK_NODE", "node"), "main.mjs"]
    return Service(command, folder, log, port, PORT=str(port), **settings(server, client, **more))
