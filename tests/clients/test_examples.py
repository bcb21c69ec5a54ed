"""The commands of the READMEs of the examples work as written."""

import contextlib
import os
import re
import shutil
import signal
import subprocess

import pytest
import requests

import api
import programs
import services
import sign_in
import tours
from programs import wait_until


@contextlib.contextmanager
def terminal(text, folder, port, **settings):
    """Runs the commands of a block in a shell, from when something listens on `port` to the end of the test: the database of
    `rolecall dev` exists by then."""
    # the packages are installed already
    commands = [command for command, _ in tours.steps(text) if not re.match(r"(pip|npm) (install|ci|run build)", command)]
    log = folder / f"terminal-{port}.log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-ec", "\n".join(commands)], cwd=folder, env=tours.shell_environment(**settings),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_until(30, lambda: programs.listens(port) or shell.poll() is not None)
        assert shell.poll() is None, log.read_text()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(timeout=20)


def accepts(url, token):
    """Calls a guarded route, which responds with 503 until the guard has loaded its state."""
    return requests.get(url, headers=api.bearer(token), timeout=10).status_code == 200


def prepare(tmp_path, example, ports):
    """A copy of an example, and the text of its page with other ports and the programs that are built already."""
    folder = tmp_path / example
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", "before")
    shutil.copytree(services.EXAMPLES / example, folder, ignore=ignored)
    if example == "express":
        services.require_node_package("rolecall")
        (folder / "node_modules").symlink_to(services.NODE / "node_modules")
    text = (folder / "README.md").read_text()
    for documented, actual in ports.items():
        for before in ("127.0.0.1:", "--port "):
            text = text.replace(f"{before}{documented}", f"{before}{actual}")
    if example == "go":
        text = text.replace("go run .\n", f"{services.go_program()}\n")
    if "cargo run\n" in text:
        built = programs.ROOT / "target" / "debug" / example
        text = text.replace("cargo run\n", f"{programs.program(f'XTASK_{example.upper()}', built)}\n")
    return folder, text


@pytest.mark.parametrize("example, documented_port, path", [
    ("fastapi", 9000, "/items/"), ("express", 3000, "/items/"), ("service", 9000, "/me"), ("go", 9000, "/items/")])
def test_the_commands_of_the_page_print_the_documented_output(example, documented_port, path, tmp_path):
    issuer, port = programs.free_port(), programs.free_port()
    folder, text = prepare(tmp_path, example, {8000: issuer, documented_port: port})
    server, application, calls, *_ = re.findall(r"```console\n.*?```", text, re.DOTALL)
    # the promised second holds on an idle machine; this one may be busy
    calls = calls.replace("sleep 1;", "sleep 4;")
    url = f"http://127.0.0.1:{issuer}"
    settings = {"ISSUER": url, "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    with terminal(server, folder, issuer, ROLECALL_LISTEN=f"127.0.0.1:{issuer}"), \
            terminal(application, folder, port, **settings):
        token = api.login(url, "admin").access_token
        wait_until(30, lambda: accepts(f"http://127.0.0.1:{port}{path}", token))
        assert tours.assert_output_matches(calls, folder) >= 4


@pytest.mark.parametrize("example", ["spa", "fastapi-login"])
def test_the_commands_of_the_page_start_an_application_that_signs_people_in(example, tmp_path):
    issuer, port = programs.free_port(), programs.free_port()
    folder, text = prepare(tmp_path, example, {8000: issuer, 9000: port})
    server, application = re.findall(r"```console\n.*?```", text, re.DOTALL)
    url, own = f"http://127.0.0.1:{issuer}", f"http://127.0.0.1:{port}"
    settings = {"ISSUER": url, "URL": own, "PYTHONDONTWRITEBYTECODE": "1"}
    with terminal(server, folder, issuer, ROLECALL_LISTEN=f"127.0.0.1:{issuer}"), \
            terminal(application, folder, port, **settings):
        if example == "spa":
            config = requests.get(f"{own}/config.json", timeout=10).json()
            page = sign_in.Application(url, {**config, "redirect_uris": [f"{own}/"]})
            token = page.sign_in(sign_in.Visitor(url), sign_in.DEMO, "openid roles")["access_token"]
            wait_until(30, lambda: accepts(f"{own}/items/", token))
        else:
            person = sign_in.Member(own, url, sign_in.DEMO)
            assert person.get("/items/").json() == [{"item_id": "Foo", "owner": "admin"}]
