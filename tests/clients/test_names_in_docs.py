"""The pages name only commands, flags, routes, settings and files that exist."""

import functools
import json
import re
import subprocess

import pytest
import requests

import programs

PAGES = [page for page in subprocess.run(
    ["git", "ls-files", "*.md"], cwd=programs.ROOT, text=True, capture_output=True, check=True).stdout.split()
    if "CHANGELOG" not in page]
FOLDERS = "crates|docs|tests|examples|deploy|benches|xtask|fuzz|src"
METHODS = "GET|POST|PUT|PATCH|DELETE"
# routes of the demo application and of examples, and the page that a proxy maps
FOREIGN_ROUTES = ("/items", "/auth", "/users", "/me", "/admin", "/status", "/metrics", "/orders", "/book",
                  "/login", "/logout", "/notes")


@functools.cache
def text_of(page):
    return (programs.ROOT / page).read_text()


def code(page):
    """The pieces of code of a page: the lines of its blocks, and what is in backticks."""
    text = text_of(page)
    blocks = re.findall(r"^```[a-z,_]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()], re.findall(r"`([^`\n]+)`", text)


@functools.cache
def help_of(*command):
    """The subcommands and the flags of a command, as its help lists them."""
    text = programs.check_rolecall(*command, "--help")
    _, _, listed = text.partition("\nCommands:\n")
    subcommands = re.findall(r"^  ([a-z-]+)  ", listed.partition("\n\n")[0], re.MULTILINE)
    return set(subcommands), set(re.findall(r"(?:^|[ ,])(--?[a-z-]+|-[a-z])\b", text, re.MULTILINE))


def problem_of(command):
    """What is wrong with a line that begins with `rolecall`, if anything."""
    words, path = [word.strip("'\"") for word in command.split()[1:]], []
    words = words[:next((at for at, word in enumerate(words) if word in ("|", ">", "<", "&&", ";", "2>&1", "#")), None)]
    at = 0
    while at < len(words):
        word, (subcommands, flags) = words[at], help_of(*path)
        if word.startswith("-") and word != "-":
            if word.partition("=")[0] not in flags:
                return f"{' '.join(['rolecall', *path])} has no flag {word}"
            at += 2 if not path and word in ("--as", "--set", "--config") else 1
        elif subcommands:
            choices = word.split("|")
            unknown = [choice for choice in choices if choice not in subcommands]
            if unknown:
                return f"{' '.join(['rolecall', *path])} has no command {unknown[0]}"
            path.append(choices[0])
            at += 1
        else:
            at += 1
    return None


def commands(page):
    lines, spans = code(page)
    for line in lines:
        for command in re.findall(r"(?:^|[$(#|;&] ?|run --rm )(rolecall [a-z-][^)]*)", line):
            yield command
    # a table escapes the mark between alternatives
    yield from (span.replace("\\|", "|") for span in spans if re.match(r"rolecall [a-z-]", span))


def test_commands_and_faults_in_them_are_found():
    assert sum(len(list(commands(page))) for page in PAGES) > 100
    assert problem_of("rolecall --as anna role allow editor items:read --json") is None
    for faulty in ("rolecall rolle list", "rolecall role lst", "rolecall role list --jsn", "rolecall --af x role list"):
        assert problem_of(faulty), faulty


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_flag_exists(page):
    problems = {command: problem_of(command) for command in commands(page)}
    assert {command: problem for command, problem in problems.items() if problem} == {}


@pytest.fixture(scope="module")
def routes(dev):
    """The routes of the OpenAPI document, with a star for each parameter."""
    document = requests.get(f"{dev.url}/openapi.json", timeout=30).json()
    return {(method.upper(), re.sub(r"\{\w+\}", "*", path)) for path, item in document["paths"].items()
            for method in item}


@pytest.mark.parametrize("page", PAGES)
def test_every_route_exists(page, routes):
    _, spans = code(page)
    for span in spans:
        found = re.fullmatch(rf"({METHODS}) (/[^\s?]*)(\?\S*)?", span)
        if found and not found[2].startswith(FOREIGN_ROUTES):
            assert (found[1], re.sub(r"\{\w+\}", "*", found[2])) in routes, span


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    return set(json.loads(programs.check_rolecall("config", "show", "--json", folder=folder)))


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_exists(page, settings):
    sections = {key.rpartition(".")[0] for key in settings if "." in key}
    _, spans = code(page)
    for span in spans:
        found = re.match(r"([a-z_]+(?:\.[a-z_]+)+)( = .*)?$", span)
        # `policy.toml`, `mail.html` and `tokens.json` are files, although there are such sections
        if found and not found[1].endswith((".toml", ".html", ".txt", ".json")) and found[1].partition(".")[0] in sections:
            key = found[1].removesuffix("_file")
            assert {key, found[1]} & (settings | sections), span


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_names_a_setting(page, settings):
    for name in re.findall(r"\bROLECALL_([A-Z_]+[A-Z])\b", text_of(page)):
        if name.startswith(("SERVICE_", "PORT")):
            continue  # a cluster sets these beside a service of our name
        key = name.lower().replace("__", ".")
        known = settings | {"config", "bless"}
        assert key in known or key.removesuffix("_file") in known, f"ROLECALL_{name}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_exists(page):
    folder = (programs.ROOT / page).parent
    _, spans = code(page)
    for span in spans:
        # in capitals: a part to fill in
        if re.fullmatch(rf"({FOLDERS})/[\w./-]+", span) and "TARGET" not in span:
            # the text around it names the crate
            places = [programs.ROOT / span, folder / span,
                      *(crate / span for crate in (programs.ROOT / "crates").iterdir())]
            assert any(place.exists() for place in places), span
