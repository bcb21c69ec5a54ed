"""A PostgreSQL server for the tests, in a folder of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import api
import programs
from programs import MASTER_KEY


def open_parents(folder):
    """Lets other users of this machine reach a temporary folder."""
    for parent in folder.parents[:3]:
        if parent != Path("/tmp"):
            parent.chmod(0o755)


KINDS = ["sqlite", "postgres"]


class Postgres:
    """A running PostgreSQL server. PostgreSQL refuses to run as root, so root becomes `postgres` for it."""

    def __init__(self, folder):
        self.folder, self.port = folder, programs.free_port()
        self.programs = os.environ.get("XTASK_POSTGRES_BIN") or next(
            (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
        if self.programs is None:
            programs.skip_without("PostgreSQL")
        self.options = {"cwd": folder}
        if os.geteuid() == 0:
            self.options |= {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")
            open_parents(folder)

    def __enter__(self):
        data = self.folder / "data"
        subprocess.run([f"{self.programs}/initdb", "--pgdata", data, "--username=rolecall", "--auth=trust",
                        "--no-sync"], check=True, capture_output=True, timeout=120, **self.options)
        self.server = subprocess.Popen(
            [f"{self.programs}/postgres", "-D", data, "-p", str(self.port), "-k", str(self.folder),
             "-h", "127.0.0.1", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.options)
        programs.wait_until(30, lambda: self.run("pg_isready").returncode == 0, "PostgreSQL starts")
        return self

    def run(self, program, *arguments):
        return subprocess.run([f"{self.programs}/{program}", "-h", "127.0.0.1", "-p", str(self.port), *arguments],
                              capture_output=True, timeout=60)

    def url(self, name="postgres", port=None):
        """The URL of a database, through another port if one is given."""
        return f"postgres://rolecall@127.0.0.1:{port or self.port}/{name}"

    def create_database(self):
        """Creates a database and returns its name."""
        name = api.unique_name("of")
        result = self.run("createdb", "-U", "rolecall", name)
        assert result.returncode == 0, result.stderr
        return name

    def __exit__(self, *_):
        self.server.send_signal(signal.SIGINT)
        self.server.wait(timeout=30)


@contextlib.contextmanager
def administered(database, folder, **settings):
    """A server with the administrator `admin`: `rolecall dev` on SQLite, and `serve` on PostgreSQL."""
    if database == "sqlite":
        with programs.dev(**settings) as server:
            server.database = database
            yield server
        return
    with Postgres(folder) as postgres, \
            programs.serve(ROLECALL_REGISTRATION__MODE="open", **node_settings(postgres.url()), **settings) as server:
        server.add_user("admin", "rolecall.admin", password=programs.PASSWORD)
        server.database = database
        yield server


def node_settings(url):
    """The settings of a node that shares a PostgreSQL database with others."""
    return {"ROLECALL_DATABASE__URL": url, "ROLECALL_MASTER_KEY": MASTER_KEY}
