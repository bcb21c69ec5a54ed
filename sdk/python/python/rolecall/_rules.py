"""Functions that make access rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ._rolecall import Rule


def _from(value: Any) -> Rule:
    return Rule.from_json(json.dumps(value))


def _value(rule: Rule) -> Any:
    return json.loads(rule.json)


public = _from("public")
"""Everyone, and credentials are ignored."""

optional = _from("optional")
"""Everyone; a caller with a token is identified, and a bad token is refused."""

authenticated = _from("authenticated")
"""Any valid access token."""


def role(name: str) -> Rule:
    """Callers with this role."""
    return _from({"role": name})


def permission(name: str) -> Rule:
    """Callers with this permission, `object:operation`."""
    return _from({"permission": name})


def any_of(*rules: Rule) -> Rule:
    """Callers who satisfy at least one of the rules."""
    return _from({"any": [_value(one) for one in rules]})


def all_of(*rules: Rule) -> Rule:
    """Callers who satisfy all of the rules."""
    return _from({"all": [_value(one) for one in rules]})


def for_tenant(inner: Rule) -> Rule:
    """Callers who satisfy the rule in the tenant that the path parameter `tenant` names."""
    return _from({"for_tenant": _value(inner)})


def in_tenant(inner: Rule) -> Rule:
    """Callers with a token for any tenant who satisfy the rule there."""
    return _from({"in_tenant": _value(inner)})


def fresh(inner: Rule, seconds: int) -> Rule:
    """Callers who satisfy the rule and signed in at most so many seconds ago."""
    return _from({"fresh": {"rule": _value(inner), "seconds": seconds}})


def rule(
    *,
    role: str | None = None,
    permission: str | None = None,
    any_role: Sequence[str] | None = None,
    tenant: str | None = None,
    fresh: int | None = None,
) -> Rule:
    """Make a rule of keywords: `rule(role="admin")`, `rule(permission="items:write", fresh=300)`.

    `role`, `permission` and `any_role` must all be satisfied. `tenant="path"` compares the tenant of the path, and
    `tenant="token"` accepts a token for any tenant. Without arguments, any valid token is enough.
    """
    parts: list[Any] = []
    if role is not None:
        parts.append({"role": role})
    if permission is not None:
        parts.append({"permission": permission})
    if isinstance(any_role, str):
        raise ValueError(f'any_role is a list of names: any_role=["{any_role}"]')
    if any_role is not None:
        parts.append({"any": [{"role": name} for name in any_role]})
    value: Any = "authenticated"
    if len(parts) == 1:
        value = parts[0]
    elif parts:
        value = {"all": parts}
    if tenant == "path":
        value = {"for_tenant": value}
    elif tenant == "token":
        value = {"in_tenant": value}
    elif tenant is not None:
        raise ValueError('tenant is "path" or "token"')
    if fresh is not None:
        value = {"fresh": {"rule": value, "seconds": fresh}}
    return _from(value)


def combine(rules: Sequence[Rule]) -> Rule:
    """Return the rule of a route that has several, as from a router and from its handler: all must be satisfied."""
    distinct = list(dict.fromkeys(rules))
    if len(distinct) == 1:
        return distinct[0]
    if any(one.is_open for one in distinct):
        listed = " and ".join(f"`{one}`" for one in distinct)
        raise ValueError(f"has the rules {listed}: an open rule cannot be combined with another one")
    parts: list[Rule] = []
    for one in distinct:
        # what any token satisfies adds nothing to another rule
        if one != authenticated:
            parts.append(one)
    if len(parts) == 1:
        return parts[0]
    return all_of(*parts)
