"""Starts the programs under test, each in a folder of its own and on a free port."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path(os.environ.get("XTASK_OUTPUT", ROOT / "target" / "clients"))
# of the users of `rolecall dev`, as in the tutorial
PASSWORD = "yourpassword"
PASS_PHRASE = "a long enough pass phrase"
MASTER_KEY = "0123456789abcdef" * 4
TUTORIAL_PORT = 8000


def skip_without(requirement):
    """Skips a test that needs something not installed; under `cargo xtask test` the test fails instead."""
    if os.environ.get("XTASK_NOTHING_LEFT_OUT"):
        pytest.fail(f"{requirement} is not installed")
    pytest.skip(f"{requirement} is not installed")


def program(variable, fallback):
    """The program that `cargo xtask` names in `variable`, or the one found under its usual name."""
    path = os.environ.get(variable) or shutil.which(str(fallback))
    if path is None or not Path(path).exists():
        skip_without(f"`{fallback}`")
    return path


def rolecall():
    return program("XTASK_ROLECALL", ROOT / "target" / "debug" / "rolecall")


def tutorial():
    return program("XTASK_TUTORIAL", ROOT / "target" / "debug" / "tutorial")


def login_page():
    return program("XTASK_LOGIN_PAGE", ROOT / "target" / "debug" / "login-page")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(**settings):
    """The variables of this process, without any configuration of rolecall among them."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("ROLECALL_", "XTASK_"))}
    return plain | settings


def wait_until(seconds, condition, goal=None):
    """Returns the first true result of `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {goal or 'the condition'}"
        time.sleep(0.02)
    return result


def run_rolecall(*arguments, folder=None, text=None, **settings):
    """Runs the command line in a folder, with `text` as its standard input."""
    return subprocess.run([rolecall(), *arguments], cwd=folder, input=text or "", text=True, capture_output=True,
                          env=environment(**settings), timeout=60)


def check_rolecall(*arguments, **options):
    """Runs the command line, which must succeed, and returns its standard output."""
    result = run_rolecall(*arguments, **options)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


class Server:
    """A running server."""

    def __init__(self, command, port=None, folder=None, health="/health/ready", **settings):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="rolecall-client-"))
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.health = health
        self.settings = {"ROLECALL_LISTEN": f"127.0.0.1:{self.port}", **settings}
        self.command = command
        self.log = self.folder / "server.log"
        self.process = None
        self.start()

    def start(self):
        """Starts the process and returns the seconds until it was ready."""
        with self.log.open("ab") as log:
            start = time.perf_counter()
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment(**self.settings),
            )
        while True:
            try:
                if requests.get(f"{self.url}{self.health}", timeout=5).status_code == 200:
                    return time.perf_counter() - start
            except (requests.ConnectionError, requests.Timeout):
                # it does not listen yet
                pass
            if self.process.poll() is not None or time.perf_counter() - start > 60:
                self.kill()
                pytest.fail(f"{self.command} does not respond:\n{self.log.read_text()}")
            time.sleep(0.002)

    @property
    def data(self):
        """The folder of a SQLite database and its master key."""
        return self.folder / "rolecall-data"

    def run(self, *arguments, text=None):
        """Runs the command line beside this server, on the same database."""
        return run_rolecall(*arguments, folder=self.folder, text=text, **self.settings)

    def check_output(self, *arguments, text=None):
        return check_rolecall(*arguments, folder=self.folder, text=text, **self.settings)

    def add_user(self, name, *roles, password=PASS_PHRASE):
        flags = [word for role in roles for word in ("--role", role)]
        self.check_output("user", "add", name, *flags, "--password-stdin", text=f"{password}\n")

    def add_administrator(self, name, *roles):
        self.add_user(name, "rolecall.admin", *roles)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def terminate(self):
        """Ends the process as a supervisor does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
                pytest.fail(f"{self.command} does not end after SIGTERM")

    def stop(self):
        """Ends the process as a supervisor does, and deletes its folder."""
        self.terminate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def dev(**settings):
    return Server([rolecall(), "dev"], **settings)


def dev_with_short_tokens(seconds=2):
    """A server whose access tokens soon expire."""
    return dev(ROLECALL_TOKENS__ACCESS_TTL=f"{seconds}s")


def serve(**settings):
    return Server([rolecall(), "serve"], **{"ROLECALL_PASSWORDS__MIN_LENGTH": "8", **settings})


def tutorial_server():
    """The tutorial example, which listens on port 8000 and reads no environment.

    Another program on that port is not a fault of rolecall, so the tests are skipped then.
    """
    start = time.monotonic()
    while listens(TUTORIAL_PORT):
        if time.monotonic() - start > 30:
            pytest.skip(f"another program listens on port {TUTORIAL_PORT}")
        time.sleep(0.2)
    return Server([tutorial()], port=TUTORIAL_PORT)


def login_page_server():
    """The site of `examples/login-page`, whose pages are at `http://localhost`, where browsers keep its cookie."""
    port = free_port()
    return Server([login_page()], port=port, health="/auth/health/ready",
                  LISTEN=f"127.0.0.1:{port}", ORIGIN=f"http://localhost:{port}")
