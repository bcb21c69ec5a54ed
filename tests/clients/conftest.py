"""Servers that tests share: each is started once, on first use."""

import collections

import pytest

import api
import browsers
import oauth
import programs
import services


def pytest_collection_modifyitems(config, items):
    """Tries on one database what cannot depend on it: how a page looks, and what it is without scripts. The files that
    take longest begin first, so that no process waits for another at the end."""
    def is_needless(item):
        chosen = getattr(item, "callspec", None)
        if chosen is None or "postgres" not in chosen.params.values():
            return False
        return item.get_closest_marker("looks") is not None or chosen.params.get("either") is False

    needless = [item for item in items if is_needless(item)]
    config.hook.pytest_deselected(items=needless)
    items[:] = [item for item in items if item not in needless]
    work = collections.Counter()
    for item in items:
        # a browser takes that much longer than a program without windows, and one of these half a minute
        is_long = item.get_closest_marker("long") is not None
        work[item.path] += 60 if is_long else 10 if "driver" in item.fixturenames else 1
    items.sort(key=lambda item: -work[item.path])


@pytest.fixture(scope="session")
def dev():
    """`rolecall dev`: users `admin` and `alice`, the tutorial's routes, registration open."""
    with programs.dev() as server:
        yield server


@pytest.fixture(scope="session")
def admin(dev):
    return api.login(dev.url, "admin")


@pytest.fixture
def alice(dev):
    return api.login(dev.url, "alice")


@pytest.fixture
def anonymous(dev):
    return api.Caller(dev.url)


@pytest.fixture
def bob(dev):
    """A new user for each test, logged in; `bob.me` is the account."""
    account, password = api.register(dev.url)
    caller = api.login(dev.url, account["username"], password)
    caller.me, caller.password = account, password
    return caller


@pytest.fixture(scope="session")
def server():
    """`rolecall serve` with the administrator `root`, created on the command line."""
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as running:
        running.add_administrator("root")
        yield running


@pytest.fixture(scope="session")
def stock(dev):
    """Permissions, a role and OAuth clients on the shared server."""
    return oauth.prepare(dev)


@pytest.fixture
def keeper(stock):
    """A new user for each test, who may read and write the stock."""
    return oauth.create_keeper(stock)


@pytest.fixture
def plain_http(monkeypatch):
    """Authlib and oauthlib refuse URLs without TLS; the servers under test are on this machine."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A browser for the tests of one file."""
    driver = browsers.chromium(tmp_path_factory.mktemp("chromium"))
    driver.set_script_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver):
    """A browser of nobody, with scripts, at a desk."""
    browsers.set_scripts(driver, True)
    browsers.set_look(driver)
    driver.get("about:blank")
    browsers.clear_cookies(driver)
    driver.get_log("browser")
    return driver


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def either(browser, request):
    """The same, with scripts and without."""
    browsers.set_scripts(browser, request.param)
    return browser


@pytest.fixture(scope="module")
def axe():
    """The script that checks a page for accessibility."""
    services.require_node_package("axe-core")
    return (services.NODE / "node_modules" / "axe-core" / "axe.min.js").read_text()
