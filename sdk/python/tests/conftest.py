import json
import time
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


def until(holds, seconds=20):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never holds"
        time.sleep(0.01)
