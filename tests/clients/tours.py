"""Runs the commands and programs that a page of the documentation shows, each as it stands there."""

import os
import re
import subprocess
from pathlib import Path

import programs

WRITTEN = "http://127.0.0.1:8000"
MARK = "=== the next step ==="


def page(path, url):
    """The page with the address of the server under test."""
    return (programs.ROOT / path).read_text().replace(WRITTEN, url)


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def steps(text):
    """The commands of a page, each with the output that it shows."""
    for console in blocks(text, "console"):
        for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            if not command.startswith("cargo "):
                yield command, shown


def pattern(shown):
    """Output as a page shows it: `...` stands for anything in a line, alone in a line for any lines; the amount of
    white space does not matter."""
    any_lines = r"(?s:.*)"
    words = [any_lines if line.strip() == "..." else re.escape(word).replace(r"\.\.\.", ".*")
             for line in shown.splitlines() for word in line.split()]
    return re.compile(r"\s+".join(words))


def shell_environment(**settings):
    """Where `rolecall` and the programs of the tests are found."""
    named = (os.environ.get(variable) for variable in ("XTASK_PYTHON", "XTASK_NODE"))
    found = [str(Path(program).parent) for program in (programs.rolecall(), *filter(None, named))]
    return programs.environment(PATH=os.pathsep.join([*found, os.environ["PATH"]]), **settings)


def prints_what_it_shows(text, folder):
    """Runs every command in one shell; gives how many there were."""
    tour = list(steps(text))
    script = "".join(f"{command}\nprintf '\\n{MARK}\\n'\n" for command, _ in tour)
    shell = subprocess.run(
        ["bash"], input=script, cwd=folder, env=shell_environment(), text=True, capture_output=True, timeout=120)
    outputs = shell.stdout.split(MARK)[:-1]
    assert len(outputs) == len(tour), shell.stderr
    for (command, shown), output in zip(tour, outputs):
        assert pattern(shown).fullmatch(output.strip().replace("\r", "")), (command, output, shell.stderr)
    return len(tour)
