"""The guard: log lines, news, status."""

import asyncio
import logging
import time

from conftest import until

from rolecall import Answer, Guard, Principal, authenticated, public, role


def test_log_lines_of_the_guard_arrive_in_logging(caplog):
    with caplog.at_level(logging.INFO, "rolecall"):
        # nobody listens there
        guard = Guard("http://127.0.0.1:1", client=("items", "a secret"))
        until(lambda: any("cannot be loaded" in record.getMessage() for record in caplog.records))
    assert guard.status()["keys"] == 0 and guard.status()["failures"] > 0
    assert all("a secret" not in record.getMessage() for record in caplog.records)
    answer = guard.check(authenticated, [b"Bearer a.b.c"])
    assert isinstance(answer, Answer) and answer.status == 503
    assert ("retry-after", "1") in answer.headers
    assert guard.check(public, []) is None


def test_a_caller_without_news_waits_at_most_a_second(test_issuer):
    guard = test_issuer.guard()
    token = test_issuer.token("alice", rev=9)
    test_issuer.revoke("jti", "other")
    started = time.monotonic()
    found = guard.check(authenticated, [f"Bearer {token}".encode()])
    assert time.monotonic() - started < 5
    assert isinstance(found, Principal) and found.username == "alice"


def test_a_principal_has_everything_that_the_token_says(test_issuer):
    guard = test_issuer.guard()
    token = test_issuer.token("alice", roles=["b", "a"], permissions=["x:y"], claims={"department": "sales"})
    caller = guard.verify(token)
    assert isinstance(caller, Principal)
    assert (caller.roles, caller.permissions, caller.claims) == (["a", "b"], ["x:y"], {"department": "sales"})
    assert caller.has_role("a") and not caller.has_role("c") and caller.has_permission("x:y")
    assert caller == guard.verify(token) and hash(caller) == hash(guard.verify(token))
    assert not caller.is_lost()
    test_issuer.advance(1800)
    assert caller.is_lost()
    ended = guard.verify(token)
    assert isinstance(ended, Answer) and ended.code == "ended_token"


def test_losses_of_every_kind_end_a_token(test_issuer):
    guard = test_issuer.guard()
    for kind, key in [("subject", "s"), ("role", "r"), ("jti", "test-j"), ("sid", "session-i"), ("client", "rolecall")]:
        name = {"subject": "s", "jti": "j", "sid": "i"}.get(kind, "x")
        token = test_issuer.token(name, roles=["r"] if kind == "role" else [])
        headers = [f"Bearer {token}".encode()]
        assert isinstance(guard.check(authenticated, headers), Principal), kind
        test_issuer.revoke(kind, key)
        ended = guard.check(authenticated, headers)
        assert isinstance(ended, Answer) and ended.status == 401, kind


def test_rules_are_values():
    assert role("admin") == role("admin") != role("user")
    assert len({role("admin"), role("admin"), role("user")}) == 2
    assert repr(role("admin")) == "<Rule role:admin>" and role("admin").names == ["role:admin"]


def test_a_guard_needs_no_event_loop_and_survives_several(test_issuer):
    guard = test_issuer.guard()
    headers = [f"Bearer {test_issuer.token()}".encode()]

    async def ask():
        return guard.check(authenticated, headers)

    assert [type(asyncio.run(ask())) for _ in range(3)] == [Principal] * 3
