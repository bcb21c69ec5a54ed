"""Guards after a fork: `os.fork`, multiprocessing, gunicorn --preload. A server in this process plays the issuer."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from issuer import Issuer

from rolecall import Guard, authenticated
from rolecall._rolecall import Answer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
DEADLINE = 20


@pytest.fixture
def issuer(conformance):
    issuer = Issuer(conformance("tokens.json")["guards"]["main"]["jwks"])
    yield issuer
    issuer.stop()


def state_of(guard):
    """Return what a request without a valid token gets: 503 while the guard knows nothing, 401 as soon as it does."""
    found = guard.check(authenticated, [b"Bearer a.b.c"])
    return found.status if isinstance(found, Answer) else 200


def until_known(guard):
    deadline = time.monotonic() + DEADLINE
    while state_of(guard) != 401:
        if time.monotonic() > deadline:
            return guard.status()
        time.sleep(0.02)
    return None


def child_work(guard, pipe):
    pipe.send(until_known(guard))
    before = guard.status()["feed_answers"]
    deadline = time.monotonic() + DEADLINE
    while guard.status()["feed_answers"] <= before and time.monotonic() < deadline:
        time.sleep(0.02)
    pipe.send(guard.status()["feed_answers"] > before)


def test_a_child_follows_the_issuer_by_itself(issuer):
    guard = Guard(issuer.url, client=("items", "secret"), max_staleness=2)
    assert until_known(guard) is None
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=child_work, args=(guard, sender))
        child.start()
        assert receiver.poll(DEADLINE) and receiver.recv() is None
        assert receiver.poll(DEADLINE) and receiver.recv() is True
        child.join(DEADLINE)
        assert child.exitcode == 0
    assert until_known(guard) is None, "the parent goes on"


def test_many_forks_while_requests_run_never_hang(issuer):
    guard = Guard(issuer.url, client=("items", "secret"), max_staleness=2)
    assert until_known(guard) is None
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            state_of(guard)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if until_known(guard) is None else 1)
            assert wait_for(pid) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def wait_for(pid):
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "it hangs"


APPS = {
    "fastapi": """
        from fastapi import FastAPI
        from rolecall.fastapi import protect, public, require
        app = FastAPI()
        app.get("/pid", dependencies=[public])(lambda: os.getpid())
        app.get("/x", dependencies=[require()])(lambda: "x")
        protect(app, guard)
    """,
    "flask": """
        from flask import Flask
        from rolecall.flask import protect, public, require
        app = Flask(__name__, static_folder=None)
        app.add_url_rule("/pid", view_func=public(lambda: str(os.getpid())), endpoint="pid")
        app.add_url_rule("/x", view_func=require()(lambda: "x"), endpoint="x")
        protect(app, guard)
    """,
}


@pytest.mark.parametrize("framework", APPS)
def test_gunicorn_with_preload_serves_from_every_worker(issuer, tmp_path, framework):
    head = f"import os\nfrom rolecall import Guard\nguard = Guard({issuer.url!r}, client=('items', 'secret'), max_staleness=2)\n"
    (tmp_path / "served.py").write_text(head + textwrap.dedent(APPS[framework]))
    worker = "uvicorn_worker.UvicornWorker" if framework == "fastapi" else "sync"
    if framework == "fastapi":
        pytest.importorskip("uvicorn_worker")
    command = [
        sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--worker-class", worker, "--bind", "127.0.0.1:0",
        "--log-level", "info", "served:app",
    ]
    server = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        address = None
        while address is None:
            line = server.stderr.readline()
            assert line, "gunicorn ended"
            if "Listening at: " in line:
                address = line.split("Listening at: ")[1].split()[0]
        threading.Thread(target=server.stderr.read, daemon=True).start()
        pids, states = set(), set()
        deadline = time.monotonic() + DEADLINE
        while (len(pids) < 2 or 401 not in states) and time.monotonic() < deadline:
            pids.add(request(f"{address}/pid")[1])
            states.add(request(f"{address}/x", "a.b.c")[0])
        assert len(pids) == 2
        # every worker knows the keys and the feed by now, or soon
        deadline = time.monotonic() + DEADLINE
        while {request(f"{address}/x", "a.b.c")[0] for _ in range(20)} != {401}:
            assert time.monotonic() < deadline, "a worker does not follow the issuer"
    finally:
        server.terminate()
        server.wait(DEADLINE)


def request(url, token=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urlopen(Request(url, headers=headers), timeout=DEADLINE) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()
