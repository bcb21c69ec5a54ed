"""Access rules for Flask.

    @app.get("/items/")
    @require(role="admin")
    def read_items():
        return [{"item_id": "Foo", "owner": caller().username}]

    @app.get("/health")
    @public
    def health(): ...

    protect(app, Guard("https://login.example", client=(ID, SECRET)))

`protect` checks the rule of a route before everything else that runs for a request. It refuses an application with a route
without a rule: now, and before the first request is answered.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from flask import Flask, Response, g, has_request_context, request

from . import _rules
from ._guard import Guard
from ._paths import shown
from ._rolecall import Answer, Principal, Rule
from ._rules import rule as _rule

__all__ = [
    "Guard",
    "Principal",
    "access_routes",
    "assert_access_matrix",
    "caller",
    "guarded",
    "optional",
    "protect",
    "public",
    "require",
]

View = TypeVar("View", bound=Callable[..., Any])
_EXTENSION = "rolecall"


def guarded(rule: Rule) -> Callable[[View], View]:
    """Return a decorator that gives a rule to a view, or to a method of a `MethodView`. Put it below the route."""

    def decorate(view: View) -> View:
        known = list(getattr(view, "rolecall_rules", ()))
        view.rolecall_rules = [*known, rule]  # type: ignore[attr-defined]
        return view

    return decorate


def require(
    *,
    role: str | None = None,
    permission: str | None = None,
    any_role: Sequence[str] | None = None,
    tenant: str | None = None,
    fresh: int | None = None,
) -> Callable[[View], View]:
    """Return a decorator that needs a rule. See `rolecall.rule` for the keywords."""
    return guarded(_rule(role=role, permission=permission, any_role=any_role, tenant=tenant, fresh=fresh))


def public(view: View) -> View:
    """Open a view on purpose."""
    return guarded(_rules.public)(view)


def optional(view: View) -> View:
    """Open a view that identifies callers with a token."""
    return guarded(_rules.optional)(view)


def caller() -> Principal:
    """Return the caller of the request. For a view with `optional`, use `g.get("caller")`."""
    found = g.get("caller") if has_request_context() else None
    if not isinstance(found, Principal):
        raise RuntimeError("this view has no caller: give it a rule with `require`, and call `protect(app, guard)`")
    return found


class _State:
    def __init__(self, app: Flask, guard: Guard, static: Rule | None) -> None:
        self.app = app
        self.guard = guard
        self.static = static
        self.stops_after_rule = False
        self.checked: tuple[int, Any] | None = None

    def rules_of(self, endpoint: str, method: str) -> list[Rule]:
        view = self.app.view_functions.get(endpoint)
        if view is None:
            return []
        rules = list(getattr(view, "rolecall_rules", ()))
        view_class = getattr(view, "view_class", None)
        handler = getattr(view_class, method.lower(), None)
        if handler is None and method == "HEAD":
            handler = getattr(view_class, "get", None)
        rules += getattr(handler, "rolecall_rules", ())
        is_static = endpoint == "static" or endpoint.endswith(".static")
        if not rules and is_static and self.static is not None:
            rules.append(self.static)
        return list(dict.fromkeys(rules))

    def rule_of(self, endpoint: str, method: str) -> Rule | None:
        rules = self.rules_of(endpoint, method)
        return _rules.combine(rules) if rules else None

    def routes(self) -> Iterator[tuple[str, str, str]]:
        """Return method, path and endpoint of each route, without the automatic OPTIONS and HEAD."""
        for route in self.app.url_map.iter_rules():
            methods = sorted(route.methods or {"GET"})
            for method in methods:
                if method == "HEAD" and "GET" in methods:
                    continue
                if method == "OPTIONS" and getattr(route, "provide_automatic_options", False):
                    continue
                yield method, route.rule, route.endpoint

    def check(self) -> None:
        from . import UnguardedRoutes

        faults = []
        for method, path, endpoint in self.routes():
            rules = self.rules_of(endpoint, method)
            name = f"{method} {path} ({endpoint})"
            if not rules and endpoint == "static" and not _has_files(self.app.static_folder):
                continue
            if not rules:
                way = "pass `static=public` to `protect`" if endpoint.endswith("static") else "add `@require(...)`, or `@public`"
                faults.append(f"{name} has no access rule: {way}")
                continue
            try:
                combined = _rules.combine(rules)
            except ValueError as error:
                faults.append(f"{name} {error}")
                continue
            if "for_tenant" in combined.json and "{tenant}" not in shown(path):
                faults.append(f"{name} compares the tenant of the path, which has no parameter `<tenant>`")
        wrapper = type(self.app.wsgi_app).__name__
        if wrapper in ("DispatcherMiddleware", "SharedDataMiddleware"):
            faults.append(f"`app.wsgi_app` is a {wrapper}, which answers requests before any rule is checked")
        if faults:
            raise UnguardedRoutes(faults)
        self.checked = self.fingerprint()

    def fingerprint(self) -> tuple[int, Any]:
        # a further path to a known view has the rule of that view
        wsgi_app = self.app.wsgi_app
        return (len(self.app.view_functions), getattr(wsgi_app, "__func__", wsgi_app))

    def before_request(self) -> Response | None:
        if self.checked != self.fingerprint():
            self.check()
        url_rule = request.url_rule
        if url_rule is None:
            # 404 or 405
            return None
        if request.method == "OPTIONS" and getattr(url_rule, "provide_automatic_options", False):
            # Flask answers with the methods, and no view runs
            return None
        rule = self.rule_of(url_rule.endpoint, request.method)
        if rule is None:
            logging.getLogger("rolecall").error("a route has no access rule: %s", url_rule.rule)
            return Response("internal error", status=500)
        values = [value.encode("latin-1", "replace") for value in _authorizations(request.environ)]
        tenant = (request.view_args or {}).get("tenant")
        found = self.guard.check(rule, values, None if tenant is None else str(tenant))
        if isinstance(found, Answer):
            return Response(found.body, status=found.status, headers=found.headers)
        if self.stops_after_rule:
            return Response(status=204)
        g.caller = found
        return None


def _authorizations(environ: dict[str, Any]) -> list[str]:
    """Return the values of `Authorization`; servers join several with a comma, which no token contains."""
    value = environ.get("HTTP_AUTHORIZATION")
    if value is None:
        return []
    first, comma, second = value.partition(",")
    # a comma is never part of a credential with a token: two headers that the server joined
    return [first, second] if comma and first.strip().lower().startswith(("bearer ", "basic ")) else [value]


def _has_files(folder: str | os.PathLike[str] | None) -> bool:
    return folder is not None and os.path.isdir(folder)


def protect(app: Flask, guard: Guard, *, static: Rule | None = None) -> None:
    """Let `guard` check every route of an application, and refuse one with an unguarded route.

    Call it last, after all blueprints. `static` is the rule of Flask's own static files, such as `rolecall.public`; it is
    needed if their folder exists.

    Raises `UnguardedRoutes`, which lists every fault.
    """
    if _EXTENSION in app.extensions:
        raise RuntimeError("this application is protected already")
    state = _State(app, guard, static)
    state.check()
    app.extensions[_EXTENSION] = state
    # first of all, so that nothing else runs for a caller who is refused
    app.before_request_funcs.setdefault(None, []).insert(0, state.before_request)


def _state(app: Flask) -> _State:
    state = app.extensions.get(_EXTENSION)
    if not isinstance(state, _State):
        raise RuntimeError("call `protect(app, guard)` first")
    return state


def access_routes(app: Flask) -> list[tuple[str, str, Rule, str]]:
    """Return every route of a protected application: method, path, rule and handler."""
    return [(method, shown(path), rule, handler) for method, path, rule, handler in _written_routes(app)]


def _written_routes(app: Flask) -> list[tuple[str, str, Rule, str]]:
    state = _state(app)
    found = []
    for method, path, endpoint in state.routes():
        rule = state.rule_of(endpoint, method)
        if rule is not None:
            found.append((method, path, rule, endpoint))
    return found


def assert_access_matrix(app: Flask, lock_file: str | os.PathLike[str], roles: Sequence[str]) -> None:
    """Compare the access matrix with the committed file, and request every cell. No view runs."""
    from .testing import check_access_matrix

    state = _state(app)
    client = app.test_client()

    def send(method: str, path: str, token: str | None) -> tuple[int, str | None]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = client.open(path, method=method, headers=headers)
        return answer.status_code, answer.headers.get("WWW-Authenticate")

    state.stops_after_rule = True
    try:
        check_access_matrix(_written_routes(app), state.guard, lock_file, roles, send)
    finally:
        state.stops_after_rule = False
