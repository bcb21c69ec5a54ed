"""Servers that tests share: each is started once, on first use."""

import pytest

import api
import oauth
import programs


@pytest.fixture(scope="session")
def dev():
    """`rolecall dev`: users `admin` and `alice`, the tutorial's routes, registration open."""
    with programs.dev() as server:
        yield server


@pytest.fixture(scope="session")
def admin(dev):
    return api.logged_in(dev.url, "admin")


@pytest.fixture
def alice(dev):
    return api.logged_in(dev.url, "alice")


@pytest.fixture
def anyone(dev):
    return api.Caller(dev.url)


@pytest.fixture
def bob(dev):
    """A user of this test alone, logged in; `bob.me` is the account."""
    account, password = api.register(dev.url)
    caller = api.logged_in(dev.url, account["username"], password)
    caller.me, caller.password = account, password
    return caller


@pytest.fixture(scope="session")
def served():
    """`rolecall serve` with an administrator made by the command line."""
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
        made = server.run(
            "user", "add", "root", "--role", "rolecall.admin", "--password-stdin",
            text="a long enough pass phrase\n",
        )
        assert made.returncode == 0, made.stderr
        yield server


@pytest.fixture(scope="session")
def stock(dev):
    """Permissions, a role and OAuth clients on the shared server."""
    return oauth.prepare(dev)


@pytest.fixture
def keeper(stock):
    """A user of this test alone who may read and write the stock."""
    return oauth.keeper(stock)


@pytest.fixture
def plain_http(monkeypatch):
    """Authlib and oauthlib refuse addresses without TLS; the servers under test are on this machine."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
