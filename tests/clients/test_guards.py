"""The packages for Python and Node refuse what the crate refuses, and work after a fork."""

import json
import subprocess

import pytest

import access_tokens
import api
import issuers
import programs
import services
from issuers import LEFT_OUT

DAY = 86_400


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    with issuers.issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


def accepted(issuer):
    now = issuer.claims()["iat"]
    return {
        "as rolecall writes it": issuer.token(),
        "for 24 hours": issuer.token(exp=now + DAY),
        "dates with a fraction": issuer.token(exp=now + 600.9, iat=now - 0.5),
        "of the long type": issuer.signed(json.dumps(issuer.claims()).encode(), typ="application/AT+JWT"),
        "for several audiences": issuer.token(aud=["https://other.example", issuer.url]),
        "without optional claims": issuer.token(roles=LEFT_OUT, scope=LEFT_OUT, username=LEFT_OUT, sid=LEFT_OUT),
    }


def refused(issuer):
    now = issuer.claims()["iat"]
    whole = issuer.token()
    signature = whole.rsplit(".", 1)[1]
    twin = whole[:-1] + chr(ord(whole[-1]) ^ 1) if whole[-1] in "AQgw" else whole[:-1] + "B"
    changed = {
        "roles": ["administrator", None, {"admin": True}, [1], ["admin", None]],
        "scope": [["items:read"], None, 1], "sub": ["", 1, None, LEFT_OUT], "jti": [None, 1, "", LEFT_OUT],
        "client_id": [None, "", LEFT_OUT], "username": [None, 1], "subject_kind": ["admin", None, ["user"]],
        "rev": ["7", None, 7.5], "tenant": [None, 1], "era": [1, None], "sid": [1, None],
        "iat": [str(now), None, LEFT_OUT, now + 90], "nbf": ["0", now + 90],
        "exp": [str(now + 600), None, LEFT_OUT, now + 25 * 3600, now - 1, now - 0.5, True],
        "iss": ["https://other.example", [issuer.url], None], "aud": ["https://other.example", [], None, 1],
    }
    tokens = {f"{name} {value!r}": issuer.token(**{name: value}) for name, values in changed.items() for value in values}
    claims, header = json.dumps(issuer.claims()), {"alg": "ES256", "typ": "at+jwt", "kid": issuers.KID}
    twins = {f"{text} twice": issuer.signed(f"{claims[:-1]}, {text}}}".encode())
             for text in ('"sub": "u1"', '"s\\u0075b": "u2"', '"roles": []', '"global": {"roles": [], "roles": []}')}
    twice = json.dumps(header)[:-1] + ', "typ": "at+jwt"}'
    return tokens | twins | {
        "a header with a member twice": issuer.signed(claims.encode(), header=twice.encode()),
        "padding": f"{whole}==", "padding inside": whole.replace(".", "=.", 1), "a line break": f"{whole}\n",
        "a space": f"{whole} ", "a character outside of the alphabet": f"{whole[:-5]}!{whole[-5:]}",
        "another spelling of the same bytes": twin, "no signature": whole.removesuffix(signature),
        "a fourth part": f"{whole}.e30", "of another type": issuer.signed(json.dumps(issuer.claims()).encode(), typ="JWT"),
        "without a type": issuer.signed(json.dumps(issuer.claims()).encode(), typ=None),
        "not an object": issuer.signed(b"[]"), "not UTF-8": issuer.signed(b'{"sub":"\xff"}'), "nothing": "",
        "nested too deeply": f"{access_tokens.encode(b'[' * 9000)}.{access_tokens.encode(b'{}')}.{signature}",
        "too long": issuer.token(other="x" * 17_000),
    }


def python(issuer, tokens):
    """Verifies tokens with the package for Python: the user name, or the status of a refusal."""
    return run([programs.program("XTASK_PYTHON", "python3"), "-c", PYTHON], issuer, tokens, issuer.folder)


PYTHON = """
import json, sys, time
from rolecall import Guard, Principal
given = json.load(sys.stdin)
guard = Guard(given["issuer"])
until = time.monotonic() + 20
while guard.verify("a.b.c").status == 503:
    assert time.monotonic() < until
    time.sleep(0.01)
found = {}
for name, token in given["tokens"].items():
    result = guard.verify(token)
    found[name] = result.username if isinstance(result, Principal) else result.status
print(json.dumps(found))
"""
NODE = """
import { text } from "node:stream/consumers";
import { Denial, Guard } from "rolecall";
const { issuer, tokens } = JSON.parse(await text(process.stdin));
const guard = new Guard({ issuer });
await guard.ready();
const found = {};
for (const [name, token] of Object.entries(tokens)) {
  try {
    found[name] = guard.verify(token).username;
  } catch (error) {
    if (!(error instanceof Denial)) throw error;
    found[name] = error.status;
  }
}
console.log(JSON.stringify(found));
"""


def node(issuer, tokens):
    """The same with the package for Node."""
    services.require_node_package("rolecall")
    folder = issuer.folder / "node"
    folder.mkdir(exist_ok=True)
    (folder / "try.mjs").write_text(NODE)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(services.NODE / "node_modules")
    return run([programs.program("XTASK_NODE", "node"), "try.mjs"], issuer, tokens, folder)


def run(command, issuer, tokens, folder):
    """Gives the issuer and the tokens to a program, and returns what it prints."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60,
                            input=json.dumps({"issuer": issuer.url, "tokens": tokens}))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("guard", [python, node])
def test_y115_the_packages_refuse_what_the_crate_refuses(guard, issuer):
    good, bad = accepted(issuer), refused(issuer)
    # without a user name, the packages show the subject, as the crate does
    assert guard(issuer, good) == {name: "u1" if "optional" in name else "alice" for name in good}
    assert guard(issuer, bad) == dict.fromkeys(bad, 401)


@pytest.mark.parametrize("guard", [python, node])
def test_y100_the_packages_give_a_client_no_username(guard, issuer):
    client = {"subject_kind": "client", "client_id": "c1", "sub": "c1", "sid": LEFT_OUT}
    tokens = {"new": issuer.token(username=LEFT_OUT, **client), "old": issuer.token(username="admin", **client)}
    assert guard(issuer, tokens) == {"new": "", "old": ""}


@pytest.mark.parametrize("start", [services.fastapi, services.express])
def test_y116_two_authorization_headers_are_refused(start, issuer):
    token = issuer.token(roles=["admin", "user"])
    with start(issuer) as service:
        assert service.get("/items/", token).json() == [{"item_id": "Foo", "owner": "alice"}]
        assert service.get("/users/", issuer.token(roles="administrator")).status_code == 401
        for second in (f"Bearer {token}", "Bearer other", "Basic YTpi", ""):
            for values in ([f"Bearer {token}", second], [second, f"Bearer {token}"]):
                response = send_headers(service, values)
                assert (response.status, json.loads(response.text)["detail"]) == (400, "Send one credential")
                assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_request"'
        for value in ("", "Bearer", "Bearer ", "Basic YTpi", token):
            response = service.get("/items/", Authorization=value)
            assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer"), value


def send_headers(service, values):
    return api.raw_request(service.url, "GET", "/items/", [("Authorization", value) for value in values])


FORK = """
import os, sys, time
from rolecall import Guard, Principal
guard = Guard(sys.argv[1], client=("c", "s"), max_staleness=1)
def within(done):
    until = time.monotonic() + 20
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)
within(lambda: isinstance(guard.verify(sys.argv[2]), Principal))
child = os.fork()
if child == 0:
    try:
        # only a thread of its own brings answers to the child
        within(lambda: guard.status()["feed_answers"] > 20)
        os._exit(0 if isinstance(guard.verify(sys.argv[2]), Principal) else 3)
    finally:
        os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
within(lambda: isinstance(guard.verify(sys.argv[2]), Principal))
"""


def test_y117_a_guard_works_in_a_forked_process(issuer):
    python = programs.program("XTASK_PYTHON", "python3")
    result = subprocess.run([python, "-c", FORK, issuer.url, issuer.token()], cwd=issuer.folder,
                          capture_output=True, text=True, timeout=60,
                          env=programs.environment(PYTHONDONTWRITEBYTECODE="1", NO_PROXY="127.0.0.1"))
    assert result.returncode == 0, result.stderr
