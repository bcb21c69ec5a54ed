"""Rules made by keywords and functions."""

import json

import pytest

from rolecall import all_of, any_of, authenticated, for_tenant, fresh, in_tenant, permission, public, role, rule
from rolecall._rules import combine


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (rule(), "authenticated"),
        (rule(role="a"), "role:a"),
        (rule(permission="x:y"), "x:y"),
        (rule(any_role=["a", "b"]), "any of (role:a, role:b)"),
        (rule(role="a", permission="x:y"), "all of (role:a, x:y)"),
        (rule(role="a", tenant="path"), "role:a in the path's tenant"),
        (rule(tenant="token", fresh=60), "authenticated in the token's tenant, signed in within 60 s"),
        (any_of(role("a"), all_of(role("b"), permission("x:y"))), "any of (role:a, all of (role:b, x:y))"),
        (for_tenant(role("a")), "role:a in the path's tenant"),
        (in_tenant(role("a")), "role:a in the token's tenant"),
        (fresh(role("a"), 5), "role:a, signed in within 5 s"),
        (combine([role("a"), authenticated]), "role:a"),
        (combine([role("a"), role("a")]), "role:a"),
        (combine([role("a"), permission("x:y")]), "all of (role:a, x:y)"),
        (combine([public, public]), "public"),
    ],
)
def test_a_rule_has_its_text(made, text):
    assert str(made) == text
    assert type(made).from_json(made.json) == made
    assert json.loads(made.json)


@pytest.mark.parametrize(
    "make",
    [
        lambda: role(""),
        lambda: role("two words"),
        lambda: rule(any_role="admin"),
        lambda: permission("items"),
        lambda: any_of(),
        lambda: any_of(public, role("a")),
        lambda: for_tenant(public),
        lambda: rule(tenant="both"),
        lambda: fresh(role("a"), -1),
        lambda: any_of(all_of(any_of(role("a")))),
        lambda: combine([public, role("a")]),
        lambda: combine([fresh(role("a"), 5), role("b")]),
        lambda: type(public).from_json("nonsense"),
    ],
)
def test_what_is_no_rule_is_refused(make):
    with pytest.raises(ValueError):
        make()
