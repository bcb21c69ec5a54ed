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
# keys last: each of these makes everybody log in anew
KEYS = [name for name in losses.KINDS if name.startswith("key")]
OTHERS = [name for name in losses.KINDS if name not in KEYS]


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


def test_every_loss_on_sqlite_is_refused_everywhere_within_a_second(on_sqlite, capsys):
    turns = -(-ENOUGH // len(losses.KINDS))
    for _ in range(turns):
        on_sqlite.series(losses.KINDS)
    with capsys.disabled():
        world.report("SQLite", on_sqlite.measured)
    assert len(on_sqlite.measured) >= ENOUGH
    for bystander in on_sqlite.bystanders:
        bystander.was_never_refused()
    assert world.table(on_sqlite.measured)[-1]["p99_ms"] < PROMISE * 1000
