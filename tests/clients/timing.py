"""Measures whether the time of a failed login reveals if the user name exists.

Sends failing logins of several kinds in random order and compares the times of each kind with those of an unknown
name. The area under the curve is 0.5 if they are indistinguishable, and 1 or 0 if they never overlap. Fails if it
differs from 0.5 by more than 0.05. Takes a few minutes; run it by hand.
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
    """The share of pairs in which the value of `high` exceeds that of `low`; ties count half (Mann-Whitney)."""
    ordered = sorted([(value, 0) for value in low] + [(value, 1) for value in high])
    ranks = 0.0
    start = 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        ranks += sum((start + end + 1) / 2 for rank in range(start, end) if ordered[rank][1])
        start = end
    return (ranks - len(high) * (len(high) + 1) / 2) / (len(low) * len(high))


def prepare(server):
    """Creates a user of each kind."""
    for name in ["plain", "disabled", "locked", "reset"]:
        server.add_user(name, password=PASSWORD)
    server.check_output("user", "disable", "disabled")
    server.check_output("user", "reset", "reset")


def account_of(database, log_in, name):
    """The key under which the failures of a name are counted."""
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
        # from another address each time, so that the limit of an address does not delay the login
        address = f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}"
        headers = {"content-type": "application/x-www-form-urlencoded", "x-forwarded-for": address}
        start = time.perf_counter()
        connection.request("POST", "/token", body, headers)
        response = connection.getresponse()
        response.read()
        elapsed = time.perf_counter() - start
        assert response.status == 401, response.status
        return elapsed

    locked = account_of(database, log_in, "locked")
    kinds = ["unknown", "plain", "disabled", "locked", "reset"]
    times = {kind: [] for kind in kinds}
    for number in range(rounds + 20):
        database.execute("DELETE FROM login_failures")
        database.execute("INSERT INTO login_failures VALUES (?, 100, 0)", [locked])
        random.shuffle(kinds)
        for kind in kinds:
            elapsed = log_in(kind)
            if number >= 20:
                times[kind].append(elapsed)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000, help="samples of each kind")
    parser.add_argument("--program", default=programs.ROOT / "target" / "release" / "rolecall", type=Path)
    options = parser.parse_args()
    programs.rolecall = lambda: str(options.program)
    with programs.serve(ROLECALL_PROXY__TRUSTED="127.0.0.1/32") as server:
        prepare(server)
        times = measure(server, options.rounds)
    unknown = times.pop("unknown")
    worst = 0.0
    for kind, samples in sorted(times.items()):
        area = area_under_curve(unknown, samples)
        worst = max(worst, abs(area - 0.5))
        median = sorted(samples)[len(samples) // 2] * 1000
        print(f"{kind:10} {area:.3f}  median {median:.2f} ms")
    median = sorted(unknown)[len(unknown) // 2] * 1000
    print(f"unknown           median {median:.2f} ms, {options.rounds} samples of each")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
