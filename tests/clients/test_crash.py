"""kill -9 under load: what was answered is there after the restart."""

import os
import random
import sqlite3
import threading
import time

import requests

import api
import databases
import programs

ROUNDS = int(os.environ.get("XTASK_CRASH_ROUNDS", "20"))
PASS_PHRASE = "a long enough pass phrase"


class Load:
    """Callers that note each change once it was answered."""

    def __init__(self, server, token, roles):
        self.server, self.token, self.roles = server, token, roles
        self.users, self.given, self.taken, self.rotated, self.odd = [], [], [], [], []
        self.stopping = threading.Event()
        works = [self.register, self.create, self.create, self.assign, self.assign, self.rotate]
        self.threads = [threading.Thread(target=self.loop, args=(work,)) for work in works]
        for thread in self.threads:
            thread.start()

    def loop(self, work):
        caller = api.Caller(self.server.url)
        try:
            while not self.stopping.is_set():
                work(caller)
        except requests.RequestException:
            pass  # the server was killed: an answer that did not come promises nothing

    def note(self, answer, into, what, *expected):
        if answer.status_code in expected:
            into.append(what)
        elif answer.status_code not in (429, 503):
            self.odd.append((answer.status_code, answer.text))

    def register(self, caller):
        name = api.fresh("registered")
        answer = caller.post("/register", json={"username": name, "password": PASS_PHRASE})
        if answer.status_code == 429:
            time.sleep(0.05)
        self.note(answer, self.users, name, 201)

    def create(self, caller):
        caller.carry(self.token)
        name = api.fresh("created")
        self.note(caller.post("/api/users", json={"username": name}), self.users, name, 201)

    def assign(self, caller):
        caller.carry(self.token)
        made = caller.post("/api/users", json={"username": api.fresh("assigned")})
        if made.status_code != 201:
            return
        user, role = made.json()["id"], random.choice(self.roles)
        path = f"/api/users/{user}/roles/{role}"
        self.note(caller.put(path), self.given, (user, role), 204)
        if random.random() < 0.3 and self.given[-1:] == [(user, role)]:
            self.given.remove((user, role))
            self.note(caller.delete(path), self.taken, (user, role), 204)

    def rotate(self, caller):
        caller.carry(self.token)
        self.stopping.wait(random.uniform(0.1, 0.6))
        # 409: after some rounds no more keys fit into the set
        self.note(caller.post("/api/keys/rotate", json={"force": True}), self.rotated, 1, 200, 409)
        self.stopping.wait()

    def kill(self):
        self.server.kill()
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=30)


def check_file(server):
    """The database as it lies there, before anything is run on it again."""
    files = list((server.folder / "rolecall-data").glob("*.db"))
    assert len(files) == 1, files
    with sqlite3.connect(files[0]) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def check_promises(server, token, load):
    caller = api.Caller(server.url)
    caller.carry(token)
    states = [key["status"] for key in caller.get("/api/keys").json()["items"]]
    assert (states.count("active"), states.count("next")) == (1, 1), states
    for name in load.users:
        found = caller.get("/api/users", params={"username": name}).json()["items"]
        assert [user["username"] for user in found] == [name]
    for pairs, there in ((load.given, True), (load.taken, False)):
        for user, role in pairs:
            items = caller.get(f"/api/users/{user}/roles").json()["items"]
            assert (role in [item["role"] for item in items]) == there, (user, role)


def test_x086_nothing_that_was_answered_is_lost(capsys):
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
        made = server.run("user", "add", "root", "--role", "rolecall.admin", "--password-stdin",
                          text=PASS_PHRASE + "\n")
        assert made.returncode == 0, made.stderr
        root = api.logged_in(server.url, "root", PASS_PHRASE)
        roles = [api.fresh("role") for _ in range(3)]
        for role in roles:
            root.post("/api/roles", json={"name": role}).raise_for_status()
        promises = 0
        for number in range(ROUNDS):
            load = Load(server, root.access_token, roles)
            time.sleep(random.uniform(0.2, 0.8))
            load.kill()
            assert load.odd == []
            check_file(server)
            server.start()
            check_promises(server, root.access_token, load)
            count = len(load.users) + len(load.given) + len(load.taken)
            assert count > 0, f"round {number} put no load on the server"
            promises += count
        audit = server.run("audit", "verify")
        assert audit.returncode == 0, audit.stderr
    with capsys.disabled():
        print(f"\nkill -9: {ROUNDS} rounds, {promises} answered changes, none lost")


class Person:
    """A client that refreshes all the time, and after a crash tries again with the token that it holds."""

    def __init__(self, nodes, name):
        self.nodes, self.name, self.refreshed, self.odd = nodes, name, 0, []
        self.first = self.held = self.log_in()

    def url(self):
        return random.choice([node for node in self.nodes if node.is_up]).url

    def log_in(self):
        answer = api.Caller(self.url()).token(self.name, PASS_PHRASE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self):
        form = {"grant_type": "refresh_token", "refresh_token": self.held["refresh_token"]}
        answer = requests.post(f"{self.url()}/token", data=form, timeout=30)
        if answer.status_code == 200:
            self.held = answer.json()
            self.refreshed += 1
        elif answer.status_code not in (429, 503):
            self.odd.append((answer.status_code, answer.text))
        return answer

    def goes_on(self):
        """Whether the token held still gives another one, and that one works."""
        refreshed = self.refresh()
        return refreshed.status_code == 200 and knows(self.url(), self.held)

    def until(self, stopping):
        try:
            while not stopping.is_set():
                self.refresh()
        except requests.RequestException:
            pass  # the answer is lost, and nobody knows whether the token was used


def knows(url, held):
    headers = {"Authorization": f"Bearer {held['access_token']}"}
    return requests.get(f"{url}/api/me", headers=headers, timeout=30).status_code == 200


class LogOut:
    """Another session of somebody, revoked at some moment; `answered` tells whether that was confirmed."""

    def __init__(self, person):
        self.person, self.held, self.answered = person, person.log_in(), False

    def revoke(self):
        form = {"token": self.held["refresh_token"]}
        return requests.post(f"{self.person.url()}/revoke", data=form, timeout=30)

    def run(self):
        time.sleep(random.uniform(0, 0.5))
        try:
            self.answered = self.revoke().status_code == 200
        except requests.RequestException:
            pass

    def lives(self):
        """Whether anything of the session still works; another node hears of its end within its poll."""
        began = time.monotonic()
        while True:
            url = self.person.url()
            form = {"grant_type": "refresh_token", "refresh_token": self.held["refresh_token"]}
            refreshed = requests.post(f"{url}/token", data=form, timeout=30).status_code == 200
            if knows(url, self.held) == refreshed:
                return refreshed
            assert time.monotonic() - began < 10, "half of a session ended"
            time.sleep(0.02)


def lose_no_session(nodes, rows, capsys):
    """Kills one node after the other while clients refresh and log out, and looks at what is left."""
    people = []
    for _ in range(6):
        people.append(Person(nodes, api.register(nodes[0].url, password=PASS_PHRASE)[0]["username"]))
    revoked = 0
    for number in range(ROUNDS):
        victim = nodes[number % len(nodes)]
        before = sum(person.refreshed for person in people)
        leaving = [LogOut(person) for person in people[:2]]
        stopping = threading.Event()
        threads = [threading.Thread(target=person.until, args=(stopping,)) for person in people]
        threads += [threading.Thread(target=one.run) for one in leaving]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.05, 0.6))
        victim.kill()
        stopping.set()
        for thread in threads:
            thread.join(timeout=30)
        assert sum(person.refreshed for person in people) > before, f"round {number}: no load"
        # whoever has another node asks that one at once
        if len(nodes) == 1:
            check_file(victim)
            victim.start()
        victim.is_up = len(nodes) == 1
        assert [person.name for person in people if not person.goes_on()] == [], f"round {number}"
        assert [person.odd for person in people if person.odd] == []
        ended = [one for one in leaving if not one.lives()]
        assert [one for one in leaving if one.answered and one not in ended] == [], "a revoked token lives"
        revoked += sum(one.answered for one in leaving)
        for one in leaving:
            one.revoke().raise_for_status()
        if len(nodes) > 1:
            victim.start()
            victim.is_up = True
    assert rows("SELECT count(*), count(DISTINCT subject_id) FROM sessions") == [(6, 6)]
    assert rows("SELECT count(*) FROM audit WHERE changes LIKE '%session.replayed%'") == [(0,)]
    assert revoked > 0, "no revocation was answered before a crash"
    (graces,), = rows("SELECT count(*) FROM audit_events WHERE kind = 'refresh_grace'")
    total = sum(person.refreshed for person in people)
    assert rows("SELECT sum(generation) FROM sessions")[0][0] >= total - graces
    for person in people:
        person.held = person.first
        assert person.refresh().json()["error"] == "invalid_grant", "a used token was taken again"
    assert rows("SELECT count(*) FROM sessions") == [(0,)]
    with capsys.disabled():
        print(f"\nkill -9: {ROUNDS} rounds, {total} refreshes, {graces} answers given again, "
              f"{revoked} revocations, no session lost or revived")


def test_x086_x094_a_client_that_tries_again_never_loses_its_session(capsys):
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
        server.is_up = True

        def rows(sql):
            files = list((server.folder / "rolecall-data").glob("*.db"))
            with sqlite3.connect(files[0]) as database:
                return database.execute(sql).fetchall()

        lose_no_session([server], rows, capsys)


def test_x086_x094_no_session_is_lost_with_one_of_two_nodes(tmp_path, capsys):
    with databases.Postgres(tmp_path) as postgres:
        settings = {"ROLECALL_DATABASE__URL": postgres.url(), "ROLECALL_MASTER_KEY": databases.MASTER_KEY,
                    "ROLECALL_TOKENS__ISSUER": "https://login.example", "ROLECALL_REGISTRATION__MODE": "open"}

        def rows(sql):
            found = postgres.asked("psql", "-U", "rolecall", "-d", "postgres", "-Atc", sql)
            assert found.returncode == 0, found.stderr
            return [tuple(int(cell) for cell in line.split("|")) for line in found.stdout.decode().split()]

        with programs.serve(**settings) as one, programs.serve(**settings) as two:
            one.is_up = two.is_up = True
            lose_no_session([one, two], rows, capsys)
