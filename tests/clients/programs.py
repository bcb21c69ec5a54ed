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
PASSWORD = "yourpassword"
TUTORIAL_PORT = 8000


def left_out(reason):
    """Leaves a test out for want of a program; under `cargo xtask test` nothing may be wanting."""
    if os.environ.get("XTASK_NOTHING_LEFT_OUT"):
        pytest.fail(reason)
    pytest.skip(f"left out: {reason}")


def program(variable, fallback):
    """The program that `cargo xtask` names, or else the one found under its usual name."""
    named = os.environ.get(variable) or shutil.which(str(fallback))
    if named is None or not Path(named).exists():
        left_out(f"`{fallback}` is not there")
    return named


def rolecall():
    return program("XTASK_ROLECALL", ROOT / "target" / "debug" / "rolecall")


def tutorial():
    return program("XTASK_TUTORIAL", ROOT / "target" / "debug" / "tutorial")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(**settings):
    """The variables of this process without a configuration that may stand in them."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("ROLECALL_", "XTASK_"))}
    return plain | settings


class Server:
    """A running server: where it answers, where its files are."""

    def __init__(self, command, port=None, folder=None, **settings):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="rolecall-client-"))
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {"ROLECALL_LISTEN": f"127.0.0.1:{self.port}", **settings}
        self.command = command
        self.log = self.folder / "server.log"
        self.process = None
        self.start()

    def start(self):
        """Starts the process and returns the seconds until it answered."""
        with self.log.open("ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment(**self.settings),
            )
        while True:
            try:
                if requests.get(f"{self.url}/health/live", timeout=5).status_code == 200:
                    return time.perf_counter() - began
            except (requests.ConnectionError, requests.Timeout):
                # it listens before it answers: RSA keys may be made in between
                pass
            if self.process.poll() is not None or time.perf_counter() - began > 60:
                self.kill()
                pytest.fail(f"{self.command} does not answer:\n{self.log.read_text()}")
            time.sleep(0.002)

    def run(self, *arguments, text=None):
        """The command line in another process, beside this server, on the same database."""
        return subprocess.run(
            [rolecall(), *arguments], cwd=self.folder, input=text, text=True, capture_output=True,
            env=environment(**self.settings), timeout=60,
        )

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends the process as a supervisor does, and takes its folder away."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
                pytest.fail(f"{self.command} does not end after SIGTERM")
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def dev(**settings):
    return Server([rolecall(), "dev"], **settings)


def serve(**settings):
    return Server([rolecall(), "serve"], **{"ROLECALL_PASSWORDS__MIN_LENGTH": "8", **settings})


def tutorial_server():
    """The tutorial example, which listens on port 8000 and reads no environment.

    Another program on that port is no fault of ours, so the tests are left out then.
    """
    began = time.monotonic()
    while is_taken(TUTORIAL_PORT):
        if time.monotonic() - began > 30:
            pytest.skip(f"left out: another program listens on port {TUTORIAL_PORT}")
        time.sleep(0.2)
    return Server([tutorial()], port=TUTORIAL_PORT)


def is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
