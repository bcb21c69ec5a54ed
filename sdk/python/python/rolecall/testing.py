"""Tests without a server: an issuer in memory, and the test of the access matrix."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import _rolecall
from ._guard import Guard
from ._paths import requested, sample, shown
from ._rolecall import Rule

Route = tuple[str, str, Rule, str]
Send = Callable[[str, str, "str | None"], "tuple[int, str | None]"]


class TestIssuer:
    """An issuer of access tokens in memory, with its own key and clock (2030-01-01)."""

    # pytest must not take this class for tests
    __test__ = False

    URL = _rolecall.TestIssuer.URL

    def __init__(self) -> None:
        self._issuer = _rolecall.TestIssuer()

    def guard(self) -> Guard:
        """Return a guard that accepts the tokens of this issuer."""
        return Guard._of(self._issuer.core())

    def token(
        self,
        username: str = "alice",
        *,
        roles: Sequence[str] = (),
        permissions: Sequence[str] = (),
        tenant: str | None = None,
        client: bool = False,
        expired: bool = False,
        signed_in_ago: int | None = None,
        rev: int = 0,
        claims: dict[str, Any] | None = None,
    ) -> str:
        """Return a signed access token. `claims` adds or replaces claims; `None` removes one."""
        return self._issuer.sign(
            username,
            list(roles),
            list(permissions),
            tenant,
            client,
            expired,
            signed_in_ago,
            rev,
            None if claims is None else json.dumps(claims),
        )

    def headers(self, username: str = "alice", **token: Any) -> dict[str, str]:
        """Return the headers of a request with such a token."""
        return {"Authorization": f"Bearer {self.token(username, **token)}"}

    def jwks(self) -> dict[str, Any]:
        """Return the JWK Set of the issuer, for a server of a test that plays it."""
        found: dict[str, Any] = json.loads(self._issuer.jwks())
        return found

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._issuer.advance(seconds)

    def revoke(self, kind: str, key: str, *, revision: int = 1, tenant: str | None = None) -> None:
        """End tokens below a revision: those of a `subject`, `client`, `role`, `sid` or `jti`."""
        self._issuer.raise_floor(kind, key, revision, tenant)

    @contextmanager
    def accepted_by(self, guard: Guard) -> Iterator[TestIssuer]:
        """Let the guard of an application accept the tokens of this issuer, and no others, for a while."""
        core, is_test = guard._core, guard._is_test
        guard._core, guard._is_test = self._issuer.core(), True
        try:
            yield self
        finally:
            guard._core, guard._is_test = core, is_test


def check_access_matrix(
    routes: list[Route], guard: Guard, lock_file: str | os.PathLike[str], roles: Sequence[str], send: Send
) -> None:
    """Compare the matrix of routes with a file and request every cell; the functions of the frameworks call it.

    The paths of `routes` are as the framework writes them.

    `ROLECALL_BLESS=1` writes the file.
    """
    issuer = TestIssuer()
    bless = os.environ.get("ROLECALL_BLESS") == "1"
    paths = {(method, requested(path)): sample(path) for method, path, _, _ in routes}
    listed = [(method, shown(path), rule, handler) for method, path, rule, handler in routes]

    def send_sample(method: str, path: str, token: str | None) -> tuple[int, str | None]:
        return send(method, paths[method, path], token)

    with issuer.accepted_by(guard):
        _rolecall.check_matrix(listed, list(roles), lock_file, bless, issuer._issuer, send_sample)


def assert_access_matrix(app: Any, lock_file: str | os.PathLike[str], roles: Sequence[str]) -> None:
    """Compare the access matrix of an application with the committed file, and request every cell.

    The application is a FastAPI, Flask or Django one that `protect` guards. No handler runs.
    """
    module = type(app).__module__.split(".")[0]
    names = {base.__module__.split(".")[0] for base in type(app).__mro__} | {module}
    if "flask" in names:
        from . import flask

        flask.assert_access_matrix(app, lock_file, roles)
    elif "django" in names:
        from . import django

        django.assert_access_matrix(app, lock_file, roles)
    else:
        from . import fastapi

        fastapi.assert_access_matrix(app, lock_file, roles)
