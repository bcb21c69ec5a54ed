"""`rolecall dev` is the first thing that a stranger runs: what it prints must work as it stands."""

import re
import subprocess

import programs


def printed(server):
    return re.sub(r"\x1b\[[0-9;]*m", "", server.log.read_text())


def test_the_printed_calls_name_the_real_port_and_work(dev):
    text = printed(dev)
    assert f":{dev.port}" in text
    calls = [line.strip().removeprefix("$ ") for line in text.splitlines() if "curl " in line]
    assert calls, text
    log_in = next(line for line in calls if "/token" in line)
    shell = subprocess.run(["bash", "-c", log_in], capture_output=True, text=True, timeout=60)
    assert '"access_token"' in shell.stdout, (log_in, shell.stdout, shell.stderr)


def test_the_next_free_port_is_taken_and_named(dev):
    settings = programs.environment(ROLECALL_LISTEN=f"127.0.0.1:{dev.port}")
    second = subprocess.Popen(
        [programs.rolecall(), "dev"], env=settings, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=dev.folder)
    try:
        for line in second.stdout:
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if found:
                assert int(found[1]) != dev.port, line
                break
        else:
            raise AssertionError("no address was printed")
    finally:
        second.kill()
        second.wait()


def test_it_does_not_listen_beyond_this_machine():
    settings = programs.environment(ROLECALL_LISTEN="0.0.0.0:0")
    done = subprocess.run(
        [programs.rolecall(), "dev"], env=settings, text=True, capture_output=True,
        stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode != 0
    assert done.stderr
