"""Losing access, in processes elsewhere: a server, and services in Rust, Python and JavaScript that it guards."""

import itertools

import time

import pytest

import databases
import losses
import world
from lines import Line
from world import World

ENOUGH = 200
PROMISE = 1.0
# the longest pause of a service between two attempts to reach its issuer
PAUSE = 2.0
# what the machine may take besides
SLACK = 0.5
SOME = ["role unassigned", "session ended (command line)", "user disabled", "access token revoked"]
TURNS = -(-ENOUGH // len(losses.KINDS))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with databases.Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def on_sqlite():
    with Line() as line, world.node(line) as node:
        line.lead_to(node.port)
        with World([node], line) as it:
            yield it


@pytest.fixture
def on_postgres(postgres):
    url = postgres.url(postgres.fresh())
    with Line() as line, world.on_postgres(line, url) as first, world.on_postgres(line, url) as second:
        line.lead_to(second.port)
        with World([first, second], line) as it:
            yield it


def keeps_the_promise(name, it, capsys):
    report(name, it, capsys)
    assert len(it.measured) >= ENOUGH
    assert world.table(it.measured)[-1]["p99_ms"] < PROMISE * 1000


def test_every_loss_on_sqlite_is_refused_everywhere_within_a_second(on_sqlite, capsys):
    for _ in range(TURNS):
        on_sqlite.series(losses.KINDS)
    keeps_the_promise("SQLite", on_sqlite, capsys)


def test_every_loss_on_postgresql_with_two_nodes_is_refused_everywhere_within_a_second(on_postgres, capsys):
    """Half of them where all services hear of it by the other node, half where they are led to both in turns."""
    first, second = on_postgres.nodes
    for turn in range(TURNS):
        if turn == TURNS // 2:
            on_postgres.line.lead_to(first.port, second.port)
            on_postgres.are_connected()
        if turn > TURNS // 2:
            on_postgres.at = turn % 2
        on_postgres.series(losses.KINDS)
    keeps_the_promise("PostgreSQL, two nodes", on_postgres, capsys)


def each_below(most, delays):
    assert max(delays.values()) < most, delays


def report(name, it, capsys):
    with capsys.disabled():
        world.report(name, it.measured)
    for bystander in it.bystanders:
        bystander.was_never_refused()


def in_time(it):
    """A few losses, none of which may take longer than what is promised."""
    for loss in it.series(SOME):
        each_below(PROMISE, loss.delays)


def test_losses_in_a_row_are_refused_as_soon_as_one(on_sqlite):
    it = on_sqlite
    users, ways = [losses.User(it) for _ in range(20)], it.ways()
    for user in users:
        it.until(200, user.token, time.perf_counter(), ways)
    for user in users:
        it.done(it.root.delete(user.assignment))
    answered_at = time.perf_counter()
    for user in users:
        each_below(PROMISE, it.until_refused(user.token, answered_at, ways))


def test_a_server_that_is_killed_and_restarted_costs_no_loss_and_nobody_their_access(on_sqlite, capsys):
    it, lost = on_sqlite, []
    for _ in range(3):
        before, while_down, after = users = [losses.User(it) for _ in range(3)]
        it.done(it.root.delete(before.assignment))
        it.until_refused(before.token, time.perf_counter())
        it.node.kill()
        it.until_refused(before.token, time.perf_counter(), let_in=False)
        it.done(it.node.run("unassign", while_down.name, while_down.role))
        it.node.start()
        it.done(it.root.delete(after.assignment))
        answered_at = time.perf_counter()
        for user, when in ((while_down, "while it was down"), (after, "as soon as it answered")):
            each_below(PAUSE + PROMISE, it.note(f"lost {when}", it.until_refused(user.token, answered_at)))
        in_time(it)
        lost += users
    for name in it.services:
        with it.start(name) as late:
            way = {name: late.way(world.DOORS[name])}
            it.until(200, it.root.access_token, time.perf_counter(), way, stale=True)
            for user in lost:
                it.until_refused(user.token, time.perf_counter(), way, let_in=False)
    report("SQLite, killed and restarted", it, capsys)


def test_one_of_two_nodes_that_is_killed_costs_no_loss_and_nobody_their_access(on_postgres, capsys):
    it = on_postgres
    it.line.lead_to(*(node.port for node in it.nodes))
    for turn in range(4):
        node, it.at = it.nodes[turn % 2], (turn + 1) % 2
        user = losses.User(it)
        node.kill()
        it.done(it.root.delete(user.assignment))
        delays = it.until_refused(user.token, time.perf_counter())
        each_below(PAUSE + PROMISE, it.note("lost as one node had been killed", delays))
        in_time(it)
        node.start()
    report("PostgreSQL, one of two nodes killed", it, capsys)


def test_everything_ends_within_a_second_where_the_era_is_renewed(on_sqlite, capsys):
    it = on_sqlite
    while it.bystanders:
        it.bystanders.pop().stop()
    token = it.root.access_token
    it.done(it.node.run("recover"))
    each_below(PROMISE, it.note("era renewed", it.until_refused(token, time.perf_counter())))
    it.root.log_in(world.ROOT, losses.PASS_PHRASE)
    it.until(200, it.root.access_token, time.perf_counter())
    in_time(it)
    report("SQLite, recovered", it, capsys)


STALE = 3.0


def is_out_of_date_and_recovers(it, what, cut, mend, recovers_within):
    """Something is taken away while nobody can hear of it."""
    user, ways = losses.User(it), it.ways()
    for token in (user.token, it.root.access_token):
        it.until(200, token, time.perf_counter(), ways)
    for bystander in it.bystanders:
        bystander.may_be_stale = True
    cut()
    cut_at = time.perf_counter()
    it.done(it.root.delete(user.assignment))
    refused = it.note(f"{what}: refuses by itself after", it.until(503, user.token, cut_at, ways))
    # the state was at most as old as a service waits for an answer when it was cut off
    assert min(refused.values()) > STALE - 1 - SLACK, refused
    each_below(STALE + SLACK, refused)
    it.until(503, it.root.access_token, cut_at, ways, patience=STALE + 2 * SLACK)
    mend()
    mended_at = time.perf_counter()
    recovered = it.until_refused(user.token, mended_at, let_in=False, stale=True)
    each_below(recovers_within, it.note(f"{what}: knows what it missed after", recovered))
    it.until(200, it.root.access_token, mended_at, stale=True)
    # what is heard now was asked for since
    it.are_connected()
    for bystander in it.bystanders:
        bystander.may_be_stale = False
    in_time(it)


def test_a_service_that_is_cut_off_refuses_by_itself_and_recovers(capsys):
    with Line() as line, world.node(line) as node:
        line.lead_to(node.port)
        with World([node], line, MAX_STALENESS=str(STALE)) as it:
            is_out_of_date_and_recovers(
                it, "line cut", line.cut, lambda: line.lead_to(node.port), PAUSE + PROMISE)
            is_out_of_date_and_recovers(it, "line silent", line.silence, line.speak, PAUSE + PROMISE)
            # what is silent for ever is given up after 5 s
            is_out_of_date_and_recovers(
                it, "line silent for ever", line.forget, lambda: None, 5 + PAUSE + PROMISE)
            report("SQLite, services cut off, max_staleness 3 s", it, capsys)


def test_services_of_a_node_that_is_cut_off_from_postgresql_refuse_by_themselves_and_recover(postgres, capsys):
    name = postgres.fresh()
    with Line() as line, Line(postgres.port) as way, \
            world.on_postgres(line, postgres.url(name)) as first, \
            world.on_postgres(line, postgres.url(name, way.port)) as second:
        line.lead_to(second.port)
        with World([first, second], line, MAX_STALENESS=str(STALE)) as it:
            is_out_of_date_and_recovers(
                it, "database cut off", way.cut, lambda: way.lead_to(postgres.port), PAUSE + PROMISE)
            is_out_of_date_and_recovers(it, "database silent", way.silence, way.speak, 5 + PAUSE + PROMISE)
            # a node gives up on a silent connection after 5 s
            is_out_of_date_and_recovers(
                it, "database silent for ever", way.forget, lambda: None, 5 + PAUSE + PROMISE)
            report("PostgreSQL, a node cut off from it, max_staleness 3 s", it, capsys)
