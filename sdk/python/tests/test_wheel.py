"""The wheel in an empty virtual environment: the library, and the program of the server."""

import os
import subprocess
import venv
from urllib.request import urlopen

import pytest

WHEEL = os.environ.get("XTASK_WHEEL")


@pytest.mark.skipif(WHEEL is None, reason="XTASK_WHEEL names no wheel")
def test_the_wheel_brings_the_library_and_the_server(tmp_path):
    venv.create(tmp_path / "empty", with_pip=True)
    programs = tmp_path / "empty" / "bin"
    install = [programs / "python", "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", WHEEL]
    subprocess.run(install, check=True)
    imported = subprocess.run(
        [programs / "python", "-c", "import rolecall; print(rolecall.role('admin'))"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )
    assert imported.stdout == "role:admin\n"
    version = subprocess.run([programs / "rolecall", "--version"], check=True, capture_output=True, text=True)
    assert version.stdout.startswith("rolecall ")
    data = tmp_path / "data"
    data.mkdir()
    dev = subprocess.Popen(
        [programs / "rolecall", "dev", "--listen", "127.0.0.1:0"], cwd=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        address = None
        lines = []
        while address is None:
            line = dev.stdout.readline()
            lines.append(line)
            assert line, "".join(lines)
            for word in line.replace('"', " ").split():
                if word.startswith("http://127.0.0.1:"):
                    address = "/".join(word.split("/")[:3]).rstrip(".,")
        with urlopen(f"{address}/.well-known/oauth-authorization-server", timeout=20) as answer:
            assert b"jwks_uri" in answer.read()
    finally:
        dev.terminate()
        dev.wait(20)
