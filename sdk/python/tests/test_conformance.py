"""The conformance files: tokens, rules, answers and feed scripts."""

import base64
import json

import pytest

from rolecall import Answer, Guard, Rule
from rolecall._rolecall import ScriptedIssuer


def build(description, now):
    secret = description.get("secret")
    return ScriptedIssuer.fixed(
        description["issuer"],
        description["audiences"],
        now,
        json.dumps(description["jwks"]) if "jwks" in description else None,
        base64.b64decode(secret["base64"]) if secret else None,
        description.get("foreign", False),
    )


def shown(principal):
    names = (
        "subject kind username client_id roles permissions global_roles global_permissions tenant session token_id "
        "narrowed rev era issued_at expires_at auth_time acr methods audience claims"
    )
    return None if principal is None else {name: getattr(principal, name) for name in names.split()}


@pytest.mark.parametrize("file", ["tokens.json", "rules.json"])
def test_every_row_is_decided_as_by_the_crate(conformance, file):
    document = conformance(file)
    shared = {name: build(guard, document["now"]) for name, guard in document["guards"].items()}
    assert len(document["rows"]) > 100
    for row in document["rows"]:
        rule = Rule.from_json(json.dumps(row["rule"]))
        headers = [(name.encode(), value.encode("latin-1")) for name, value in row["headers"]]
        values = [value for _, value in headers]
        fresh = build(document["guards"][row["guard"]], document["now"])
        for core in (fresh, shared[row["guard"]]):
            for decided in (core.check_asgi(rule, headers, row["tenant"]), core.check(rule, values, row["tenant"])):
                principal, answer, waits = decided
                assert not waits
                status = 200 if answer is None else answer.status
                challenge = None if answer is None else answer.www_authenticate
                body = None if answer is None else answer.text
                assert (status, challenge, body) == (row["status"], row["www_authenticate"], row["body"]), row["id"]
                assert shown(principal) == row["principal"], row["id"]


def test_every_rule_has_its_text_scope_and_names(conformance):
    for row in conformance("rules.json")["rules"]:
        rule = Rule.from_json(json.dumps(row["rule"]))
        assert (str(rule), rule.scope, rule.names) == (row["text"], row["scope"], row["names"])
        assert json.loads(rule.json) == row["rule"]


def test_every_answer_of_a_rule_is_in_the_list_of_answers(conformance):
    listed = {row["code"]: row for row in conformance("answers.json")["rows"]}
    document = conformance("rules.json")
    core = build(document["guards"]["main"], document["now"])
    seen = set()
    for row in document["rows"]:
        rule = Rule.from_json(json.dumps(row["rule"]))
        _, answer, _ = core.check(rule, [value.encode("latin-1") for _, value in row["headers"]], row["tenant"])
        if answer is not None:
            seen.add(answer.code)
            names = sorted(name for name, _ in answer.headers if name != "content-length")
            expected = sorted(name for name, _ in listed[answer.code]["headers"])
            assert names == expected, row["id"]
            assert answer.status == listed[answer.code]["status"]
    assert {"not_authenticated", "invalid_token", "ended_token", "two_credentials", "forbidden"} <= seen


def test_every_feed_script_gives_the_same_answers(conformance):
    document = conformance("feed.json")
    authenticated = Rule.from_json('"authenticated"')
    assert len(document["scripts"]) >= 60
    for script in document["scripts"]:
        issuer = ScriptedIssuer(
            document["guard"]["issuer"],
            document["guard"]["audiences"][0],
            document["now"],
            script["guard"]["max_staleness_ms"],
        )
        core = issuer.core()
        for index, step in enumerate(script["steps"]):
            place = (script["id"], index)
            if "jwks" in step:
                assert issuer.jwks(given(step["jwks"])) == step["usable"], place
            elif "feed" in step:
                assert issuer.feed(given(step["feed"]), step["took_ms"]) == step["usable"], place
            elif "advance_ms" in step:
                issuer.advance(step["advance_ms"])
            elif "set_now" in step:
                issuer.set_now(step["set_now"])
            else:
                token = document["tokens"][step["check"]["token"]]
                _, answer, _ = core.check(authenticated, [f"Bearer {token}".encode()], None)
                status = 200 if answer is None else answer.status
                challenge = None if answer is None else answer.www_authenticate
                assert (status, challenge) == (step["status"], step["www_authenticate"]), place


def given(answer):
    return None if answer is None else (answer["status"], answer["body"])


def test_a_guard_is_built_from_keywords_and_says_what_is_wrong(conformance):
    main = conformance("tokens.json")["guards"]["main"]
    guard = Guard(main["issuer"], audience=main["audiences"], jwks=json.dumps(main["jwks"]))
    assert guard.status()["keys"] == 5
    answer = guard.verify("not.a.token")
    assert isinstance(answer, Answer) and answer.status == 401
    for wrong in ({"jwks": "{}"}, {"secret": ("HS256", b"short")}, {"audience": [], "jwks": json.dumps(main["jwks"])}):
        with pytest.raises(ValueError):
            Guard(main["issuer"], **wrong)
    with pytest.raises(ValueError, match="two sources"):
        Guard(main["issuer"], jwks=json.dumps(main["jwks"]), client=("a", "b"))
