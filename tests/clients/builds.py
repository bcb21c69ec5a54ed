"""Gets libraries, and compiles the programs that use them."""

import shutil
import subprocess

import pytest

import programs


def optional_program(name):
    """A program that `cargo xtask test` does not install, so that its absence is no failure."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"`{name}` is not installed")
    return path


def download(*command, **options):
    """Gets the libraries of a program. Without them there is nothing to test."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if result.returncode != 0:
        pytest.skip(f"the libraries are not available: {(result.stdout + result.stderr).strip()[-300:]}")


def build(*command, **options):
    """Runs a compiler or a generator, which must succeed, and returns what it printed."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def java_libraries(pom, name, *options):
    """A class path of the libraries in `pom`, which Maven downloads once for each version of the list."""
    folder = programs.OUTPUT / name
    installed = folder / "installed.xml"
    if not installed.exists() or installed.read_text() != pom.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        download(optional_program("mvn"), "--quiet", "--batch-mode", "--file", pom, "dependency:copy-dependencies",
                 f"-DoutputDirectory={folder}", *options)
        shutil.copy(pom, installed)
    return f"{folder}/*"
