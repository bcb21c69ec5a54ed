"""A PostgreSQL server of the tests' own, in a folder that goes away with it."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import api
import programs

MASTER_KEY = "0123456789abcdef" * 4


class Postgres:
    """Answers at `port` of this machine; PostgreSQL does not run as root, so root becomes `postgres` for it."""

    def __init__(self, folder):
        self.folder, self.port = folder, programs.free_port()
        self.programs = os.environ.get("XTASK_POSTGRES_BIN") or next(
            (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
        if self.programs is None:
            programs.left_out("PostgreSQL is not there")
        self.options = {"cwd": folder}
        if os.geteuid() == 0:
            self.options |= {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")
            for parent in folder.parents[:3]:
                if parent != Path("/tmp"):
                    parent.chmod(0o755)

    def __enter__(self):
        data = self.folder / "data"
        subprocess.run([f"{self.programs}/initdb", "--pgdata", data, "--username=rolecall", "--auth=trust",
                        "--no-sync"], check=True, capture_output=True, timeout=120, **self.options)
        self.server = subprocess.Popen(
            [f"{self.programs}/postgres", "-D", data, "-p", str(self.port), "-k", str(self.folder),
             "-h", "127.0.0.1", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.options)
        began = time.monotonic()
        while self.asked("pg_isready").returncode:
            assert time.monotonic() - began < 30, "PostgreSQL does not start"
            time.sleep(0.05)
        return self

    def asked(self, program, *arguments):
        return subprocess.run([f"{self.programs}/{program}", "-h", "127.0.0.1", "-p", str(self.port), *arguments],
                              capture_output=True, timeout=60)

    def url(self, name="postgres", port=None):
        """Of a database; by way of another port, if one is given."""
        return f"postgres://rolecall@127.0.0.1:{port or self.port}/{name}"

    def fresh(self):
        """Makes a database and gives its name."""
        name = api.fresh("of")
        done = self.asked("createdb", "-U", "rolecall", name)
        assert done.returncode == 0, done.stderr
        return name

    def __exit__(self, *_):
        self.server.send_signal(signal.SIGINT)
        self.server.wait(timeout=30)
