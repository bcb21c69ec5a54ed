"""Losing access, in processes elsewhere: a server, and services in Rust, Python and JavaScript that it guards."""

import itertools

import pytest

import databases
import losses
import world
from lines import Line
from world import World

ENOUGH = 200
PROMISE = 1.0
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
