"""Access rules for Python applications: an application with an unguarded route does not start.

Start with `rolecall.fastapi`, `rolecall.flask` or `rolecall.django`.
"""

from ._guard import Guard
from ._rolecall import Answer, Principal, Rule
from ._rules import (
    all_of,
    any_of,
    authenticated,
    for_tenant,
    fresh,
    in_tenant,
    optional,
    permission,
    public,
    role,
    rule,
)

__all__ = [
    "Answer",
    "Guard",
    "Principal",
    "Rule",
    "UnguardedRoutes",
    "all_of",
    "any_of",
    "authenticated",
    "for_tenant",
    "fresh",
    "in_tenant",
    "optional",
    "permission",
    "public",
    "role",
    "rule",
]


class UnguardedRoutes(RuntimeError):
    """An application has routes without an access rule, or with rules that cannot be enforced."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        listed = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"rolecall refuses this application:\n{listed}")
