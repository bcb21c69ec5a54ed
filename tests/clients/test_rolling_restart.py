"""A rolling restart behind nginx, as `deploy/README.md` describes it: no request fails."""

import collections
import contextlib
import itertools
import threading
import time

import pytest
import requests

import api
import databases
import programs
from programs import PASS_PHRASE
from test_deploy import Proxy, start_nginx

NODES = 3
# what a node that stops still does for new connections; the second is for load balancers that ask for `/health/ready`
DRAIN_DELAYS = ["0s", "2s"]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with databases.Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=DRAIN_DELAYS)
def cluster(request, postgres, tmp_path):
    """Nodes on one database behind nginx, with an administrator."""
    settings = {
        "ROLECALL_PROXY__TRUSTED": "127.0.0.1", "ROLECALL_PUBLIC_URL": "https://localhost",
        "ROLECALL_CONNECTIONS__DRAIN_DELAY": request.param,
        **databases.node_settings(postgres.url(postgres.create_database()))}
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(programs.serve(**settings)) for _ in range(NODES)]
        nodes[0].add_administrator("root")
        https, plain, certificate, process = stack.enter_context(
            start_nginx(tmp_path, *(node.port for node in nodes)))
        yield Proxy(https, plain, certificate, nodes, process)


class Traffic:
    """Users who call the API all the time, until the end of the block, and every answer that is no success."""

    def __init__(self, proxy, pause=0.02):
        self.proxy, self.pause, self.stopping = proxy, pause, threading.Event()
        self.answers, self.failures = collections.Counter(), []
        root = proxy.caller()
        root.log_in("root", PASS_PHRASE)
        actions = [self.read, self.read, self.read, self.refresh, self.refresh, self.log_in, self.change]
        self.threads = []
        for action in actions:
            name = api.unique_name("busy")
            body = {"username": name, "password": PASS_PHRASE, "roles": ["rolecall.admin"]}
            assert root.post("/api/users", json=body).status_code == 201
            caller = proxy.caller()
            caller.tokens, caller.name = caller.log_in(name, PASS_PHRASE), name
            self.threads.append(threading.Thread(target=self.loop, args=(action, caller)))

    def __enter__(self):
        self.since = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=60)

    def loop(self, action, caller):
        for number in itertools.count():
            if self.stopping.wait(self.pause):
                return
            try:
                action(caller, number)
            except requests.RequestException as error:
                self.failures.append((round(time.monotonic() - self.since, 2), action.__name__, repr(error)))

    def check(self, kind, response, status=200):
        """Notes an answer; returns true if it is the expected one."""
        self.answers[kind] += 1
        if response.status_code != status:
            seconds = round(time.monotonic() - self.since, 2)
            self.failures.append((seconds, kind, response.status_code, response.text[:200]))
        return response.status_code == status

    def read(self, caller, _):
        self.check("GET /api/me", caller.get("/api/me"))

    def refresh(self, caller, _):
        response = caller.refresh(caller.tokens["refresh_token"])
        if self.check("POST /token, refreshed", response):
            caller.tokens = response.json()

    def log_in(self, caller, _):
        self.check("POST /token, logged in", caller.token(caller.name, PASS_PHRASE))
        # hashing passwords would keep the whole machine busy
        self.stopping.wait(0.3)

    def change(self, caller, number):
        name = f"{caller.name}-{number}"
        self.check("POST /api/roles", caller.post("/api/roles", json={"name": name}), 201)

    def wait_for_more(self, count=20):
        """Waits until each kind of request was answered some more times."""
        before = self.answers.copy()
        programs.wait_until(60, lambda: all(
            self.answers[kind] >= before[kind] + (count if "logged" not in kind else 2) for kind in self.kinds()))

    @staticmethod
    def kinds():
        return "GET /api/me", "POST /token, refreshed", "POST /token, logged in", "POST /api/roles"

    def assert_none_failed(self, closed=0):
        """Up to `closed` requests may have met a connection that the node closed at the same moment: nginx sends GET again
        to another node, but no POST, which might have been carried out."""
        met = [failure for failure in self.failures if failure[1].startswith("POST") and failure[2] == 502]
        if len(met) <= closed:
            self.failures = [failure for failure in self.failures if failure not in met]
        kinds = collections.Counter(str(failure[1:]) for failure in self.failures)
        assert self.failures == [], f"of {dict(self.answers)}, first {self.failures[0]}: {dict(kinds)}"
        assert all(self.answers[kind] for kind in self.kinds()), self.answers


def test_no_request_fails_while_nothing_is_restarted(cluster):
    with Traffic(cluster) as traffic:
        traffic.wait_for_more(100)
    traffic.assert_none_failed()
    for node in cluster.nodes:
        assert '"path":"/api/me"' in node.log.read_text(), "a node got no request"


def test_no_request_fails_in_a_rolling_restart(cluster):
    with Traffic(cluster) as traffic:
        traffic.wait_for_more()
        for node in cluster.nodes:
            node.terminate()
            assert node.process.returncode == 0
            # for a while without it, as on a machine that is replaced
            traffic.wait_for_more()
            # returns once the node is ready
            node.start()
            traffic.wait_for_more()
    traffic.assert_none_failed(closed=2)
