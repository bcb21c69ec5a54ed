"""Revoking access, across processes: a server, and services in Rust, Python, JavaScript, Go and Java that it guards."""

import time

import pytest

import databases
import losses
from deployment import ROOT, ROUTES, Deployment, report, start_node, start_node_on_postgres, table
from programs import PASS_PHRASE
from tcp_proxy import TcpProxy

MIN_MEASUREMENTS = 200
# all in seconds: the documented limit for a revocation,
LIMIT = 1.0
# the longest pause of a service between two attempts to reach its issuer,
PAUSE = 2.0
# and what a busy machine may add
TOLERANCE = 0.5
pytestmark = pytest.mark.long
SAMPLE = ["role unassigned", "session ended (command line)", "user disabled", "access token revoked"]
ROUNDS = -(-MIN_MEASUREMENTS // len(losses.KINDS))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with databases.Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def on_sqlite():
    with TcpProxy() as proxy, start_node(proxy) as node:
        proxy.forward_to(node.port)
        with Deployment([node], proxy) as deployment:
            yield deployment


@pytest.fixture
def on_postgres(postgres):
    url = postgres.url(postgres.create_database())
    with TcpProxy() as proxy, start_node_on_postgres(proxy, url) as first, \
            start_node_on_postgres(proxy, url) as second:
        proxy.forward_to(second.port)
        with Deployment([first, second], proxy) as deployment:
            yield deployment


def assert_limit_holds(name, deployment, capsys):
    print_report(name, deployment, capsys)
    assert len(deployment.measurements) >= MIN_MEASUREMENTS
    assert table(deployment.measurements)[-1]["p99_ms"] < LIMIT * 1000


def test_revocations_on_sqlite_reach_every_service_within_a_second(on_sqlite, capsys):
    for _ in range(ROUNDS):
        on_sqlite.lose_each(losses.KINDS)
    assert_limit_holds("SQLite", on_sqlite, capsys)


def test_revocations_on_postgresql_with_two_nodes_reach_every_service_within_a_second(on_postgres, capsys):
    """In the first half the services are connected to the other node, in the second half to both in turn."""
    first, second = on_postgres.nodes
    for turn in range(ROUNDS):
        if turn == ROUNDS // 2:
            on_postgres.proxy.forward_to(first.port, second.port)
            on_postgres.wait_until_connected()
        if turn > ROUNDS // 2:
            on_postgres.current = turn % 2
        on_postgres.lose_each(losses.KINDS)
    assert_limit_holds("PostgreSQL, two nodes", on_postgres, capsys)


def assert_all_below(limit, delays):
    assert max(delays.values()) < limit, delays


def print_report(name, deployment, capsys):
    with capsys.disabled():
        report(name, deployment.measurements)
    for bystander in deployment.bystanders:
        bystander.assert_never_refused()


def assert_in_time(deployment):
    """Measures a few losses, each of which must stay within the limit."""
    for loss in deployment.lose_each(SAMPLE):
        assert_all_below(LIMIT, loss.delays)


def test_many_revocations_are_as_fast_as_one(on_sqlite):
    deployment = on_sqlite
    users, connections = [losses.User(deployment) for _ in range(20)], deployment.connections()
    for user in users:
        deployment.wait_for_status(200, user.token, time.perf_counter(), connections)
    for user in users:
        deployment.check(deployment.root.delete(user.assignment))
    revoked_at = time.perf_counter()
    for user in users:
        deployment.assert_refused_after(LIMIT, user.token, revoked_at, connections)


def test_restarting_a_killed_server_loses_no_revocation_and_refuses_no_bystander(on_sqlite, capsys):
    deployment, revoked = on_sqlite, []
    for _ in range(3):
        before, while_down, after = users = [losses.User(deployment) for _ in range(3)]
        deployment.check(deployment.root.delete(before.assignment))
        deployment.wait_until_refused(before.token, time.perf_counter())
        deployment.node.kill()
        deployment.wait_until_refused(before.token, time.perf_counter(), may_accept=False)
        deployment.node.check_output("unassign", while_down.name, while_down.role)
        deployment.node.start()
        deployment.check(deployment.root.delete(after.assignment))
        restored_at = time.perf_counter()
        for user, when in ((while_down, "while the server was down"), (after, "as soon as the server responded")):
            delays = deployment.wait_until_refused(user.token, restored_at)
            assert_all_below(PAUSE + LIMIT, deployment.record(f"lost {when}", delays))
        assert_in_time(deployment)
        revoked += users
    for name in deployment.services:
        with deployment.start_service(name) as late:
            connection = {name: late.connect(ROUTES[name])}
            deployment.wait_for_status(200, deployment.root.access_token, time.perf_counter(), connection, stale=True)
            for user in revoked:
                deployment.wait_until_refused(user.token, time.perf_counter(), connection, may_accept=False)
    print_report("SQLite, killed and restarted", deployment, capsys)


def test_killing_one_of_two_nodes_loses_no_revocation_and_refuses_no_bystander(on_postgres, capsys):
    deployment = on_postgres
    deployment.proxy.forward_to(*(node.port for node in deployment.nodes))
    for turn in range(4):
        node, deployment.current = deployment.nodes[turn % 2], (turn + 1) % 2
        user = losses.User(deployment)
        node.kill()
        deployment.check(deployment.root.delete(user.assignment))
        delays = deployment.wait_until_refused(user.token, time.perf_counter())
        assert_all_below(PAUSE + LIMIT, deployment.record("lost while one node was down", delays))
        assert_in_time(deployment)
        node.start()
    print_report("PostgreSQL, one of two nodes killed", deployment, capsys)


def test_recover_revokes_all_tokens_within_a_second(on_sqlite, capsys):
    deployment = on_sqlite
    while deployment.bystanders:
        deployment.bystanders.pop().stop()
    token = deployment.root.access_token
    deployment.node.check_output("recover")
    delays = deployment.wait_until_refused(token, time.perf_counter())
    assert_all_below(LIMIT, deployment.record("era renewed", delays))
    deployment.root.log_in(ROOT, PASS_PHRASE)
    deployment.wait_for_status(200, deployment.root.access_token, time.perf_counter())
    assert_in_time(deployment)
    print_report("SQLite, recovered", deployment, capsys)


MAX_STALENESS = 3


def assert_refuses_and_recovers(deployment, name, cut, mend, limit):
    """Revokes access while the services cannot learn of it; they recover within `limit`."""
    user, connections = losses.User(deployment), deployment.connections()
    for token in (user.token, deployment.root.access_token):
        deployment.wait_for_status(200, token, time.perf_counter(), connections)
    for bystander in deployment.bystanders:
        bystander.may_be_stale = True
    cut()
    cut_at = time.perf_counter()
    deployment.check(deployment.root.delete(user.assignment))
    refused = deployment.wait_for_status(503, user.token, cut_at, connections)
    deployment.record(f"{name}: refuses after", refused)
    # at the cut the state was at most as old as a service waits for a response
    assert min(refused.values()) > MAX_STALENESS - 1 - TOLERANCE, refused
    assert_all_below(MAX_STALENESS + TOLERANCE, refused)
    deployment.wait_for_status(
        503, deployment.root.access_token, cut_at, connections, timeout=MAX_STALENESS + 2 * TOLERANCE)
    mend()
    mended_at = time.perf_counter()
    recovered = deployment.wait_until_refused(user.token, mended_at, may_accept=False, stale=True)
    assert_all_below(limit, deployment.record(f"{name}: recovers after", recovered))
    deployment.wait_for_status(200, deployment.root.access_token, mended_at, stale=True)
    deployment.wait_until_connected()
    for bystander in deployment.bystanders:
        bystander.may_be_stale = False
    assert_in_time(deployment)


def test_a_disconnected_service_refuses_tokens_until_it_recovers(capsys):
    with TcpProxy() as proxy, start_node(proxy) as node:
        proxy.forward_to(node.port)
        with Deployment([node], proxy, MAX_STALENESS=str(MAX_STALENESS)) as deployment:
            assert_refuses_and_recovers(
                deployment, "connection cut", proxy.cut, lambda: proxy.forward_to(node.port), PAUSE + LIMIT)
            assert_refuses_and_recovers(deployment, "connection stalled", proxy.stall, proxy.resume, PAUSE + LIMIT)
            # a service gives up on a dead connection after 5 s
            assert_refuses_and_recovers(
                deployment, "connection dead", proxy.swallow_open_connections, lambda: None, 5 + PAUSE + LIMIT)
            print_report("SQLite, services disconnected, max_staleness 3 s", deployment, capsys)


def test_services_of_a_node_without_postgresql_refuse_tokens_until_it_recovers(postgres, capsys):
    name = postgres.create_database()
    with TcpProxy() as proxy, TcpProxy(postgres.port) as database, \
            start_node_on_postgres(proxy, postgres.url(name)) as first, \
            start_node_on_postgres(proxy, postgres.url(name, database.port)) as second:
        proxy.forward_to(second.port)
        with Deployment([first, second], proxy, MAX_STALENESS=str(MAX_STALENESS)) as deployment:
            assert_refuses_and_recovers(
                deployment, "database cut off", database.cut, lambda: database.forward_to(postgres.port), PAUSE + LIMIT)
            assert_refuses_and_recovers(
                deployment, "database stalled", database.stall, database.resume, 5 + PAUSE + LIMIT)
            # a node gives up on a dead connection after 5 s
            assert_refuses_and_recovers(
                deployment, "database dead", database.swallow_open_connections, lambda: None, 5 + PAUSE + LIMIT)
            print_report("PostgreSQL, a node disconnected from it, max_staleness 3 s", deployment, capsys)
