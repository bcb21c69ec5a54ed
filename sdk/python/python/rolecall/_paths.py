"""Paths of frameworks: how the matrix writes them, and a path that matches."""

from __future__ import annotations

import re

# the value that the test of the matrix sends, which is also the tenant of its tokens
_VALUE = "rolecall-test"
_SAMPLES = {"int": "1", "float": "1.5", "uuid": "00000000-0000-4000-8000-000000000000"}
_BRACES = re.compile(r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}")
_ANGLES = re.compile(r"<(?:(?P<kind>\w+)(?:\((?P<arguments>[^)]*)\))?:)?(?P<name>\w+)>")


def shown(path: str) -> str:
    """Return a path as the matrix writes it: `/items/<int:id>` and `/items/{id:int}` are `/items/{id}`."""

    def parameter(match: re.Match[str]) -> str:
        star = "*" if match["kind"] == "path" else ""
        return f"{{{star}{match['name']}}}"

    return _ANGLES.sub(parameter, _BRACES.sub(parameter, path))


def requested(path: str) -> str:
    """Return the path that the test of the matrix asks for."""
    return re.sub(r"\{[^}]*\}", _VALUE, shown(path))


def sample(path: str) -> str:
    """Return a path that the framework matches: with a number where the path has `int`."""

    def parameter(match: re.Match[str]) -> str:
        arguments = match.groupdict().get("arguments")
        if match["kind"] == "any" and arguments:
            return arguments.split(",")[0].strip(" '\"")
        return _SAMPLES.get(match["kind"] or "", _VALUE)

    return _ANGLES.sub(parameter, _BRACES.sub(parameter, path))
