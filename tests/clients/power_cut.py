"""Checks that `rolecall backup` and `rolecall restore` survive a power cut, by the order of their system calls.

Runs each under `strace` and fails unless every file that gets its final name, by a rename or a hard link, was written
to the disk before (fsync), and its folder after. Needs `strace`; run it by hand.
"""

import argparse
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import programs
from programs import PASS_PHRASE

SYNCS = {"fsync", "fdatasync"}
# each has the descriptor that it changes first, except for `copy_file_range`, which has it last
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "fallocate", "sendfile", "copy_file_range"}
NAMES = {"rename", "renameat", "renameat2", "link", "linkat"}


class Trace:
    """The system calls of a command in `folder`, and what a power cut could undo of them."""

    def __init__(self, lines, folder):
        self.folder, self.faults, self.published = folder, [], []
        # the files that were changed since they were last synced, and the new names in each folder
        self.dirty, self.unlisted = set(), {}
        unfinished = {}
        for line in lines:
            pid, _, text = line.strip().partition(" ")
            text = text.strip()
            if text.endswith("<unfinished ...>"):
                unfinished[pid] = text.removesuffix("<unfinished ...>")
                continue
            if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
                text = unfinished.pop(pid, "") + resumed[1]
            call = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", text)
            if call and int(call[3]) >= 0:
                self.apply(call[1], call[2])
        for folder, names in self.unlisted.items():
            self.faults.append(f"the folder {folder} was not synced after {', '.join(sorted(names))} got there")

    def apply(self, call, arguments):
        descriptors = re.findall(r"\b\d+<([^>]*)>", arguments)
        if call in SYNCS:
            self.dirty.discard(descriptors[0])
            self.unlisted.pop(descriptors[0], None)
        elif call in WRITES and descriptors:
            self.dirty.add(descriptors[-1] if call == "copy_file_range" else descriptors[0])
        elif call in NAMES:
            old, new = self.paths(arguments)
            self.name(call, old, new)
        elif call == "mkdir":
            self.list_name(*self.paths(arguments))

    def paths(self, arguments):
        """The paths that a call names, resolved from the folders that it gives or from that of the command."""
        found = re.findall(r'(?:AT_FDCWD<([^>]*)>, |\d+<([^>]*)>, )?"([^"]*)"', arguments)
        return [os.path.normpath(os.path.join(one or other or self.folder, path)) for one, other, path in found]

    def name(self, call, old, new):
        if old in self.dirty:
            self.faults.append(f"{call}: {old} was changed after it was last synced, and became {new}")
        self.published.append(new)
        self.list_name(new)

    def list_name(self, new):
        folder, name = os.path.split(new)
        self.unlisted.setdefault(folder, set()).add(name)


def trace(folder, *arguments, **settings):
    """Runs the command line under `strace` in a folder, where it must succeed."""
    calls = folder / "calls"
    traced = ",".join(sorted({*SYNCS, *WRITES, *NAMES, "mkdir"}))
    # -y prints the path of each descriptor
    command = ["strace", "-f", "-y", "-s", "0", "-e", f"trace={traced}", "-o", calls, programs.rolecall(), *arguments]
    result = subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=300,
                            env=programs.environment(**settings))
    assert result.returncode == 0, (arguments, result.stderr)
    with calls.open(errors="replace") as lines:
        return Trace(lines, str(folder))


def check(title, found, *expected):
    """Prints what a power cut could undo; returns true if it is nothing and all expected files were published."""
    names = [os.path.basename(path) for path in found.published]
    faults = found.faults + [f"{name} was not put in place" for name in expected if name not in names]
    print(f"{title:40} {'; '.join(faults) or 'durable: ' + ', '.join(names)}")
    return not faults


def check_all(folder):
    """Makes a backup and restores it in each way; returns true if all are durable."""
    def run(*arguments, text=None, **settings):
        return programs.check_rolecall(*arguments, folder=folder, text=text, **settings)

    run("migrate")
    run("user", "add", "root", "--role", "rolecall.admin", "--password-stdin", text=f"{PASS_PHRASE}\n")
    results = [check("backup", trace(folder, "backup", "first.db"), "first.db", "first.db.sha256")]
    run("role", "add", "later")
    restored = trace(folder, "restore", "--force", "first.db")
    results.append(check("restore over a database", restored, "rolecall.db"))
    database = folder / "rolecall-data" / "rolecall.db"
    with database.open("r+b") as file:
        file.truncate(10_000)
        file.write(b"no database")
    damaged = trace(folder, "restore", "--force", "first.db")
    results.append(check("restore over a damaged database", damaged, "rolecall.db", "rolecall.db.damaged"))
    database.unlink()
    results.append(check("restore where there is no database", trace(folder, "restore", "first.db"), "rolecall.db"))
    with sqlite3.connect(database) as restored:
        assert restored.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    other = {"ROLECALL_DATABASE__URL": f"sqlite://{folder}/new/rolecall.db",
             "ROLECALL_MASTER_KEY_FILE": str(folder / "rolecall-data" / "rolecall.key")}
    results.append(check("restore into a new folder", trace(folder, "restore", "first.db", **other), "rolecall.db"))
    return all(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=programs.ROOT / "target" / "release" / "rolecall", type=Path)
    options = parser.parse_args()
    programs.rolecall = lambda: str(options.program)
    if shutil.which("strace") is None:
        print("`strace` is not installed; nothing was checked")
        return
    with tempfile.TemporaryDirectory(prefix="rolecall-power-cut-") as folder:
        sys.exit(not check_all(Path(folder).resolve()))


if __name__ == "__main__":
    main()
