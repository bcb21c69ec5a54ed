"""Access rules for FastAPI.

    Admin = Annotated[Principal, require(role="admin")]

    @app.get("/items/")
    def read_items(caller: Admin): ...

    @app.get("/health", dependencies=[public])
    def health(): ...

    protect(app, Guard("https://login.example", client=(ID, SECRET)))

`protect` checks the rule of a route before the body is read and before other dependencies run. It refuses an application
with a route without a rule: now, and again when the application starts. A route that is added later has no rule that was
checked, and answers 500.
"""

# no deferred annotations: older FastAPI cannot resolve those of an instance
import os
from collections.abc import Sequence
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.params import Depends as DependsParam
from starlette.requests import HTTPConnection

from . import _asgi, _rules
from ._asgi import guarded
from ._guard import Guard
from ._openapi import document
from ._rolecall import Principal, Rule
from ._rules import rule as _rule

__all__ = [
    "Guard",
    "Principal",
    "RoleChecker",
    "access_routes",
    "assert_access_matrix",
    "guarded",
    "optional",
    "protect",
    "public",
    "require",
]


class Requirement:
    """A dependency that states the rule of a route and returns the caller."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    async def __call__(self, connection: HTTPConnection) -> Any:
        """Return the caller, whom the route has checked already."""
        return _asgi.caller(connection.scope)

    def __repr__(self) -> str:
        return f"require({self.rule})"


class RoleChecker(Requirement):
    """The class of the tutorial: `Depends(RoleChecker(["admin"]))` needs one of the roles and returns the caller."""

    def __init__(self, allowed_roles: Sequence[str]) -> None:
        if isinstance(allowed_roles, str):
            raise TypeError('write a list: RoleChecker(["admin"])')
        roles = [_rules.role(name) for name in allowed_roles]
        super().__init__(roles[0] if len(roles) == 1 else _rules.any_of(*roles))


def require(
    rule: Rule | None = None,
    *,
    role: str | None = None,
    permission: str | None = None,
    any_role: Sequence[str] | None = None,
    tenant: str | None = None,
    fresh: int | None = None,
) -> Any:
    """Return a dependency that needs a rule and gives the caller: `Annotated[Principal, require(role="admin")]`.

    Without arguments, any valid token is enough. See `rolecall.rule` for the keywords.
    """
    if rule is None:
        rule = _rule(role=role, permission=permission, any_role=any_role, tenant=tenant, fresh=fresh)
    elif any(value is not None for value in (role, permission, any_role, tenant, fresh)):
        raise TypeError("pass a rule or keywords, not both")
    return Depends(Requirement(rule))


public: Any = Depends(Requirement(_rules.public))
"""The dependency of an open route: `dependencies=[public]`."""

optional: Any = Depends(Requirement(_rules.optional))
"""The dependency of an open route that identifies callers with a token: `Annotated[Principal | None, optional]`."""


def rule_of_dependency(dependency: Any) -> Rule | None:
    """Return the rule of what `require` returned, or of a rule itself."""
    if isinstance(dependency, Rule):
        return dependency
    if isinstance(dependency, DependsParam):
        dependency = dependency.dependency
    return dependency.rule if isinstance(dependency, Requirement) else None


def protect(app: FastAPI, guard: Guard, *, docs: Any = public) -> None:
    """Let `guard` check every route of an application, and refuse one with an unguarded route.

    Call it last, after all routes. `docs` is the rule of the pages of FastAPI itself (`/docs`, `/redoc`,
    `/openapi.json`): `public` by default, `require(role="admin")` to guard them.

    Raises `UnguardedRoutes`, which lists every fault.
    """
    docs_rule = rule_of_dependency(docs)
    if docs_rule is None:
        raise TypeError("docs is a rule: `public` or `require(...)`")
    _asgi.protect(app, guard, docs_rule)
    document(app)


def access_routes(app: FastAPI) -> list[tuple[str, str, Rule, str]]:
    """Return every route of an application: method, path, rule and handler."""
    return _asgi.access_routes(app)


def assert_access_matrix(app: FastAPI, lock_file: str | os.PathLike[str], roles: Sequence[str]) -> None:
    """Compare the access matrix with the committed file, and request every cell. No handler runs."""
    _asgi.assert_access_matrix(app, lock_file, roles)
