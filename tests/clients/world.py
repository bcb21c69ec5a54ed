"""A server of one or two nodes and three services elsewhere that it guards, each a process of its own; measures how
long each of them goes on to let in whoever has lost something.

The services reach the issuer over a line that can be cut and led to either node; whoever takes something away talks
to a node directly.
"""

import json
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import api
import losses
import programs
import services
from databases import MASTER_KEY
from lines import Line

ROOT, PASS_PHRASE = "root", losses.PASS_PHRASE
# where anybody is let in who has the role `user`
DOORS = {"rust": "/me", "fastapi": "/users/", "express": "/users/"}
PATIENCE = 10
REPORT = programs.OUTPUT / "losses.json"


class Measured(NamedTuple):
    """How long each service let in whoever had lost something, in seconds from the answer of the call."""
    kind: str
    delays: dict

    @property
    def last(self):
        return max(self.delays.values())


class World:
    def __init__(self, nodes, line, **settings):
        self.nodes, self.line, self.at = nodes, line, 0
        made = self.node.run("user", "add", ROOT, "--role", "rolecall.admin", "--role", "user", "--password-stdin",
                             text=PASS_PHRASE + "\n")
        self.done(made)
        self.roots = [api.logged_in(node.url, ROOT, PASS_PHRASE) for node in nodes]
        reader = self.client(roles=["rolecall.resource-server"])
        self.start = lambda name: getattr(services, name)(Issuer(line.url, nodes[0].folder), reader, **settings)
        self.services, self.measured = {}, []
        try:
            for name in DOORS:
                self.services[name] = self.start(name)
            self.bystanders = [Bystander(self, name) for name in DOORS]
        except BaseException:
            self.stop()
            raise

    # -- making things

    @property
    def node(self):
        """Where things are taken away."""
        return self.nodes[self.at]

    @property
    def root(self):
        return self.roots[self.at]

    def done(self, answer, status=None):
        if isinstance(answer, subprocess.CompletedProcess):
            assert answer.returncode == 0, (answer.args, answer.stderr)
        else:
            assert answer.status_code == status or answer.ok, (answer.status_code, answer.text)
        return answer

    def role(self):
        name = api.fresh("role")
        self.done(self.root.post("/api/roles", json={"name": name}))
        return name

    def client(self, **members):
        members = {"name": api.fresh("client"), "grants": ["client_credentials"], **members}
        return self.done(self.root.post("/api/clients", json=members)).json()

    def log_in(self):
        """The administrator, and with that the bystanders: after keys have rotated."""
        for root in self.roots:
            root.log_in(ROOT, PASS_PHRASE)
        for bystander in self.bystanders:
            bystander.carry(self.root.access_token)

    # -- measuring

    def ways(self):
        return {name: service.way(DOORS[name]) for name, service in self.services.items()}

    def lose(self, kind, stale=False):
        """Takes something away that all services have accepted until then, and waits until none does."""
        loss = losses.KINDS[kind](self)
        ways = self.ways()
        self.until(200, loss.token, time.perf_counter(), ways, stale=stale)
        answer = loss.take()
        answered_at = time.perf_counter()
        # while keys are loaded, one that nobody knows is no reason to refuse for good
        delays = self.until_refused(loss.token, answered_at, ways, stale=stale or kind.startswith("key"))
        self.done(answer, loss.status)
        return Measured(kind, delays)

    def until(self, wanted, token, since, ways=None, let_in=True, stale=False, patience=PATIENCE):
        """Asks all services until each answers as `wanted`; until then it may let in, or say that it is out of date,
        where that is said here, but whoever was refused is never let in. Gives the seconds since then."""
        def wait(way):
            may_let_in = let_in
            while True:
                status, challenge = way.ask(token)
                took = time.perf_counter() - since
                if status == wanted:
                    return took, challenge
                assert (may_let_in and status == 200) or (stale and status == 503), (way, status, challenge, took)
                may_let_in = may_let_in and status == 200
                assert took < patience, f"{way} answers {status}, and not {wanted}, after {took:.1f} s"
                time.sleep(0.002)
        ways = ways or self.ways()
        with ThreadPoolExecutor(len(ways)) as pool:
            found = dict(zip(ways, pool.map(wait, ways.values())))
        for name, (_, challenge) in found.items():
            assert wanted != 401 or challenge in (api.ENDED, api.INVALID), (name, challenge)
        return {name: took for name, (took, _) in found.items()}

    def until_refused(self, token, since, ways=None, **more):
        ways = ways or self.ways()
        delays = self.until(401, token, since, ways, **more)
        for name, way in ways.items():
            assert way.ask(token)[0] in ((401, 503) if more.get("stale") else (401,)), f"{name} has refused before"
        return delays

    def series(self, kinds):
        """Loses all these, one after the other."""
        found = [self.lose(kind) for kind in kinds]
        self.measured += found
        return found

    def note(self, kind, delays):
        """Keeps what was measured otherwise."""
        self.measured.append(Measured(kind, delays))
        return delays

    def are_connected(self):
        """Waits until all services hear again of what is taken away."""
        self.lose("logged out", stale=True)

    def stop(self):
        for bystander in getattr(self, "bystanders", []):
            bystander.stop()
        for service in self.services.values():
            service.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Issuer(NamedTuple):
    """What a service is told of its issuer."""
    url: str
    folder: object


class Bystander(threading.Thread):
    """Somebody who lost nothing, and asks a service again and again."""

    def __init__(self, world, name):
        super().__init__(daemon=True)
        self.way, self.name = world.services[name].way(DOORS[name]), name
        self.token, self.lock = world.root.access_token, threading.Lock()
        self.answers, self.refusals, self.stale, self.may_be_stale = 0, [], 0, False
        self.stopping = threading.Event()
        services.within(20, lambda: self.way.ask(self.token)[0] == 200)
        self.start()

    def run(self):
        while not self.stopping.wait(0.05):
            with self.lock:
                status, challenge = self.way.ask(self.token)
                self.answers += 1
                self.stale += status == 503
                if status != 200 and not (self.may_be_stale and status == 503):
                    self.refusals.append((status, challenge))

    def carry(self, token):
        """Another token, from when it is accepted."""
        way = services.Way(self.way.service, self.way.path)
        services.within(PATIENCE, lambda: way.ask(token)[0] == 200)
        with self.lock:
            self.token = token

    def stop(self):
        self.stopping.set()
        self.join()

    def was_never_refused(self):
        assert self.answers > 0 and self.refusals == [], (self.name, self.answers, self.refusals[:5])


def percentile(values, hundredth):
    """The smallest value that so many of a hundred are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * hundredth // 100) - 1)]


def table(measured):
    """A line for each kind, and one for all losses: count, median, 99th percentile and worst, in milliseconds."""
    rows = {}
    for loss in measured:
        rows.setdefault(loss.kind, []).append(loss.last * 1000)
    rows["all losses"] = [loss.last * 1000 for loss in measured if loss.kind in losses.KINDS]
    return [{"kind": name, "count": len(values), "median_ms": round(statistics.median(values), 1),
             "p99_ms": round(percentile(values, 99), 1), "worst_ms": round(max(values), 1)}
            for name, values in rows.items()]


def report(name, measured):
    """Prints the table and keeps it in a file."""
    rows = table(measured)
    print(f"\n{name:50} count  median     p99   worst  (ms until the last service)")
    for row in rows:
        print("{kind:50} {count:5} {median_ms:7.0f} {p99_ms:7.0f} {worst_ms:7.0f}".format(**row))
    slowest = {door: round(max(loss.delays[door] for loss in measured) * 1000, 1) for door in DOORS}
    print("worst by service: " + ", ".join(f"{door} {worst:.0f}" for door, worst in slowest.items()))
    known = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    known[name] = {"kinds": rows, "worst_ms_by_service": slowest}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(known, indent=1) + "\n")


def node(line, **settings):
    return programs.serve(ROLECALL_PUBLIC_URL=line.url, **settings)


def on_postgres(line, url):
    return node(line, ROLECALL_DATABASE__URL=url, ROLECALL_MASTER_KEY=MASTER_KEY)
