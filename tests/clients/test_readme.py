"""What the README shows to programs in other languages works as it stands."""

import json
import os
import re
import subprocess
from pathlib import Path

import jwt
import pytest

import programs

README = (programs.ROOT / "README.md").read_text()
NODE = programs.ROOT / "tests" / "clients" / "node"


def block(language, url):
    """The one block of this language, with the address of the server under test."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    assert "http://127.0.0.1:8000" in blocks[0]
    return blocks[0].replace("http://127.0.0.1:8000", url)


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


def tour(url):
    """The commands of the tour, each with the output that the README shows."""
    text = README.split("\n## Five minutes\n")[1].split("\n## ")[0].replace("http://127.0.0.1:8000", url)
    for console in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            if not command.startswith("cargo "):
                yield command, shown


def pattern(shown):
    """Output as the README shows it: `...` stands for anything, and spaces may be fewer or more."""
    words = [re.escape(word).replace(r"\.\.\.", ".*") for word in shown.split()]
    return re.compile(r"\s+".join(words))


def test_the_tour_prints_what_the_readme_shows():
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        steps = list(tour(server.url))
        assert len(steps) > 20
        mark = "=== the next step ==="
        script = "".join(f"{command}\nprintf '\\n{mark}\\n'\n" for command, _ in steps)
        path = f"{Path(programs.rolecall()).parent}:{os.environ['PATH']}"
        shell = subprocess.run(
            ["bash"], input=script, cwd=server.folder, env=programs.environment(PATH=path),
            text=True, capture_output=True, timeout=120)
        outputs = shell.stdout.split(mark)[:-1]
        assert len(outputs) == len(steps), shell.stderr
        for (command, shown), output in zip(steps, outputs):
            assert pattern(shown).fullmatch(output.strip().replace("\r", "")), (command, output)


def test_links_within_the_project_lead_somewhere():
    pages = [page for page in programs.ROOT.rglob("*.md")
             if not {"target", "node_modules"} & set(page.relative_to(programs.ROOT).parts)]
    assert len(pages) > 10
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"
