"""Does the time of a refused log-in tell whether the user name exists?

Sends wrong log-ins of several kinds, interleaved and in random order, and compares the times of each kind with those
of a name that nobody has: the area under the curve is 0.5 where they cannot be told apart, and 1 or 0 where they can.
Fails beyond 0.55. It takes a few minutes, so it is run by hand.
"""

import argparse
import http.client
import random
import sqlite3
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import programs

PASSWORD = "correct horse battery staple"
LIMIT = 0.05


def area_under_curve(low, high):
    """How often a value of `high` is above one of `low`, ties counting half (Mann and Whitney)."""
    ordered = sorted([(value, 0) for value in low] + [(value, 1) for value in high])
    ranks = 0.0
    at = 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        ranks += sum((at + end + 1) / 2 for place in range(at, end) if ordered[place][1])
        at = end
    return (ranks - len(high) * (len(high) + 1) / 2) / (len(low) * len(high))


def prepare(server):
    """Users of every kind."""
    for name in ["plain", "disabled", "closed", "reset"]:
        server.run("user", "add", name, "--password-stdin", text=PASSWORD).check_returncode()
    server.run("user", "disable", "disabled").check_returncode()
    server.run("user", "reset", "reset").check_returncode()


def account_of(database, log_in, name):
    """Under which key the failures of a name are counted."""
    database.execute("DELETE FROM login_failures")
    log_in(name)
    (account,), = database.execute("SELECT account FROM login_failures")
    return account


def measure(server, rounds):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    path = next(server.folder.glob("**/rolecall.db"))
    database = sqlite3.connect(path, isolation_level=None, timeout=10)

    def log_in(name):
        body = urlencode({"grant_type": "password", "username": name, "password": "wrong horse battery staple"})
        # from another address each time: what an address may fail is not what is measured
        address = f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}"
        headers = {"content-type": "application/x-www-form-urlencoded", "x-forwarded-for": address}
        began = time.perf_counter()
        connection.request("POST", "/token", body, headers)
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        assert answer.status == 401, answer.status
        return took

    closed = account_of(database, log_in, "closed")
    kinds = ["unknown", "plain", "disabled", "closed", "reset"]
    times = {kind: [] for kind in kinds}
    for number in range(rounds + 20):
        database.execute("DELETE FROM login_failures")
        database.execute("INSERT INTO login_failures VALUES (?, 100, 0)", [closed])
        random.shuffle(kinds)
        for kind in kinds:
            took = log_in(kind)
            if number >= 20:
                times[kind].append(took)
    return times


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=2000, help="samples of each kind")
    arguments.add_argument("--program", default=programs.ROOT / "target" / "release" / "rolecall", type=Path)
    told = arguments.parse_args()
    programs.rolecall = lambda: str(told.program)
    with programs.serve(ROLECALL_PROXY__TRUSTED="127.0.0.1/32") as server:
        prepare(server)
        times = measure(server, told.rounds)
    unknown = times.pop("unknown")
    worst = 0.0
    for kind, taken in sorted(times.items()):
        area = area_under_curve(unknown, taken)
        worst = max(worst, abs(area - 0.5))
        median = sorted(taken)[len(taken) // 2] * 1000
        print(f"{kind:10} {area:.3f}  median {median:.2f} ms")
    print(f"unknown           median {sorted(unknown)[len(unknown) // 2] * 1000:.2f} ms, {told.rounds} samples of each")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
