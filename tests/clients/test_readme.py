"""What the README shows to programs in other languages works as it stands."""

import json
import re
import subprocess

import jwt
import pytest

import programs
import tours

NODE = programs.ROOT / "tests" / "clients" / "node"


def block(language, url):
    """The one block of this language, with the address of the server under test."""
    (found,) = tours.blocks(tours.page("README.md", url), language)
    assert url in found
    return found


def spoiled(token):
    return token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")


def test_the_python_program_verifies_a_token_and_refuses_a_spoiled_one(admin, bob):
    names = {}
    exec(block("python", bob.url), names)
    assert names["verify"](bob.access_token)["sub"] == bob.me["id"]
    assert names["may_read_items"](admin.access_token) is True
    assert names["may_read_items"](bob.access_token) is False
    with pytest.raises(jwt.InvalidTokenError):
        names["verify"](spoiled(bob.access_token))


def test_the_node_program_verifies_a_token_and_refuses_a_spoiled_one(bob):
    node = programs.program("XTASK_NODE", "node")
    if not (NODE / "node_modules" / "jose").exists():
        programs.left_out("node packages are not installed")
    script = block("js", bob.url) + "console.log(JSON.stringify(await verify(process.argv[1])));"

    def run(token):
        return subprocess.run(
            [node, "--input-type=module", "--eval", script, token],
            cwd=NODE, capture_output=True, text=True, timeout=60)

    held = run(bob.access_token)
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["sub"] == bob.me["id"]
    assert run(spoiled(bob.access_token)).returncode != 0


def test_the_tour_prints_what_the_readme_shows():
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        tour = tours.page("README.md", server.url).split("\n## Five minutes\n")[1].split("\n## ")[0]
        assert tours.prints_what_it_shows(tour, server.folder) > 20


def test_links_within_the_project_lead_somewhere():
    pages = [page for page in programs.ROOT.rglob("*.md")
             if not {"target", "node_modules"} & set(page.relative_to(programs.ROOT).parts)]
    assert len(pages) > 10
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"
