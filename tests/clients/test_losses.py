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
    url = postgres.url(postgres.fresh("losses"))
    with Line() as line, world.on_postgres(line, url) as first, world.on_postgres(line, url) as second:
        line.lead_to(second.port)
        with World([first, second], line) as it:
            yield it


def keeps_the_promise(name, it, capsys):
    with capsys.disabled():
        world.report(name, it.measured)
    assert len(it.measured) >= ENOUGH
    for bystander in it.bystanders:
        bystander.was_never_refused()
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


def was_answered(delays, most):
    assert max(delays.values()) < most, delays
    return delays


def test_a_server_that_is_killed_and_restarted_costs_no_loss_and_nobody_their_access(on_sqlite):
    it = on_sqlite
    for _ in range(3):
        before, while_down, after = losses.User(it), losses.User(it), losses.User(it)
        it.done(it.root.delete(before.assignment))
        it.until_refused(before.token, time.perf_counter())
        it.node.kill()
        it.until_refused(before.token, time.perf_counter(), let_in=False)
        it.done(it.node.run("unassign", while_down.name, while_down.role))
        it.node.start()
        it.done(it.root.delete(after.assignment))
        answered_at = time.perf_counter()
        for user in (while_down, after):
            was_answered(it.until_refused(user.token, answered_at), PAUSE + PROMISE)
        # connected again
        for loss in it.series(SOME):
            was_answered(loss.delays, PROMISE)
    for bystander in it.bystanders:
        bystander.was_never_refused()


def test_one_of_two_nodes_that_is_killed_costs_no_loss_and_nobody_their_access(on_postgres):
    it = on_postgres
    it.line.lead_to(*(node.port for node in it.nodes))
    for turn in range(4):
        node, it.at = it.nodes[turn % 2], (turn + 1) % 2
        user = losses.User(it)
        node.kill()
        it.done(it.root.delete(user.assignment))
        was_answered(it.until_refused(user.token, time.perf_counter()), PAUSE + PROMISE)
        for loss in it.series(SOME):
            was_answered(loss.delays, PROMISE)
        node.start()
    for bystander in it.bystanders:
        bystander.was_never_refused()


STALE = 3.0


def is_out_of_date_and_recovers(it, cut, mend, recovers_within):
    """Something is taken away while nobody can hear of it."""
    user, ways = losses.User(it), it.ways()
    it.until(200, user.token, time.perf_counter(), ways)
    it.until(200, it.root.access_token, time.perf_counter(), ways)
    for bystander in it.bystanders:
        bystander.may_be_stale = True
    cut()
    cut_at = time.perf_counter()
    it.done(it.root.delete(user.assignment))
    refused = it.until(503, user.token, cut_at, ways)
    # the state was at most as old as a service waits for an answer when it was cut off
    assert all(STALE - 1 - SLACK < took < STALE + SLACK for took in refused.values()), refused
    it.until(503, it.root.access_token, cut_at, ways, patience=STALE + SLACK)
    mend()
    mended_at = time.perf_counter()
    was_answered(it.until_refused(user.token, mended_at, let_in=False, stale=True), recovers_within)
    it.until(200, it.root.access_token, mended_at, stale=True)
    # what is heard now was asked for since
    it.are_connected()
    for bystander in it.bystanders:
        bystander.may_be_stale = False
    was_answered(it.series(SOME)[0].delays, PROMISE)
    return refused


def test_a_service_that_is_cut_off_refuses_by_itself_and_recovers():
    with Line() as line, world.node(line) as node:
        line.lead_to(node.port)
        with World([node], line, MAX_STALENESS=str(STALE)) as it:
            is_out_of_date_and_recovers(it, line.cut, lambda: line.lead_to(node.port), PAUSE + PROMISE)
            is_out_of_date_and_recovers(it, line.silence, line.speak, PAUSE + PROMISE)
            # what is silent for ever is given up after 5 s
            is_out_of_date_and_recovers(it, line.forget, lambda: None, 5 + 1 + PAUSE + PROMISE)
            for bystander in it.bystanders:
                bystander.was_never_refused()


def test_services_of_a_node_that_is_cut_off_from_postgresql_refuse_by_themselves_and_recover(postgres):
    name = postgres.fresh("cut_off")
    with Line() as line, Line(postgres.port) as way, \
            world.on_postgres(line, postgres.url(name)) as first, \
            world.on_postgres(line, postgres.url(name, way.port)) as second:
        line.lead_to(second.port)
        with World([first, second], line, MAX_STALENESS=str(STALE)) as it:
            is_out_of_date_and_recovers(it, way.cut, lambda: way.lead_to(postgres.port), PAUSE + PROMISE)
            is_out_of_date_and_recovers(it, way.silence, way.speak, 5 + PAUSE + PROMISE)
            for bystander in it.bystanders:
                bystander.was_never_refused()
