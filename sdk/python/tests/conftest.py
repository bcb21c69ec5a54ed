import json
from pathlib import Path

import pytest

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"


@pytest.fixture(scope="session")
def conformance():
    return lambda name: json.loads((CONFORMANCE / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def lock_file():
    return CONFORMANCE / "app" / "access.lock"


def without_comments(text):
    return [line for line in text.splitlines() if not line.startswith("#")]
