"""Guards after a fork: `os.fork`, multiprocessing, gunicorn --preload, uWSGI, Celery. A server in this process plays the
issuer."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from issuer import Issuer

from rolecall import Guard, _guard, authenticated
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


def test_a_fork_without_hooks_renews_each_guard_once(issuer, monkeypatch):
    guard = Guard(issuer.url, client=("items", "secret"), max_staleness=2)
    assert until_known(guard) is None
    before = guard._core
    monkeypatch.setattr(_guard, "_process", -1)
    # a guard that is made then is of this process already
    later = Guard(issuer.url, client=("items", "secret"), max_staleness=2)
    assert guard._core is not before
    assert guard._core is guard._core and later._core is later._core
    built = []
    monkeypatch.setattr(guard, "_build", lambda: built.append(1))
    threads = [threading.Thread(target=lambda: guard._core) for _ in range(8)]
    monkeypatch.setattr(_guard, "_process", -1)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


APPS = {
    "fastapi": """
        from fastapi import FastAPI
        from rolecall.fastapi import protect, public, require
        app = FastAPI()
        app.get("/pid", dependencies=[public])(lambda: [os.getpid(), guard.status()["feed_answers"]])
        app.get("/x", dependencies=[require()])(lambda: "x")
        protect(app, guard)
    """,
    "flask": """
        from flask import Flask
        from rolecall.flask import protect, public, require
        app = Flask(__name__, static_folder=None)
        app.add_url_rule("/pid", view_func=public(lambda: [os.getpid(), guard.status()["feed_answers"]]), endpoint="pid")
        app.add_url_rule("/x", view_func=require()(lambda: "x"), endpoint="x")
        protect(app, guard)
    """,
}


@pytest.mark.parametrize("framework", APPS)
def test_gunicorn_with_preload_serves_from_every_worker(issuer, tmp_path, framework):
    (tmp_path / "served.py").write_text(HEAD.format(issuer.url) + textwrap.dedent(APPS[framework]))
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
        assert_two_workers_follow_the_issuer(address)
    finally:
        server.terminate()
        server.wait(DEADLINE)


def assert_two_workers_follow_the_issuer(address):
    """Check that each worker gets answers from the feed, and so refuses an invalid token and never answers 503 again."""
    first, last = {}, {}
    deadline = time.monotonic() + DEADLINE
    while len(first) < 2 or any(last[pid] < first[pid] + 5 for pid in first):
        assert time.monotonic() < deadline, f"a worker does not follow the issuer: {first} {last}"
        pid, answers = json.loads(request(f"{address}/pid")[1])
        first.setdefault(pid, answers)
        last[pid] = answers
    assert {request(f"{address}/x", "a.b.c")[0] for _ in range(20)} == {401}


# by default, uWSGI does not run Python's fork hooks
@pytest.mark.parametrize("flags", [[], ["--enable-threads"], ["--py-call-uwsgi-fork-hooks"]], ids=" ".join)
def test_uwsgi_serves_from_every_worker_after_the_fork(issuer, tmp_path, flags):
    (tmp_path / "served.py").write_text(HEAD.format(issuer.url) + textwrap.dedent(APPS["flask"]) + LATER)
    port = free_port()
    command = [
        Path(sys.executable).parent / "uwsgi", "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "2",
        "--module", "served:app", "--virtualenv", sys.prefix, "--die-on-term", "--need-app", *flags,
    ]
    with (tmp_path / "uwsgi.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        until_it_listens(server, port, tmp_path / "uwsgi.log")
        # the state of the master is old by now: a worker without a guard of its own answers 503
        assert_two_workers_follow_the_issuer(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(DEADLINE)


HEAD = """\
import os
from rolecall import Guard
guard = Guard({!r}, client=('items', 'secret'), max_staleness=2)
"""
# forks only when the guard follows the issuer, as in a master that runs for a while
LATER = """
import time
from rolecall import authenticated
from rolecall._rolecall import Answer
while guard.check(authenticated, [b"Bearer a.b.c"]).status != 401:
    time.sleep(0.02)
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until_it_listens(server, port, log):
    deadline = time.monotonic() + DEADLINE
    while True:
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)


def request(url, token=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urlopen(Request(url, headers=headers), timeout=DEADLINE) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


# Celery's broker of files reads a file while it is written, so a message is moved to the worker when it is complete
TASKS = """
import json, os
from celery import Celery
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {{
    "data_folder_in": {folder!r}, "data_folder_out": {folder!r} + "/new", "control_folder": {folder!r} + "/control",
    "processed_folder": {folder!r} + "/done", "store_processed": True, "polling_interval": 0.02,
}}
app.conf.worker_prefetch_multiplier = 1

@app.task
def see(token, place):
    answer = guard.verify(token)
    seen = [os.getpid(), guard.status()["feed_answers"], getattr(answer, "status", 200)]
    with open(place + ".new", "w") as file:
        json.dump(seen, file)
    os.replace(place + ".new", place)
"""


def test_celery_follows_the_issuer_in_every_worker(issuer, tmp_path):
    folder = tmp_path / "queue"
    for name in ("new", "done"):
        (folder / name).mkdir(parents=True)
    text = TASKS.format(folder=str(folder))
    (tmp_path / "tasks.py").write_text(HEAD.format(issuer.url) + text + LATER)
    command = [
        sys.executable, "-m", "celery", "--app", "tasks", "worker", "--pool", "prefork", "--concurrency", "2",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]
    with (tmp_path / "celery.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    program = {"__name__": "tasks"}
    exec(text, program)

    def call(count):
        """Run tasks at the same time, so that no process gets all, and return what they saw."""
        places = [tmp_path / f"{time.monotonic_ns()}-{index}" for index in range(count)]
        for place in places:
            program["see"].delay("a.b.c", str(place))
        for message in (folder / "new").iterdir():
            message.rename(folder / message.name)
        while not all(place.exists() for place in places):
            assert time.monotonic() < deadline and worker.poll() is None, (tmp_path / "celery.log").read_text()
            time.sleep(0.01)
        return [json.loads(place.read_text()) for place in places]

    try:
        first, last = {}, {}
        deadline = time.monotonic() + 3 * DEADLINE
        while len(first) < 2 or any(last[pid] < first[pid] + 5 for pid in first):
            for pid, answers, status in call(4):
                first.setdefault(pid, answers)
                last[pid] = answers
        assert status == 401 and worker.pid not in first
    finally:
        worker.terminate()
        worker.wait(DEADLINE)
