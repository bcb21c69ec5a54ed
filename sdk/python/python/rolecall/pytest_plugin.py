"""Fixtures for pytest: `test_issuer` and `assert_access_matrix`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .testing import TestIssuer
from .testing import assert_access_matrix as _assert_access_matrix


@pytest.fixture
def test_issuer() -> TestIssuer:
    """An issuer in memory; `with test_issuer.accepted_by(guard):` makes a guard accept its tokens."""
    return TestIssuer()


@pytest.fixture
def assert_access_matrix() -> Callable[..., None]:
    """Compare the access matrix with a file, and request every cell."""
    return _assert_access_matrix
