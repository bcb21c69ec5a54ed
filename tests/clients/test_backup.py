"""A backup made under load: whole when put back, and after `recover` nothing of before lives on."""

import json
import shutil
import sqlite3
import threading
import time

import pytest
import requests

import api
import programs

PASS_PHRASE = "a long enough pass phrase"
# the same on every server of this file, so that a token of one is looked at by the other
SETTINGS = {"ROLECALL_TOKENS__ISSUER": "https://login.example", "ROLECALL_REGISTRATION__MODE": "open"}


def serve(folder=None):
    return programs.serve(folder=folder, **SETTINGS)


class Load:
    """People who log in, and an administrator who gives and takes roles, until told to stop."""

    def __init__(self, server, admin, people):
        self.server, self.admin, self.people = server, admin, people
        self.stopping, self.log_ins, self.changes, self.odd = threading.Event(), 0, 0, []
        works = [self.log_in, self.log_in, self.change, self.change]
        self.threads = [threading.Thread(target=self.loop, args=(work, number))
                        for number, work in enumerate(works)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=60)

    def loop(self, work, number):
        while not self.stopping.is_set():
            work(number)

    def log_in(self, number):
        answer = api.Caller(self.server.url).token(self.people[number]["username"], PASS_PHRASE)
        self.note(answer, 200)
        self.log_ins += 1

    def change(self, number):
        path = f"{self.server.url}/api/users/{self.people[number]['id']}/roles/editor"
        headers = {"Authorization": f"Bearer {self.admin.access_token}"}
        self.note(requests.put(path, headers=headers, timeout=30), 204)
        self.note(requests.delete(path, headers=headers, timeout=30), 204)
        self.changes += 1

    def note(self, answer, expected):
        if answer.status_code != expected:
            self.odd.append((answer.status_code, answer.text))


class Holdings:
    """What somebody got before the backup. Whatever else a log-in gives out belongs here."""

    def __init__(self, server, name):
        form = {"grant_type": "password", "username": name, "password": PASS_PHRASE}
        given = requests.post(f"{server.url}/token", data=form, timeout=30).json()
        self.token, self.refresh = given["access_token"], given["refresh_token"]

    def works(self, server):
        """Whether each thing still does."""
        caller = api.Caller(server.url)
        caller.carry(self.token)
        answer = caller.get("/api/me")
        if answer.status_code != 200:
            api.is_problem(answer, 401, "Could not validate credentials", api.ENDED)
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh}
        refreshed = requests.post(f"{server.url}/token", data=form, timeout=30)
        assert refreshed.status_code == 200 or refreshed.json()["error"] == "invalid_grant", refreshed.text
        return {"access token": answer.status_code == 200, "refresh token": refreshed.status_code == 200}


ALL, NONE = ({"access token": works, "refresh token": works} for works in (True, False))


@pytest.fixture(scope="module")
def backup(tmp_path_factory):
    """`file` and `key` of a backup made under load, and what `before` held; `after` is of a later log-in."""
    folder = tmp_path_factory.mktemp("backup")
    with serve() as server:
        made = server.run("user", "add", "root", "--role", "rolecall.admin", "--password-stdin",
                          text=f"{PASS_PHRASE}\n")
        assert made.returncode == 0, made.stderr
        assert server.run("role", "add", "editor").returncode == 0
        admin = api.logged_in(server.url, "root", PASS_PHRASE)
        people = [api.register(server.url)[0] for _ in range(4)]
        before = Holdings(server, people[0]["username"])
        with Load(server, admin, people) as load:
            wait_for(lambda: load.log_ins >= 3 and load.changes >= 3)
            begun = load.log_ins, load.changes
            for number in range(3):
                done = server.run("backup", str(folder / f"rolecall-{number}.db"))
                assert done.returncode == 0, done.stderr
            wait_for(lambda: load.log_ins > begun[0] + 3 and load.changes > begun[1] + 3)
        assert load.odd == []
        shutil.copy(server.folder / "rolecall-data" / "rolecall.key", folder)
        yield Backup(folder, before, people)


class Backup:
    def __init__(self, folder, before, people):
        self.folder, self.before, self.people = folder, before, people
        self.files = sorted(folder.glob("*.db"))

    def new_place(self, folder):
        """A folder in which nothing is but the master key."""
        data = folder / "rolecall-data"
        data.mkdir(mode=0o700)
        shutil.copy(self.folder / "rolecall.key", data)
        return data


def sessions(server, name):
    listed = server.run("session", "list", name, "--json")
    assert listed.returncode == 0, listed.stderr
    return json.loads(listed.stdout)


def wait_for(done):
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < 60
        time.sleep(0.01)


def test_x095_a_backup_made_under_load_is_whole(backup):
    assert len(backup.files) == 3
    for file in backup.files:
        assert file.stat().st_mode & 0o077 == 0
        with sqlite3.connect(file) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            newest, = database.execute("SELECT max(revision) FROM audit").fetchone()
            assert database.execute("SELECT revision FROM head").fetchall() == [(newest,)]


def test_x095_what_restore_puts_back_ends_everything_of_before(backup, tmp_path):
    backup.new_place(tmp_path)
    file = str(backup.files[-1])
    with serve(tmp_path) as server:
        refused = server.run("restore", "--force", file)
        assert refused.returncode == 1 and "stop the server first" in refused.stderr
        server.kill()
        restored = server.run("restore", "--force", file)
        assert restored.returncode == 0, restored.stderr
        server.start()
        assert backup.before.works(server) == NONE
        assert server.run("audit", "verify").returncode == 0
        again = Holdings(server, backup.people[0]["username"])
        assert again.works(server) == ALL


def test_x095_a_file_put_back_by_hand_needs_recover(backup, tmp_path):
    data = backup.new_place(tmp_path)
    shutil.copy(backup.files[-1], data / "rolecall.db")
    with serve(tmp_path) as server:
        assert server.run("audit", "verify").returncode == 0
        # why `recover` is needed: nobody told this database that anything has ended
        assert backup.before.works(server) == ALL
        later = Holdings(server, backup.people[1]["username"])
        name = backup.people[0]["username"]
        assert sessions(server, name) != []
        recovered = server.run("recover")
        assert recovered.returncode == 0, recovered.stderr
        wait_for(lambda: backup.before.works(server) == NONE)
        assert later.works(server) == NONE
        assert sessions(server, name) == []
        assert Holdings(server, backup.people[1]["username"]).works(server) == ALL
        assert server.run("audit", "verify").returncode == 0


def test_a_backup_is_not_put_back_with_another_master_key(backup, tmp_path):
    data = backup.new_place(tmp_path)
    (data / "rolecall.key").write_text("0123456789abcdef" * 4 + "\n")
    with serve(tmp_path) as server:
        before = Holdings(server, api.register(server.url, password=PASS_PHRASE)[0]["username"])
        server.kill()
        refused = server.run("restore", "--force", str(backup.files[0]))
        assert refused.returncode == 1 and "master key" in refused.stderr
        server.start()
        assert before.works(server) == ALL
