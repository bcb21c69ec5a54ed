"""The examples to copy stay short, and the commands of their pages work as they are written."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
import requests

import api
import programs
import services
import tours

LONGEST = 120


@pytest.mark.parametrize("file", ["fastapi/rolecall_auth.py", "express/rolecall-auth.mjs"])
def test_what_is_to_be_copied_is_short(file):
    lines = (services.EXAMPLES / file).read_text().splitlines()
    assert len(lines) <= LONGEST
    assert max(map(len, lines)) <= 130


@contextlib.contextmanager
def terminal(text, folder, port, **settings):
    """A shell that runs the commands of a block for as long as it is needed, once something listens on `port`."""
    # what they install is there
    commands = [command for command, _ in tours.steps(text) if not re.match(r"(pip|npm) install", command)]
    log = folder / f"terminal-{port}.log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-ec", "\n".join(commands)], cwd=folder, env=tours.shell_environment(**settings),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        services.within(30, lambda: listens(port) or shell.poll() is not None)
        assert shell.poll() is None, log.read_text()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(timeout=20)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def lets_in(url, token):
    """Whether the guard has begun to follow; until then it answers 503."""
    return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200


@pytest.mark.parametrize("example, written, path", [
    ("fastapi", 9000, "/items/"), ("express", 3000, "/items/"), ("service", 9000, "/me")])
def test_the_commands_of_the_page_print_what_it_shows(example, written, path, tmp_path):
    folder = tmp_path / example
    shutil.copytree(services.EXAMPLES / example, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__", "before"))
    built = programs.program("XTASK_SERVICE", programs.ROOT / "target" / "debug" / "service") if example == "service" else ""
    if example == "express":
        if not (services.NODE / "node_modules" / "express").exists():
            programs.left_out("node packages are not installed")
        (folder / "node_modules").symlink_to(services.NODE / "node_modules")
    issuer, port = programs.free_port(), programs.free_port()
    text = (folder / "README.md").read_text()
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{issuer}").replace(f"127.0.0.1:{written}", f"127.0.0.1:{port}")
    text = text.replace(f"--port {written}", f"--port {port}").replace("cargo run\n", f"{built}\n")
    server, application, calls = re.findall(r"```console\n.*?```", text, re.DOTALL)
    # a second is what is promised of a machine that has nothing else to do
    calls = calls.replace("sleep 1;", "sleep 4;")
    url = f"http://127.0.0.1:{issuer}"
    own = {"ISSUER": url, "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    with terminal(server, folder, issuer, ROLECALL_LISTEN=f"127.0.0.1:{issuer}"), \
            terminal(application, folder, port, **own):
        token = api.logged_in(url, "admin").access_token
        services.within(30, lambda: lets_in(f"http://127.0.0.1:{port}{path}", token))
        assert tours.prints_what_it_shows(calls, folder) >= 4
