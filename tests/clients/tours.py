"""Runs the commands and programs of a page of the documentation, exactly as the page shows them."""

import os
import re
import subprocess
from pathlib import Path

import programs

DOCUMENTED_URL = "http://127.0.0.1:8000"
MARK = "=== the next step ==="


def page(path, url):
    """The page with the URL of the server under test."""
    return (programs.ROOT / path).read_text().replace(DOCUMENTED_URL, url)


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def steps(text):
    """Yields the commands of a page, each with the output that the page shows."""
    for console in blocks(text, "console"):
        for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            if not command.startswith("cargo "):
                yield command, shown


def pattern(shown):
    """Matches the output that a page shows. `...` matches anything within a line, and any lines if it is alone on one;
    any amount of white space matches any other."""
    any_lines = r"(?s:.*)"
    words = [any_lines if line.strip() == "..." else re.escape(word).replace(r"\.\.\.", ".*")
             for line in shown.splitlines() for word in line.split()]
    return re.compile(r"\s+".join(words))


def shell_environment(**settings):
    """The environment of a shell that finds `rolecall` and the programs of the tests."""
    configured = (os.environ.get(variable) for variable in ("XTASK_PYTHON", "XTASK_NODE"))
    folders = [str(Path(program).parent) for program in (programs.rolecall(), *filter(None, configured))]
    return programs.environment(PATH=os.pathsep.join([*folders, os.environ["PATH"]]), **settings)


def assert_output_matches(text, folder, **settings):
    """Runs all commands in one shell and compares their output; returns the number of commands."""
    tour = list(steps(text))
    script = "".join(f"{command}\nprintf '\\n{MARK}\\n'\n" for command, _ in tour)
    shell = subprocess.run(
        ["bash"], input=script, cwd=folder, env=shell_environment(**settings), text=True, capture_output=True, timeout=120)
    outputs = shell.stdout.split(MARK)[:-1]
    assert len(outputs) == len(tour), shell.stderr
    for (command, shown), output in zip(tour, outputs):
        assert pattern(shown).fullmatch(output.strip().replace("\r", "")), (command, output, shell.stderr)
    return len(tour)
