"""A server of one or two nodes and five services that it guards, each a process of its own; measures how long each
service still accepts a token after its access was revoked.

The services reach the issuer through a proxy that can be cut and pointed at either node; revoking calls go to a node
directly.
"""

import json
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import api
import databases
import losses
import programs
import services
from programs import PASS_PHRASE, wait_until

ROOT = "root"
# a route of each service that admits the role `user`
ROUTES = {"rust": "/me", "fastapi": "/users/", "express": "/users/", "go": "/users/", "spring": "/users/"}
TIMEOUT = 10
REPORT = programs.OUTPUT / "losses.json"


class Measurement(NamedTuple):
    """The time for which each service accepted a revoked token, in seconds from the response to the revoking call."""
    kind: str
    delays: dict

    @property
    def slowest(self):
        return max(self.delays.values())


class Deployment:
    def __init__(self, nodes, proxy, **settings):
        self.nodes, self.proxy, self.current = nodes, proxy, 0
        self.node.add_administrator(ROOT, "user")
        self.roots = [api.login(node.url, ROOT, PASS_PHRASE) for node in nodes]
        reader = self.create_client(roles=["rolecall.resource-server"])
        issuer = Issuer(proxy.url, nodes[0].folder)
        self.start_service = lambda name: getattr(services, name)(issuer, reader, **settings)
        self.services, self.measurements = {}, []
        try:
            for name in ROUTES:
                self.services[name] = self.start_service(name)
            self.bystanders = [Bystander(self, name) for name in ROUTES]
        except BaseException:
            self.stop()
            raise

    # -- setting up

    @property
    def node(self):
        """The node that receives the revoking calls."""
        return self.nodes[self.current]

    @property
    def root(self):
        return self.roots[self.current]

    def check(self, result, status=None):
        """Checks that a command or a request succeeded, or the request failed with `status`."""
        if isinstance(result, subprocess.CompletedProcess):
            assert result.returncode == 0, (result.args, result.stderr)
        else:
            assert result.status_code == status or result.ok, (result.status_code, result.text)
        return result

    def create_role(self):
        name = api.unique_name("role")
        self.check(self.root.post("/api/roles", json={"name": name}))
        return name

    def create_client(self, *grants, **members):
        return api.create_client(self.root, *grants, **members)

    def log_in(self):
        """Gives the administrator and the bystanders a new token, after keys have rotated."""
        for root in self.roots:
            root.log_in(ROOT, PASS_PHRASE)
        for bystander in self.bystanders:
            bystander.use_token(self.root.access_token)

    # -- measuring

    def connections(self):
        return {name: service.connect(ROUTES[name]) for name, service in self.services.items()}

    def lose(self, kind, stale=False):
        """Revokes a token that all services accept, and waits until none does."""
        loss = losses.KINDS[kind](self)
        connections = self.connections()
        self.wait_for_status(200, loss.token, time.perf_counter(), connections, stale=stale)
        result = loss.revoke()
        revoked_at = time.perf_counter()
        # 503 while a service loads the keys again, since it may have missed one
        delays = self.wait_until_refused(loss.token, revoked_at, connections, stale=stale or kind.startswith("key"))
        self.check(result, loss.status)
        return Measurement(kind, delays)

    def wait_for_status(self, expected, token, since, connections=None, may_accept=True, stale=False, timeout=TIMEOUT):
        """Calls each service until it responds with `expected`, and returns the seconds since `since`. Until then it
        may accept the token if `may_accept`, and report that it is out of date if `stale`, but not accept it again
        after another status."""
        def wait(connection):
            accepted = may_accept
            while True:
                status, challenge = connection.call(token)
                delay = time.perf_counter() - since
                if status == expected:
                    return delay, challenge
                assert (accepted and status == 200) or (stale and status == 503), (connection, status, challenge, delay)
                accepted = accepted and status == 200
                assert delay < timeout, f"{connection} is {status} instead of {expected} after {delay:.1f} s"
                time.sleep(0.002)
        connections = connections or self.connections()
        with ThreadPoolExecutor(len(connections)) as pool:
            results = dict(zip(connections, pool.map(wait, connections.values())))
        for name, (_, challenge) in results.items():
            assert expected != 401 or challenge in (api.ENDED, api.INVALID), (name, challenge)
        return {name: delay for name, (delay, _) in results.items()}

    def wait_until_refused(self, token, since, connections=None, stale=False, **more):
        connections = connections or self.connections()
        delays = self.wait_for_status(401, token, since, connections, stale=stale, **more)
        for name, connection in connections.items():
            assert connection.call(token)[0] in ((401, 503) if stale else (401,)), f"{name} accepts the token again"
        return delays

    def assert_refused_after(self, limit, token, since, connections):
        """Checks that each service refuses what is sent more than `limit` seconds after `since`. How long the check
        itself takes does not matter."""
        for name, connection in connections.items():
            sent_at = time.perf_counter() - since
            while connection.call(token)[0] != 401:
                assert sent_at < limit, f"{name} accepted the token {sent_at:.1f} s after it was revoked"
                time.sleep(0.002)
                sent_at = time.perf_counter() - since

    def lose_each(self, kinds):
        """Measures the losses one after the other."""
        measurements = [self.lose(kind) for kind in kinds]
        self.measurements += measurements
        return measurements

    def record(self, kind, delays):
        """Adds a measurement that was made elsewhere."""
        self.measurements.append(Measurement(kind, delays))
        return delays

    def wait_until_connected(self):
        """Waits until all services receive revocations again."""
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
    """The issuer as a service sees it."""
    url: str
    folder: object


class Bystander(threading.Thread):
    """A user who loses nothing and calls a service all the time."""

    def __init__(self, deployment, name):
        super().__init__(daemon=True)
        self.connection, self.name = deployment.services[name].connect(ROUTES[name]), name
        self.token, self.lock = deployment.root.access_token, threading.Lock()
        self.calls, self.refusals, self.stale, self.may_be_stale = 0, [], 0, False
        self.stopping = threading.Event()
        wait_until(20, lambda: self.connection.call(self.token)[0] == 200)
        self.start()

    def run(self):
        while not self.stopping.wait(0.05):
            with self.lock:
                status, challenge = self.connection.call(self.token)
                self.calls += 1
                self.stale += status == 503
                if status != 200 and not (self.may_be_stale and status == 503):
                    self.refusals.append((status, challenge))

    def use_token(self, token):
        """Replaces the token once the service accepts the new one."""
        connection = services.Connection(self.connection.service, self.connection.path)
        wait_until(TIMEOUT, lambda: connection.call(token)[0] == 200)
        with self.lock:
            self.token = token

    def stop(self):
        self.stopping.set()
        self.join()

    def assert_never_refused(self):
        assert self.calls > 0 and self.refusals == [], (self.name, self.calls, self.refusals[:5])


def percentile(values, rank):
    """The smallest of the values that at least `rank` percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]


def table(measurements):
    """A row for each kind, and one for all losses: count, median, 99th percentile and worst, in milliseconds."""
    rows = {}
    for loss in measurements:
        rows.setdefault(loss.kind, []).append(loss.slowest * 1000)
    rows["all losses"] = [loss.slowest * 1000 for loss in measurements if loss.kind in losses.KINDS]
    return [{"kind": name, "count": len(values), "median_ms": round(statistics.median(values), 1),
             "p99_ms": round(percentile(values, 99), 1), "worst_ms": round(max(values), 1)}
            for name, values in rows.items()]


def report(name, measurements):
    """Prints the table and adds it to the report file."""
    rows = table(measurements)
    print(f"\n{name:50} count  median     p99   worst  (ms until the last service)")
    for row in rows:
        print("{kind:50} {count:5} {median_ms:7.0f} {p99_ms:7.0f} {worst_ms:7.0f}".format(**row))
    slowest = {service: round(max(loss.delays[service] for loss in measurements) * 1000, 1) for service in ROUTES}
    print("worst by service: " + ", ".join(f"{service} {worst:.0f}" for service, worst in slowest.items()))
    reports = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    reports[name] = {"kinds": rows, "worst_ms_by_service": slowest}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(reports, indent=1) + "\n")


def start_node(proxy, **settings):
    return programs.serve(ROLECALL_PUBLIC_URL=proxy.url, **settings)


def start_node_on_postgres(proxy, url):
    return start_node(proxy, **databases.node_settings(url))
