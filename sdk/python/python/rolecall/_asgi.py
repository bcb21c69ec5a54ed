"""Enforces rules on the routes of Starlette and FastAPI.

Each route class has one method that every request for the route goes through, `handle`. It is wrapped once, for the
classes, since FastAPI builds routes again when routers are included. The wrapper does nothing for an application that is
not protected.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import starlette.routing as routing
from starlette.concurrency import run_in_threadpool

from . import _rules
from ._guard import Guard
from ._paths import shown
from ._rolecall import Principal, Rule

_STATE = "rolecall.state"
_CALLER = "rolecall.caller"
# the route whose rule was checked last: FastAPI's class calls that of Starlette
_ROUTE = "rolecall.route"
# set below a guarded mount, whose rule covers what has none of its own
_COVERED = "rolecall.covered"
_UNSET = object()

App = Callable[[Any, Any, Any], Awaitable[None]]


class State:
    """A guard and what was found out about an application."""

    def __init__(self, app: Any, guard: Guard, docs: Rule) -> None:
        self.app = app
        self.guard = guard
        self.docs = docs
        # requests stop after the rule, for the test of the access matrix
        self.stops_after_rule = False
        self.fingerprint: Any = None

    def check(self) -> None:
        from . import UnguardedRoutes

        faults = _override_faults(self.app)
        faults += [fault for entry in entries(self.app, self.docs) for fault in entry.faults()]
        if faults:
            raise UnguardedRoutes(faults)
        self.fingerprint = fingerprint(self.app)

    def recheck(self) -> None:
        """Check again if routes or overrides were added since the last time."""
        if self.fingerprint != fingerprint(self.app):
            self.check()
        elif getattr(self.app, "dependency_overrides", None) and not self.guard._is_test:
            faults = _override_faults(self.app)
            if faults:
                from . import UnguardedRoutes

                raise UnguardedRoutes(faults)


def fingerprint(app: Any) -> Any:
    """Return what changes when a route is added to an application itself, without a walk over all routes."""
    router = app.router
    version = getattr(router, "_get_routes_version", None)
    default = getattr(router.default, "__func__", router.default)
    return (len(router.routes), version() if version else None, default)


class _Guarded:
    """An ASGI application or endpoint with a rule, for what is mounted."""

    def __init__(self, rule: Rule, app: Any) -> None:
        self.rolecall_rule = rule
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        state = scope.get(_STATE)
        if state is None:
            raise RuntimeError("a guarded application needs `protect(app, guard)` on the application around it")
        if await _enforce(state, self.rolecall_rule, scope, receive, send):
            return
        await self.app({**scope, _COVERED: True}, receive, send)


def guarded(rule: Any, app: Any) -> Any:
    """Give a rule to an ASGI application that is mounted, or to the endpoint of a plain route.

    `app.mount("/static", guarded(public, StaticFiles(directory="static")))`
    """
    found = rule if isinstance(rule, Rule) else getattr(getattr(rule, "dependency", None), "rule", None)
    if not isinstance(found, Rule):
        raise TypeError("the first argument is a rule: `public` or `require(...)`")
    if asyncio.iscoroutinefunction(app) or (callable(app) and hasattr(app, "__name__") and not isinstance(app, type)):
        app.rolecall_rule = found
        return app
    return _Guarded(found, app)


def caller(scope: Any) -> Principal | None:
    """Return the caller whom a route has checked."""
    found = scope.get(_CALLER, _UNSET)
    if found is _UNSET:
        raise RuntimeError("this route is not protected: call `protect(app, guard)` after all routes")
    return None if found is None else found


# the routes of an application


class Entry:
    """A route: its methods, its path, and its rules."""

    def __init__(self, methods: list[str], path: str, rules: list[Rule], handler: str, fault: str | None) -> None:
        self.methods = methods
        self.path = path
        self.rules = rules
        self.handler = handler
        self._fault = fault

    def faults(self) -> list[str]:
        name = f"{'/'.join(self.methods)} {self.path} ({self.handler})"
        if self._fault is not None:
            return [f"{name} {self._fault}"]
        if not self.rules:
            return [f"{name} has no access rule: add `require(...)`, or `public` if it is open on purpose"]
        try:
            combined = _rules.combine(self.rules)
        except ValueError as error:
            return [f"{name} {error}"]
        if "for_tenant" in combined.json and "{tenant}" not in self.path.replace("{tenant:", "{tenant}"):
            return [f"{name} compares the tenant of the path, which has no parameter `{{tenant}}`"]
        return []


def entries(app: Any, docs: Rule, prefix: str = "") -> Iterator[Entry]:
    """Return every route of an application, with those of included routers and mounted applications."""
    router = getattr(app, "router", app)
    own = {prefix + path for path in _documentation_paths(app)}
    for route, context in _with_contexts(router):
        yield from _entries_of(route, context, own, docs, prefix)
    default = getattr(router, "default", None)
    if default is not None and getattr(default, "__func__", None) is not routing.Router.not_found:
        rule = getattr(default, "rolecall_rule", None)
        fault = None if rule is not None else "answers what no route answers: wrap it with `guarded(rule, app)`"
        yield Entry(["ANY"], prefix + "/{*rest}", [rule] if rule else [], _name(default), fault)


def _with_contexts(router: Any) -> Iterator[tuple[Any, Any]]:
    try:
        from fastapi.routing import _iter_routes_with_context  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        # older versions copy the routes of included routers
        for route in router.routes:
            yield route, None
        return
    yield from _iter_routes_with_context(router.routes)
    if hasattr(router, "_iter_low_priority_routes"):
        for route in router._iter_low_priority_routes():
            original = getattr(route, "original_route", None)
            yield (route, None) if original is None else (original, route)


def _entries_of(route: Any, context: Any, own: set[str], docs: Rule, prefix: str) -> Iterator[Entry]:
    actual = getattr(context, "starlette_route", None) or context or route
    # a host has no path
    path = prefix + (getattr(actual, "path", None) or "")
    if isinstance(route, (routing.Mount, routing.Host)):
        inner = _mounted(route)
        if getattr(inner, "rolecall_rule", None) is None and hasattr(inner, "routes") and hasattr(inner, "router"):
            yield from entries(inner, docs, path)
            return
        if isinstance(inner, routing.Router):
            yield from entries(inner, docs, path)
            return
        rules = _rules_of(route, context)
        fault = None if rules else "is a mounted application without an access rule: wrap it with `guarded(rule, app)`"
        yield Entry(["ANY"], f"{path}/{{path:path}}", rules, _name(inner), fault)
        return
    methods = sorted(getattr(actual, "methods", None) or [])
    if "GET" in methods and "HEAD" in methods:
        methods.remove("HEAD")
    if isinstance(route, routing.WebSocketRoute):
        methods = ["WEBSOCKET"]
    handler = getattr(actual, "endpoint", None)
    rules = _rules_of(route, context)
    if not rules and path in own:
        rules = [docs]
    nested = getattr(route, "routes", None)
    if path == prefix and isinstance(nested, list) and nested:
        # a group of front ends
        start = getattr(context, "frontend_prefix", "")
        for one in nested:
            yield Entry(["GET"], f"{prefix}{start}{one.path}", rules, "frontend", _fault(route))
        return
    yield Entry(methods or ["ANY"], path, rules, _name(handler or route), _fault(route))


def _fault(route: Any) -> str | None:
    if not getattr(type(route).handle, "rolecall_wraps", False):
        return f"is a {type(route).__qualname__} with a `handle` of its own, before which no rule can be checked"
    return None


def _mounted(route: Any) -> Any:
    return getattr(route, "_base_app", None) or route.app


def _name(handler: Any) -> str:
    return getattr(handler, "__name__", None) or type(handler).__name__


def _documentation_paths(app: Any) -> set[str]:
    names = ("openapi_url", "docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
    return {path for path in (getattr(app, name, None) for name in names) if path}


def _rules_of(route: Any, context: Any) -> list[Rule]:
    """Return the rules that the dependencies of a route state, those of its routers included."""
    actual = getattr(context, "starlette_route", None) or context or route
    rules: list[Rule] = []
    dependant = getattr(actual, "dependant", None)
    if dependant is not None:
        _collect(dependant, rules)
    for holder in (getattr(actual, "endpoint", None), getattr(route, "app", None), getattr(route, "_base_app", None)):
        rule = getattr(holder, "rolecall_rule", None)
        if isinstance(rule, Rule):
            rules.append(rule)
    return list(dict.fromkeys(rules))


def _collect(dependant: Any, rules: list[Rule]) -> None:
    rule = getattr(dependant.call, "rule", None)
    if isinstance(rule, Rule):
        rules.append(rule)
    for inner in dependant.dependencies:
        _collect(inner, rules)


def _override_faults(app: Any) -> list[str]:
    overrides = getattr(app, "dependency_overrides", None) or {}
    state = getattr(app, "_rolecall", None)
    if state is not None and state.guard._is_test:
        return []
    names = [repr(one) for one in overrides if isinstance(getattr(one, "rule", None), Rule)]
    return [f"`app.dependency_overrides` replaces {name}: use `rolecall.testing.TestIssuer` in tests" for name in names]


# requests


async def _enforce(state: State, rule: Rule, scope: Any, receive: Any, send: Any) -> bool:
    """Apply a rule to a request; returns true if the request was answered."""
    core = state.guard._core
    tenant = scope.get("path_params", {}).get("tenant")
    headers = scope["headers"]
    principal, answer, waits = core.check_asgi(rule, headers, tenant)
    if waits and principal is not None:
        await run_in_threadpool(core.wait, principal)
        principal, answer, _ = core.check_asgi(rule, headers, tenant)
    if answer is not None:
        await _send(answer.status, answer.headers, answer.body, scope, receive, send)
        return True
    if state.stops_after_rule:
        await _send(204, [], b"", scope, receive, send)
        return True
    scope[_CALLER] = principal
    return False


async def _send(
    status: int, headers: list[tuple[str, str]], body: bytes, scope: Any, receive: Any, send: Any
) -> None:
    prefix = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            # the server answers 403
            await send({"type": "websocket.close", "code": 1008})
            return
        prefix = "websocket."
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": encoded})
    await send({"type": f"{prefix}http.response.body", "body": body})


_UNGUARDED = b'{"detail":"internal error","status":500,"title":"Internal Server Error","type":"urn:rolecall:problem:internal"}'


async def _send_unguarded(scope: Any, receive: Any, send: Any) -> None:
    headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("content-length", str(len(_UNGUARDED))),
    ]
    await _send(500, headers, _UNGUARDED, scope, receive, send)


def _context_of(route: Any, scope: Any) -> Any:
    context = scope.get("fastapi", {}).get("effective_route_context")
    return context if context is not None and getattr(context, "original_route", None) is route else None


def _cached_rule(route: Any, context: Any, scope: Any, state: State) -> Rule | None:
    holder = route if context is None else context
    cached = holder.__dict__.get("_rolecall_rule", _UNSET)
    if cached is not _UNSET:
        return cached  # type: ignore[no-any-return]
    rules = _rules_of(route, context)
    if not rules and getattr(route, "path", None) in _documentation_paths(scope.get("app")):
        rules = [state.docs]
    rule = _rules.combine(rules) if rules else None
    holder.__dict__["_rolecall_rule"] = rule
    return rule


def _wrap(cls: Any) -> None:
    original = cls.__dict__["handle"]

    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        state = scope.get(_STATE)
        if state is None or scope.get(_ROUTE) is self:
            await original(self, scope, receive, send)
            return
        context = _context_of(self, scope)
        methods = getattr(self if context is None else context, "methods", None)
        if methods and scope["type"] == "http" and scope["method"] not in methods:
            # 405 comes before authentication: the methods are not secret
            await original(self, scope, receive, send)
            return
        rule = _cached_rule(self, context, scope, state)
        if rule is None and scope.get(_COVERED):
            await original(self, scope, receive, send)
            return
        if rule is None:
            import logging

            logging.getLogger("rolecall").error("a route has no access rule: %s", getattr(self, "path", self))
            await _send_unguarded(scope, receive, send)
            return
        if not await _enforce(state, rule, scope, receive, send):
            scope[_ROUTE] = self
            await original(self, scope, receive, send)

    handle.rolecall_wraps = True  # type: ignore[attr-defined]
    cls.handle = handle


def _wrap_mount(cls: Any) -> None:
    original = cls.__dict__["handle"]

    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        inner = _mounted(self)
        is_router = isinstance(inner, routing.Router) or (hasattr(inner, "routes") and hasattr(inner, "router"))
        if scope.get(_STATE) is not None and not scope.get(_COVERED) and not is_router:
            if not isinstance(getattr(inner, "rolecall_rule", None), Rule):
                await _send_unguarded(scope, receive, send)
                return
        await original(self, scope, receive, send)

    handle.rolecall_wraps = True  # type: ignore[attr-defined]
    cls.handle = handle


def _install() -> None:
    if getattr(routing.Route.handle, "rolecall_wraps", False):
        return
    _wrap(routing.Route)
    _wrap(routing.WebSocketRoute)
    _wrap_mount(routing.Mount)
    _wrap_mount(routing.Host)
    try:
        import fastapi.routing as fastapi_routing
    except ImportError:
        return
    for name in ("APIRoute", "APIWebSocketRoute", "_FrontendRouteGroup"):
        cls = getattr(fastapi_routing, name, None)
        if cls is not None and "handle" in cls.__dict__:
            _wrap(cls)


def protect(app: Any, guard: Guard, docs: Rule) -> None:
    """Let `guard` check every route of an application."""
    if getattr(app, "_rolecall", None) is not None:
        raise RuntimeError("this application is protected already")
    _install()
    state = State(app, guard, docs)
    state.check()
    app._rolecall = state
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: _outermost(state, build())
    app.middleware_stack = None


def _outermost(state: State, inner: App) -> App:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            try:
                state.recheck()
            except Exception as error:
                await receive()
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
        else:
            state.recheck()
            scope[_STATE] = state
        await inner(scope, receive, send)

    return application


# the access matrix


def access_routes(app: Any) -> list[tuple[str, str, Rule, str]]:
    """Return every route of a protected application: method, path, rule and handler."""
    return [(method, shown(path), rule, handler) for method, path, rule, handler in _written_routes(app)]


def _written_routes(app: Any) -> list[tuple[str, str, Rule, str]]:
    """Return every route, with its path as the application writes it."""
    state = _state(app)
    routes = []
    for entry in entries(app, state.docs):
        rule = _rules.combine(entry.rules)
        for method in entry.methods:
            routes.append((method, entry.path, rule, entry.handler))
    return routes


def _state(app: Any) -> State:
    state = getattr(app, "_rolecall", None)
    if not isinstance(state, State):
        raise RuntimeError("call `protect(app, guard)` first")
    return state


def assert_access_matrix(app: Any, lock_file: str | os.PathLike[str], roles: Sequence[str]) -> None:
    """Compare the access matrix with the committed file, and request every cell. No handler runs."""
    from .testing import check_access_matrix

    state = _state(app)
    routes = _written_routes(app)
    state.stops_after_rule = True
    try:
        check_access_matrix(routes, state.guard, lock_file, roles, lambda *cell: _request(app, *cell))
    finally:
        state.stops_after_rule = False


def _request(app: Any, method: str, path: str, token: str | None) -> tuple[int, str | None]:
    """Request a route without a server, and return status and challenge."""
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    is_socket = method == "WEBSOCKET"
    scope: dict[str, Any] = {
        "type": "websocket" if is_socket else "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET" if method == "ANY" else method,
        "scheme": "ws" if is_socket else "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
        "server": ("testserver", 80),
        "client": ("testclient", 50000),
        "extensions": {"websocket.http.response": {}},
    }
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect" if is_socket else "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"].endswith("http.response.start"):
            answers.append(message)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(app(scope, receive, send))
    finally:
        loop.close()
    found = {name.lower(): value for name, value in answers[0].get("headers", [])}
    challenge = found.get(b"www-authenticate")
    return answers[0]["status"], None if challenge is None else challenge.decode("latin-1")
