"""Access rules for Django, and authentication for Django REST framework.

    MIDDLEWARE = ["rolecall.django.RolecallMiddleware", ...]
    ROLECALL = {"GUARD": "myproject.security.guard"}

    @require(role="admin")
    def read_items(request):
        return JsonResponse({"owner": request.caller.username})

The middleware checks the rule of a view before other middlewares see the view, and refuses to start while a URL pattern has
no rule. `guarded(rule, include(...))` gives a rule to patterns of another package, such as the admin site.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.decorators import sync_and_async_middleware
from django.utils.module_loading import import_string

from . import _rules
from ._guard import Guard
from ._paths import shown
from ._rolecall import Answer, Principal, Rule
from ._rules import rule as _rule

__all__ = [
    "Guard",
    "Principal",
    "RolecallMiddleware",
    "access_routes",
    "assert_access_matrix",
    "check_urls",
    "guard",
    "guarded",
    "optional",
    "public",
    "require",
]

View = TypeVar("View", bound=Callable[..., Any])
# `head` and `trace` only where a class defines them
_METHODS = ("get", "post", "put", "patch", "delete", "head", "trace")
_stops_after_rule = False


def _decorate(rule: Rule) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.rolecall_rules = [*getattr(view, "rolecall_rules", ()), rule]  # type: ignore[attr-defined]
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
    """Return a decorator that needs a rule: for a view, a view class, or one method of it. See `rolecall.rule`."""
    return _decorate(_rule(role=role, permission=permission, any_role=any_role, tenant=tenant, fresh=fresh))


def public(view: View) -> View:
    """Open a view on purpose."""
    return _decorate(_rules.public)(view)


def optional(view: View) -> View:
    """Open a view that identifies callers with a token."""
    return _decorate(_rules.optional)(view)


def guarded(rule: Rule, patterns: Any) -> Any:
    """Give a rule to all URL patterns of `include(...)` or of a list: `path("admin/", guarded(rule, admin.site.urls))`."""
    listed = patterns[0] if isinstance(patterns, tuple) else patterns
    listed = getattr(listed, "urlpatterns", listed)
    for pattern in listed or ():
        if isinstance(pattern, URLResolver):
            guarded(rule, pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            pattern.callback = _with_rule(rule, pattern.callback)
    return patterns


def _with_rule(rule: Rule, view: Any) -> Any:
    # the view may be at other URLs too, with other rules
    @functools.wraps(view)
    def with_rule(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    with_rule.rolecall_rules = [*getattr(view, "rolecall_rules", ()), rule]  # type: ignore[attr-defined]
    return with_rule


def guard() -> Guard:
    """Return the guard that `ROLECALL["GUARD"]` names."""
    found = getattr(settings, "ROLECALL", {}).get("GUARD")
    if isinstance(found, str):
        found = import_string(found)
    if not isinstance(found, Guard):
        raise RuntimeError('ROLECALL = {"GUARD": ...} names no guard: write the path of a `rolecall.Guard`')
    return found


def _rules_of(view: Any, method: str) -> list[Rule]:
    rules = list(getattr(view, "rolecall_rules", ()))
    view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if view_class is not None:
        rules += getattr(view_class, "rolecall_rules", ())
        # `@method_decorator(require(...), name="dispatch")`
        rules += getattr(getattr(view_class, "dispatch", None), "rolecall_rules", ())
        # the actions of a view set, which answers HEAD as GET, and adds it only when it first runs
        actions = getattr(view, "actions", None) or {}
        name = actions.get(method.lower()) or (method == "HEAD" and actions.get("get")) or method.lower()
        handler = getattr(view_class, name, None)
        if handler is None and method == "HEAD":
            handler = getattr(view_class, "get", None)
        rules += getattr(handler, "rolecall_rules", ())
    return list(dict.fromkeys(rules))


def _methods_of(view: Any) -> list[str]:
    view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    actions = getattr(view, "actions", None)
    if actions:
        return sorted(method.upper() for method in actions)
    if view_class is not None:
        return sorted(method.upper() for method in _METHODS if hasattr(view_class, method))
    return ["ANY"]


def _views(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def check_urls() -> None:
    """Raise `UnguardedRoutes` if a URL pattern has no rule."""
    from . import UnguardedRoutes

    faults = []
    for path, view in _views(get_resolver().url_patterns):
        for method in _methods_of(view):
            rules = _rules_of(view, method)
            name = f"{method} {path} ({getattr(view, '__name__', view)})"
            if not rules:
                faults.append(f"{name} has no access rule: add `@require(...)`, `@public`, or `guarded(rule, include(...))`")
                continue
            try:
                combined = _rules.combine(rules)
            except ValueError as error:
                faults.append(f"{name} {error}")
                continue
            if "for_tenant" in combined.json and "{tenant}" not in shown(path):
                faults.append(f"{name} compares the tenant of the path, which has no parameter `tenant`")
    order = list(settings.MIDDLEWARE)
    own = f"{__name__}.RolecallMiddleware"
    if own in order and order.index(own) != 0:
        faults.append(f"`{own}` must be the first in MIDDLEWARE, so that nothing runs for a caller who is refused")
    if faults:
        raise UnguardedRoutes(faults)


@sync_and_async_middleware
def RolecallMiddleware(get_response: Any) -> Any:  # noqa: N802
    """Check the rule of each view; the first of MIDDLEWARE."""
    check_urls()
    if asyncio.iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> Any:
            return await get_response(request)

        async def process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Any:
            # waits for news at most a second, and usually not at all
            return _check(request, view, kwargs)

        middleware.process_view = process_view  # type: ignore[attr-defined]
        return middleware

    def sync_middleware(request: HttpRequest) -> Any:
        return get_response(request)

    def sync_process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Any:
        return _check(request, view, kwargs)

    sync_middleware.process_view = sync_process_view  # type: ignore[attr-defined]
    return sync_middleware


def _check(request: HttpRequest, view: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
    method = request.method or "GET"
    rules = _rules_of(view, method)
    if not rules and method == "OPTIONS":
        # a view class answers with its methods: whoever may call one of them may see them
        rules = [rule for one in _methods_of(view) for rule in _rules_of(view, one)][:1]
    if not rules:
        allowed = _methods_of(view)
        if allowed != ["ANY"] and method not in allowed:
            # not left to the view, which may have a `dispatch` of its own
            return HttpResponseNotAllowed(allowed)
        logging.getLogger("rolecall").error("a view has no access rule: %s", request.path)
        return HttpResponse("internal error", status=500)
    rule = _rules.combine(rules)
    tenant = kwargs.get("tenant")
    found = guard().check(rule, _authorizations(request), None if tenant is None else str(tenant))
    if isinstance(found, Answer):
        response = HttpResponse(found.body, status=found.status)
        for name, value in found.headers:
            response[name] = value
        return response
    if _stops_after_rule:
        return HttpResponse(status=204)
    request.caller = found  # type: ignore[attr-defined]
    return None


def _authorizations(request: HttpRequest) -> list[bytes]:
    value = request.META.get("HTTP_AUTHORIZATION")
    if value is None:
        return []
    first, comma, second = value.partition(",")
    # a comma is never part of a credential with a token: two headers that the server joined
    is_joined = comma and first.strip().lower().startswith(("bearer ", "basic "))
    return [text.encode("latin-1", "replace") for text in ([first, second] if is_joined else [value])]


class RolecallUser:
    """The user of Django REST framework: `request.user`."""

    is_authenticated = True
    is_anonymous = False
    is_active = True

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.pk = self.id = principal.subject
        self.username = principal.username

    def has_perm(self, permission: str, _: Any = None) -> bool:
        """Return true if the caller has the permission of rolecall with this name."""
        return self.principal.has_permission(permission)

    def __str__(self) -> str:
        return self.username or self.principal.client_id


class RolecallAuthentication:
    """Authentication for Django REST framework: `request.user` is the caller whom the middleware has checked.

    `REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rolecall.django.RolecallAuthentication"]}`
    """

    def authenticate(self, request: Any) -> tuple[RolecallUser, Principal] | None:
        """Return the user and the principal, or `None` without a caller."""
        caller = getattr(request._request, "caller", None)
        return (RolecallUser(caller), caller) if isinstance(caller, Principal) else None

    def authenticate_header(self, request: Any) -> str:
        """Return the challenge for a permission class that refuses an anonymous caller."""
        return "Bearer"


def access_routes() -> list[tuple[str, str, Rule, str]]:
    """Return every route of the project: method, path, rule and view. A view function answers every method, `GET` here."""
    return [(method, shown(path), rule, view) for method, path, rule, view in _written_routes()]


def _written_routes() -> list[tuple[str, str, Rule, str]]:
    found = []
    for path, view in _views(get_resolver().url_patterns):
        for method in _methods_of(view):
            rule = _rules.combine(_rules_of(view, method))
            found.append(("GET" if method == "ANY" else method, path, rule, getattr(view, "__name__", str(view))))
    return found


def assert_access_matrix(app: Any, lock_file: str | os.PathLike[str], roles: Sequence[str]) -> None:
    """Compare the access matrix with the committed file, and request every cell. No view runs. `app` is not needed."""
    global _stops_after_rule
    from django.test import Client

    from .testing import check_access_matrix

    client = Client()

    def send(method: str, path: str, token: str | None) -> tuple[int, str | None]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = client.generic(method, path, headers=headers)
        return answer.status_code, answer.headers.get("WWW-Authenticate")

    _stops_after_rule = True
    try:
        check_access_matrix(_written_routes(), guard(), lock_file, roles, send)
    finally:
        _stops_after_rule = False
