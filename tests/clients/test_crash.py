"""kill -9 under load: what was answered is there after the restart."""

import os
import random
import sqlite3
import threading
import time

import requests

import api
import programs

ROUNDS = int(os.environ.get("XTASK_CRASH_ROUNDS", "20"))
PASS_PHRASE = "a long enough pass phrase"


class Load:
    """Callers that note each change once it was answered."""

    def __init__(self, server, token, roles):
        self.server, self.token, self.roles = server, token, roles
        self.users, self.given, self.taken, self.odd = [], [], [], []
        self.stopping = threading.Event()
        works = [self.register, self.create, self.create, self.assign, self.assign]
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
    for name in load.users:
        found = caller.get("/api/users", params={"username": name}).json()["items"]
        assert [user["username"] for user in found] == [name]
    for pairs, there in ((load.given, True), (load.taken, False)):
        for user, role in pairs:
            items = caller.get(f"/api/users/{user}/roles").json()["items"]
            assert (role in [item["role"] for item in items]) == there, (user, role)


def test_nothing_that_was_answered_is_lost(capsys):
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
