"""docs/generated-clients.md: clients generated from the OpenAPI document compile, and the answers fit their types."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import api
import builds
import programs
import services
import tours

PAGE = "docs/generated-clients.md"
SOURCES = programs.ROOT / "tests" / "clients" / "generated"
# the generator of each client, as its command names it
OPENAPI_GENERATOR = {"Go": "go", "Python": "python", "TypeScript": "typescript-fetch", "Java": "java"}
# the generator runs once, so that a second compiler would only cost time
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def commands(url):
    """The commands of the page, each as its words."""
    shell = "".join(tours.blocks(tours.page(PAGE, url), "sh")).replace("\\\n", " ")
    return [line.split() for line in shell.splitlines()]


def section(title, url):
    text = tours.page(PAGE, url)
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def program(title, language, url):
    """The program that a section of the page shows."""
    (text,) = tours.blocks(section(title, url), language)
    return text


def insert(source, text, folder):
    """Copies a source into the folder, with the program of the page in its place."""
    mark = "// the program of the page"
    (line,) = [line for line in (SOURCES / source).read_text().splitlines() if mark in line]
    indentation = line.partition("/")[0]
    inserted = "".join(f"{indentation}{each}\n" for each in text.splitlines())
    (folder / source).write_text((SOURCES / source).read_text().replace(f"{line}\n", inserted))


@pytest.fixture(scope="module")
def folder(dev, tmp_path_factory):
    """A folder with the committed document, which names the server under test."""
    folder = tmp_path_factory.mktemp("generated")
    document = tours.page("docs/openapi.json", dev.url)
    assert dev.url in document
    (folder / "openapi.json").write_text(document)
    return folder


def generator_of(words):
    return words[words.index("-g") + 1]


@pytest.fixture(scope="module")
def generated(dev, folder):
    """A folder for each client of openapi-generator, in which the command of the page has run; two run at a time."""
    builds.optional_program("java")
    found = commands(dev.url)
    (download,) = [words for words in found if words[0] == "mvn"]
    (name,) = {words[2] for words in found if words[0] == "java"}
    jar = programs.OUTPUT / "openapi-generator" / name
    if not jar.exists():
        builds.download(builds.optional_program("mvn"), "--quiet", "--batch-mode", *download[1:-1],
                        f"-DoutputDirectory={jar.parent}")

    def generate(words):
        place = folder / generator_of(words)
        place.mkdir()
        (place / name).symlink_to(jar)
        (place / "openapi.json").symlink_to(folder / "openapi.json")
        builds.build(*words, cwd=place, env=os.environ | {"JAVA_TOOL_OPTIONS": QUICK_START})
        return generator_of(words), place

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(pool.map(generate, [words for words in found if words[0] == "java"]))


def test_the_page_shows_the_command_of_each_generator(dev):
    java = [generator_of(words) for words in commands(dev.url) if words[0] == "java"]
    assert java == list(OPENAPI_GENERATOR.values())
    requirements = (programs.ROOT / "tests" / "clients" / "requirements.txt").read_text().splitlines()
    (install,) = [words for words in commands(dev.url) if words[0] == "pip"]
    assert install[-1] in requirements


def assert_calls_succeed(admin, *command, **options):
    """Runs a program that creates a client and a user, asks for decisions, introspects and reads the policy and the audit log."""
    identity = admin.get("/api/me").json()["id"]
    arguments = [admin.url, admin.access_token, identity, api.unique_name("generated")]
    result = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout)
    assert found["secret"].startswith("rcs_")
    assert len(found["reset_code"]) > 20 and found["email"] is None
    assert found["denied"]["allowed"] is False and "missing" in found["denied"]["kinds"]
    assert found["allowed"]["allowed"] is True and "assignment" in found["allowed"]["kinds"]
    assert found["active"] is False
    roles = sorted(admin.get("/api/policy").json()["roles"])
    assert found["roles"] == roles and "admin" in roles
    assert found["change"] == f"user:{identity}"
    assert found["event"] == "log_in"
    assert found["me"] == "admin"
    return found


def test_the_generated_go_client_works(dev, admin, generated):
    go, place = builds.optional_program("go"), generated["go"]
    for name in ("go.mod", "go.sum", "calls.go"):
        shutil.copy(SOURCES / name, place)
    insert("page.go", program("Go", "go", dev.url), place)
    settings = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    builds.download(go, "mod", "download", cwd=place, env=settings)
    builds.build(go, "build", "-o", "calls", ".", cwd=place, env=settings)
    assert_calls_succeed(admin, place / "calls")


def python_settings(client):
    return programs.environment(PYTHONPATH=str(client), PYTHONDONTWRITEBYTECODE="1")


def test_the_generated_python_client_works(dev, admin, generated):
    place = generated["python"]
    (place / "page.py").write_text(program("Python", "python", dev.url))
    assert_calls_succeed(admin, programs.program("XTASK_PYTHON", "python3"), SOURCES / "calls_urllib3.py",
                         cwd=place, env=python_settings(place / "rolecall-python"))


def test_the_generated_typescript_client_works(dev, admin, generated):
    node, place = programs.program("XTASK_NODE", "node"), generated["typescript-fetch"]
    services.require_node_package("typescript")
    for name in ("calls.ts", "tsconfig.json"):
        shutil.copy(SOURCES / name, place)
    lines = program("TypeScript", "ts", dev.url).splitlines()
    insert("page.ts", "\n".join(line for line in lines if not line.startswith("import ")), place)
    imports = "".join(f"{line}\n" for line in lines if line.startswith("import "))
    (place / "page.ts").write_text(imports + (place / "page.ts").read_text())
    builds.build(node, services.NODE / "node_modules" / "typescript" / "bin" / "tsc", "-p", ".", cwd=place)
    assert_calls_succeed(admin, node, place / "dist" / "calls.js")


def test_the_generated_java_client_works(dev, admin, generated):
    builds.optional_program("javac")
    place = generated["java"]
    client = place / "rolecall-java"
    libraries = builds.java_libraries(client / "pom.xml", "java-generated", "-DincludeScope=compile")
    shutil.copy(SOURCES / "Calls.java", place)
    insert("Page.java", program("Java", "java", dev.url), place)
    sources = [*(client / "src" / "main" / "java").rglob("*.java"), place / "Calls.java", place / "Page.java"]
    builds.build("javac", "-nowarn", "-d", place / "classes", "-cp", libraries, *sources)
    assert_calls_succeed(admin, "java", "-cp", f"{place / 'classes'}{os.pathsep}{libraries}", "Calls")


def test_the_client_of_openapi_python_client_works(dev, admin, folder):
    python = programs.program("XTASK_PYTHON", "python3")
    (words,) = [words for words in commands(dev.url) if words[0] == "openapi-python-client"]
    # the generator formats its output with a program that is installed beside it
    settings = tours.shell_environment()
    warnings = builds.build(Path(python).parent / words[0], *words[1:], cwd=folder, env=settings)
    reasons = [line for line in warnings.splitlines() if line.startswith(("Unsupported", "ERROR", "Skipping", "Unable"))]
    assert reasons == ["Unsupported content type application/toml"] * 2, warnings
    (folder / "page.py").write_text(program("Python with HTTPX", "python", dev.url))
    found = assert_calls_succeed(admin, python, SOURCES / "calls_httpx.py", cwd=folder,
                                 env=python_settings(folder / "rolecall-httpx"))
    # a token of a password has nothing to say about its user
    assert found["reads"].pop("get_userinfo") == "Problem"
    # the pages lead to the sign-in
    for name in ("account", "events", "export", "factors", "own_password", "profile"):
        assert found["reads"].pop(f"get_{name}") == "NoneType", name
    for name in [name for name in found["reads"] if name.startswith("get_admin")]:
        # what says that there is an administrator already is a page too
        assert found["reads"].pop(name) in {"NoneType", "str"}, name
    assert len(found["reads"]) > 12 and set(found["reads"].values()).isdisjoint({"Problem", "OAuthError", "NoneType"})
