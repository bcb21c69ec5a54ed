"""The time to start and the memory of an idle server: printed, with generous upper bounds."""

import re
import socket
import time
from pathlib import Path

import pytest
import requests

import api
import programs
from programs import PASS_PHRASE


def resident_mib(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def median(values):
    return sorted(values)[len(values) // 2]


def test_start_time_and_idle_memory_are_plausible(capsys):
    start = time.perf_counter()
    with programs.serve(ROLECALL_REGISTRATION__MODE="open") as server:
        first = time.perf_counter() - start
        idle = resident_mib(server.process)
        later = []
        for _ in range(5):
            server.kill()
            later.append(server.start())
        name = api.register(server.url)[0]["username"]
        for _ in range(3):
            api.login(server.url, name, PASS_PHRASE)
        used = resident_mib(server.process)
    lines = [
        f"first start to ready: {first * 1000:.0f} ms",
        f"later starts, median of 5: {median(later) * 1000:.0f} ms",
        f"memory, idle: {idle:.1f} MiB; after a few logins: {used:.1f} MiB",
        f"program: {Path(programs.rolecall()).stat().st_size / 2**20:.1f} MiB",
    ]
    programs.OUTPUT.mkdir(parents=True, exist_ok=True)
    (programs.OUTPUT / "start.txt").write_text("\n".join(lines) + "\n")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert max(first, *later) < 10
    assert idle < 300


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def test_a_server_on_all_addresses_answers_over_ipv4_and_ipv6():
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    port = programs.free_port()
    with programs.Server([programs.rolecall(), "serve"], port=port, ROLECALL_LISTEN=f"[::]:{port}",
                         ROLECALL_PUBLIC_URL="https://login.example.com") as server:
        for host in ("127.0.0.1", "[::1]"):
            assert requests.get(f"http://{host}:{port}/health/ready", timeout=10).status_code == 200
        server.check_output("health")
        second = server.run("serve")
        assert second.returncode != 0 and f"[::]:{port} is used by another program" in second.stderr


def test_the_first_administrator_is_made_with_the_code_of_the_log():
    with programs.serve() as server:
        code = re.search(r"/admin/setup with this one-time code.*?:\n\n\s+(\S+)\n", server.log.read_text(), re.DOTALL)[1]
        browser = requests.Session()
        browser.headers["Origin"] = server.url
        # nobody could sign in yet
        page = browser.get(f"{server.url}/admin", timeout=30)
        assert page.url == f"{server.url}/admin/setup"
        assert 'name="code"' in page.text
        form = {"code": code, "username": "root", "password": PASS_PHRASE, "again": PASS_PHRASE}
        page = browser.post(page.url, data=form, timeout=30)
        assert "/login?flow=" in page.url
        assert api.login(server.url, "root", PASS_PHRASE).get("/api/users").status_code == 200
        # the page is gone, and the address leads to the sign-in from now on
        assert browser.get(f"{server.url}/admin/setup", timeout=30).status_code == 404
        assert "/login?flow=" in requests.get(f"{server.url}/admin", timeout=30).url
