"""docs/other-languages.md: its Python and Node programs verify tokens and refuse tampered ones."""

import json
import subprocess

import jwt
import pytest

import programs
import services
import tours


def block(language, url):
    """The only program in this language, with the URL of the server under test."""
    (program,) = tours.blocks(tours.page("docs/other-languages.md", url), language)
    assert url in program
    return program


def tampered(token):
    return token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")


def test_the_python_program_verifies_a_token_and_refuses_a_tampered_one(admin, bob):
    names = {}
    exec(block("python", bob.url), names)
    assert names["verify"](bob.access_token)["sub"] == bob.me["id"]
    assert names["may_read_items"](admin.access_token) is True
    assert names["may_read_items"](bob.access_token) is False
    with pytest.raises(jwt.InvalidTokenError):
        names["verify"](tampered(bob.access_token))


def test_the_node_program_verifies_a_token_and_refuses_a_tampered_one(bob):
    node = programs.program("XTASK_NODE", "node")
    services.require_node_package("jose")
    script = block("js", bob.url) + "console.log(JSON.stringify(await verify(process.argv[1])));"

    def run(token):
        return subprocess.run(
            [node, "--input-type=module", "--eval", script, token],
            cwd=services.NODE, capture_output=True, text=True, timeout=60)

    verified = run(bob.access_token)
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["sub"] == bob.me["id"]
    assert run(tampered(bob.access_token)).returncode != 0
