"""kill -9 under load: every confirmed change survives the restart."""

import os
import random
import sqlite3
import threading
import time

import requests

import api
import databases
import programs
from programs import PASS_PHRASE

ROUNDS = int(os.environ.get("XTASK_CRASH_ROUNDS", "20"))


class Load:
    """Callers that record each change once the server has confirmed it."""

    def __init__(self, server, token, roles):
        self.server, self.token, self.roles = server, token, roles
        self.users, self.assigned, self.unassigned, self.rotated, self.unexpected = [], [], [], [], []
        self.stopping = threading.Event()
        actions = [self.register, self.create, self.create, self.assign, self.assign, self.rotate]
        self.threads = [threading.Thread(target=self.loop, args=(action,)) for action in actions]
        for thread in self.threads:
            thread.start()

    def loop(self, action):
        caller = api.Caller(self.server.url)
        try:
            while not self.stopping.is_set():
                action(caller)
        except requests.RequestException:
            pass  # the server was killed; a change without a response is not confirmed

    def record(self, response, changes, change, *expected):
        if response.status_code in expected:
            changes.append(change)
        elif response.status_code not in (429, 503):
            self.unexpected.append((response.status_code, response.text))

    def register(self, caller):
        name = api.unique_name("registered")
        response = caller.post("/register", json={"username": name, "password": PASS_PHRASE})
        if response.status_code == 429:
            time.sleep(0.05)
        self.record(response, self.users, name, 201)

    def create(self, caller):
        caller.use_token(self.token)
        name = api.unique_name("created")
        self.record(caller.post("/api/users", json={"username": name}), self.users, name, 201)

    def assign(self, caller):
        caller.use_token(self.token)
        created = caller.post("/api/users", json={"username": api.unique_name("assigned")})
        if created.status_code != 201:
            return
        user, role = created.json()["id"], random.choice(self.roles)
        path = f"/api/users/{user}/roles/{role}"
        self.record(caller.put(path), self.assigned, (user, role), 204)
        if random.random() < 0.3 and self.assigned[-1:] == [(user, role)]:
            self.assigned.remove((user, role))
            self.record(caller.delete(path), self.unassigned, (user, role), 204)

    def rotate(self, caller):
        caller.use_token(self.token)
        self.stopping.wait(random.uniform(0.1, 0.6))
        # 409: after some rounds the set has no room for another key
        self.record(caller.post("/api/keys/rotate", json={"force": True}), self.rotated, 1, 200, 409)
        self.stopping.wait()

    def kill(self):
        self.server.kill()
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=30)


def check_file(server):
    """Checks the database as the killed server left it."""
    with sqlite3.connect(server.data / "rolecall.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def check_confirmed_changes(server, token, load):
    caller = api.Caller(server.url)
    caller.use_token(token)
    states = [key["status"] for key in caller.get("/api/keys").json()["items"]]
    assert (states.count("active"), states.count("next")) == (1, 1), states
    for name in load.users:
        found = caller.get("/api/users", params={"username": name}).json()["items"]
        assert [user["username"] for user in found] == [name]
    for pairs, expected in ((load.assigned, True), (load.unassigned, False)):
        for user, role in pairs:
            items = caller.get(f"/api/users/{user}/roles").json()["items"]
            assert (role in [item["role"] for item in items]) == expected, (user, role)


def test_x086_no_confirmed_change_is_lost(capsys):
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
        server.add_administrator("root")
        root = api.login(server.url, "root", PASS_PHRASE)
        roles = [api.unique_name("role") for _ in range(3)]
        for role in roles:
            root.post("/api/roles", json={"name": role}).raise_for_status()
        confirmed = 0
        for number in range(ROUNDS):
            load = Load(server, root.access_token, roles)
            time.sleep(random.uniform(0.2, 0.8))
            load.kill()
            assert load.unexpected == []
            check_file(server)
            server.start()
            check_confirmed_changes(server, root.access_token, load)
            count = len(load.users) + len(load.assigned) + len(load.unassigned)
            assert count > 0, f"round {number} put no load on the server"
            confirmed += count
        server.check_output("audit", "verify")
    with capsys.disabled():
        print(f"\nkill -9: {ROUNDS} rounds, {confirmed} confirmed changes, none lost")


class RefreshingClient:
    """Refreshes all the time, and after a crash retries with the refresh token that it has."""

    def __init__(self, nodes, name):
        self.nodes, self.name, self.refreshes, self.unexpected = nodes, name, 0, []
        self.first = self.tokens = self.log_in()

    def url(self):
        return random.choice([node for node in self.nodes if node.is_up]).url

    def begin_again(self):
        """Logs in anew: a session has five graces, and a crash can cost one."""
        form = {"token": self.tokens["refresh_token"]}
        requests.post(f"{self.url()}/revoke", data=form, timeout=30).raise_for_status()
        self.first = self.tokens = self.log_in()
        self.refreshes = 0

    def log_in(self):
        return api.Caller(self.url()).log_in(self.name, PASS_PHRASE)

    def refresh(self):
        response = api.Caller(self.url()).refresh(self.tokens["refresh_token"])
        if response.status_code == 200:
            self.tokens = response.json()
            self.refreshes += 1
        elif response.status_code not in (429, 503):
            self.unexpected.append((response.status_code, response.text))
        return response

    def can_continue(self):
        """Tries the refresh token and the new access token."""
        return self.refresh().status_code == 200 and is_accepted(self.url(), self.tokens)

    def refresh_until(self, stopping):
        try:
            while not stopping.is_set():
                self.refresh()
        except requests.RequestException:
            pass  # the response is lost, so the token may be used or not


def is_accepted(url, tokens):
    headers = api.bearer(tokens["access_token"])
    return requests.get(f"{url}/api/me", headers=headers, timeout=30).status_code == 200


class Logout:
    """Another session of a client, revoked at a random moment; `confirmed` once the server says so."""

    def __init__(self, client):
        self.client, self.tokens, self.confirmed = client, client.log_in(), False

    def revoke(self):
        form = {"token": self.tokens["refresh_token"]}
        return requests.post(f"{self.client.url()}/revoke", data=form, timeout=30)

    def run(self):
        time.sleep(random.uniform(0, 0.5))
        try:
            self.confirmed = self.revoke().status_code == 200
        except requests.RequestException:
            pass

    def is_alive(self):
        """Tries the tokens of the session. Another node learns of its end by polling, so both tokens are tried until
        they agree."""
        start = time.monotonic()
        while True:
            url = self.client.url()
            refreshed = api.Caller(url).refresh(self.tokens["refresh_token"]).status_code == 200
            if is_accepted(url, self.tokens) == refreshed:
                return refreshed
            assert time.monotonic() - start < 10, "only half of a session ended"
            time.sleep(0.02)


def check_no_session_is_lost(nodes, query, capsys):
    """Kills one node after the other while clients refresh and log out, and checks their sessions."""
    clients = [RefreshingClient(nodes, api.register(nodes[0].url)[0]["username"]) for _ in range(6)]
    revoked = 0
    for number in range(ROUNDS):
        victim = nodes[number % len(nodes)]
        if number % 5 == 0:
            for client in clients:
                client.begin_again()
        before = sum(client.refreshes for client in clients)
        logouts = [Logout(client) for client in clients[:2]]
        stopping = threading.Event()
        threads = [threading.Thread(target=client.refresh_until, args=(stopping,)) for client in clients]
        threads += [threading.Thread(target=logout.run) for logout in logouts]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.05, 0.6))
        victim.kill()
        stopping.set()
        for thread in threads:
            thread.join(timeout=30)
        assert sum(client.refreshes for client in clients) > before, f"round {number} put no load on the server"
        # with two nodes the clients use the other one at once
        if len(nodes) == 1:
            check_file(victim)
            victim.start()
        victim.is_up = len(nodes) == 1
        assert [client.name for client in clients if not client.can_continue()] == [], f"round {number}"
        assert [client.unexpected for client in clients if client.unexpected] == []
        alive = [logout for logout in logouts if logout.is_alive()]
        assert [logout for logout in alive if logout.confirmed] == [], "a revoked session works"
        revoked += sum(logout.confirmed for logout in logouts)
        for logout in logouts:
            logout.revoke().raise_for_status()
        if len(nodes) > 1:
            victim.start()
            victim.is_up = True
    assert query("SELECT count(*), count(DISTINCT subject_id) FROM sessions") == [(6, 6)]
    assert query("SELECT count(*) FROM audit WHERE changes LIKE '%session.replayed%'") == [(0,)]
    assert revoked > 0, "no revocation was confirmed before a crash"
    (graces,), = query("SELECT count(*) FROM audit_events WHERE kind = 'refresh_grace'")
    total = sum(client.refreshes for client in clients)
    assert query("SELECT sum(generation) FROM sessions")[0][0] >= total - graces
    for client in clients:
        client.tokens = client.first
        assert client.refresh().json()["error"] == "invalid_grant", "a used token was accepted again"
    assert query("SELECT count(*) FROM sessions") == [(0,)]
    with capsys.disabled():
        print(f"\nkill -9: {ROUNDS} rounds, {total} refreshes, {graces} responses repeated, "
              f"{revoked} revocations, no session lost or revived")


def test_x086_x094_a_client_that_retries_never_loses_its_session(capsys):
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
        server.is_up = True

        def query(sql):
            with sqlite3.connect(server.data / "rolecall.db") as database:
                return database.execute(sql).fetchall()

        check_no_session_is_lost([server], query, capsys)


def test_x086_x094_killing_one_of_two_nodes_loses_no_session(tmp_path, capsys):
    with databases.Postgres(tmp_path) as postgres:
        settings = {**databases.node_settings(postgres.url()), "ROLECALL_TOKENS__ISSUER": "https://login.example",
                    "ROLECALL_REGISTRATION__MODE": "open"}

        def query(sql):
            result = postgres.run("psql", "-U", "rolecall", "-d", "postgres", "-Atc", sql)
            assert result.returncode == 0, result.stderr
            return [tuple(int(cell) for cell in line.split("|")) for line in result.stdout.decode().split()]

        with programs.serve(**settings) as one, programs.serve(**settings) as two:
            one.is_up = two.is_up = True
            check_no_session_is_lost([one, two], query, capsys)
