"""docs/clients.md: its program for each library works; `test_pages.py` runs its commands."""

import subprocess

import pytest

import api
import programs
import services
import tours

PAGE = "docs/clients.md"


@pytest.fixture(scope="module")
def server():
    with programs.dev() as running:
        yield running


@pytest.fixture(scope="module")
def shop(server):
    admin = api.login(server.url, "admin")
    client = api.create_client(admin, "password", "refresh_token", audiences=[server.url, "https://stock.example"])
    return {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}


def program(server, language, library):
    """The first program that uses the library."""
    blocks = [block for block in tours.blocks(tours.page(PAGE, server.url), language) if library in block]
    assert blocks and server.url in blocks[0]
    return blocks[0]


def run(command, shop, folder=None):
    result = subprocess.run(command, cwd=folder, env=programs.environment(**shop), text=True,
                         capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("library", ["authlib.integrations", "requests_oauthlib"])
def test_a_python_program_logs_in(server, shop, library):
    python = programs.program("XTASK_PYTHON", "python3")
    printed = run([python, "-c", program(server, "python", library)], shop)
    assert printed == "[{'username': 'alice'}]\n"


@pytest.mark.parametrize("library, printed", [
    ("openid-client", "[ { username: 'alice' } ]\n"), ("oauth4webapi", "alice\n")])
def test_a_node_program_logs_in(server, shop, library, printed):
    node = programs.program("XTASK_NODE", "node")
    services.require_node_package(library)
    script = program(server, "js", library)
    assert run([node, "--input-type=module", "--eval", script], shop, services.NODE) == printed


def test_the_validator_accepts_a_token_without_permissions(server):
    names = {}
    exec(program(server, "python", "JWTBearerTokenValidator"), names)
    verifier, token = names["verifier"], api.login(server.url, "alice").access_token
    claims = verifier.authenticate_token(token)
    verifier.validate_token(claims, scopes=None, request=None)
    assert claims["scope"] == "" and claims["username"] == "alice"
