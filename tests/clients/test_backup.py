"""A backup made under load is consistent, and after `recover` no earlier token or session works."""

import json
import shutil
import sqlite3
import threading

import pytest
import requests

import api
import programs
from programs import PASS_PHRASE, wait_until

# the same on every server of this file, so that one accepts the tokens of another
SETTINGS = {"ROLECALL_TOKENS__ISSUER": "https://login.example", "ROLECALL_REGISTRATION__MODE": "open"}


def serve(folder=None):
    return programs.serve(folder=folder, **SETTINGS)


class Load:
    """Users who log in, and an administrator who assigns and unassigns roles, until the end of the block."""

    def __init__(self, server, admin, users):
        self.server, self.admin, self.users = server, admin, users
        self.stopping, self.logins, self.changes, self.unexpected = threading.Event(), 0, 0, []
        actions = [self.log_in, self.log_in, self.change, self.change]
        self.threads = [threading.Thread(target=self.loop, args=(action, number))
                        for number, action in enumerate(actions)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=60)

    def loop(self, action, number):
        while not self.stopping.is_set():
            action(number)

    def log_in(self, number):
        response = api.Caller(self.server.url).token(self.users[number]["username"], PASS_PHRASE)
        self.check(response, 200)
        self.logins += 1

    def change(self, number):
        path = f"{self.server.url}/api/users/{self.users[number]['id']}/roles/editor"
        headers = api.bearer(self.admin.access_token)
        self.check(requests.put(path, headers=headers, timeout=30), 204)
        self.check(requests.delete(path, headers=headers, timeout=30), 204)
        self.changes += 1

    def check(self, response, expected):
        if response.status_code != expected:
            self.unexpected.append((response.status_code, response.text))


class Login:
    """Everything that a login issues."""

    def __init__(self, server, name):
        issued = api.Caller(server.url).log_in(name, PASS_PHRASE)
        self.access_token, self.refresh_token = issued["access_token"], issued["refresh_token"]

    def state(self, server):
        """Tries each token."""
        caller = api.Caller(server.url)
        caller.use_token(self.access_token)
        response = caller.get("/api/me")
        if response.status_code != 200:
            api.assert_ended(response)
        refreshed = caller.refresh(self.refresh_token)
        assert refreshed.status_code == 200 or refreshed.json()["error"] == "invalid_grant", refreshed.text
        return {"access token": response.status_code == 200, "refresh token": refreshed.status_code == 200}


VALID, ENDED = ({"access token": works, "refresh token": works} for works in (True, False))


@pytest.fixture(scope="module")
def backup(tmp_path_factory):
    """Three backups made under load, and a login from before."""
    folder = tmp_path_factory.mktemp("backup")
    with serve() as server:
        server.add_administrator("root")
        server.check_output("role", "add", "editor")
        admin = api.login(server.url, "root", PASS_PHRASE)
        users = [api.register(server.url)[0] for _ in range(4)]
        before = Login(server, users[0]["username"])
        with Load(server, admin, users) as load:
            wait_until(60, lambda: load.logins >= 3 and load.changes >= 3)
            start = load.logins, load.changes
            for number in range(3):
                server.check_output("backup", str(folder / f"rolecall-{number}.db"))
            wait_until(60, lambda: load.logins > start[0] + 3 and load.changes > start[1] + 3)
        assert load.unexpected == []
        shutil.copy(server.data / "rolecall.key", folder)
        yield Backup(folder, before, users)


class Backup:
    def __init__(self, folder, before, users):
        self.folder, self.before, self.users = folder, before, users
        self.files = sorted(folder.glob("*.db"))

    def create_data_folder(self, folder):
        """Creates a data folder that contains only the master key."""
        data = folder / "rolecall-data"
        data.mkdir(mode=0o700)
        shutil.copy(self.folder / "rolecall.key", data)
        return data


def sessions(server, name):
    return json.loads(server.check_output("session", "list", name, "--json"))


def test_x095_a_backup_made_under_load_is_whole(backup):
    assert len(backup.files) == 3
    for file in backup.files:
        assert file.stat().st_mode & 0o077 == 0
        with sqlite3.connect(file) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            newest, = database.execute("SELECT max(revision) FROM audit").fetchone()
            assert database.execute("SELECT revision FROM head").fetchall() == [(newest,)]


def test_x095_restore_ends_all_earlier_tokens_and_sessions(backup, tmp_path):
    data = backup.create_data_folder(tmp_path)
    # without a database beside the key, a server would not start
    shutil.copy(backup.files[0], data / "rolecall.db")
    file = str(backup.files[-1])
    with serve(tmp_path) as server:
        refused = server.run("restore", "--force", file)
        assert refused.returncode == 1 and "stop the server first" in refused.stderr
        server.kill()
        server.check_output("restore", "--force", file)
        server.start()
        assert backup.before.state(server) == ENDED
        server.check_output("audit", "verify")
        again = Login(server, backup.users[0]["username"])
        assert again.state(server) == VALID


def test_x095_a_database_restored_by_hand_needs_recover(backup, tmp_path):
    data = backup.create_data_folder(tmp_path)
    shutil.copy(backup.files[-1], data / "rolecall.db")
    with serve(tmp_path) as server:
        server.check_output("audit", "verify")
        # this is why `recover` is needed: the database does not record that anything has ended
        assert backup.before.state(server) == VALID
        later = Login(server, backup.users[1]["username"])
        name = backup.users[0]["username"]
        assert sessions(server, name) != []
        server.check_output("recover")
        wait_until(60, lambda: backup.before.state(server) == ENDED)
        assert later.state(server) == ENDED
        assert sessions(server, name) == []
        assert Login(server, backup.users[1]["username"]).state(server) == VALID
        server.check_output("audit", "verify")


def test_a_backup_is_not_restored_with_another_master_key(backup, tmp_path):
    with serve(tmp_path) as server:
        before = Login(server, api.register(server.url, password=PASS_PHRASE)[0]["username"])
        server.kill()
        refused = server.run("restore", "--force", str(backup.files[0]))
        assert refused.returncode == 1 and "master key" in refused.stderr
        server.start()
        assert before.state(server) == VALID
