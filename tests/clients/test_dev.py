"""`rolecall dev` is the first command a new user runs: the commands that it prints must work."""

import re
import subprocess

import programs


def printed_by(server):
    return re.sub(r"\x1b\[[0-9;]*m", "", server.log.read_text())


def test_the_printed_calls_name_the_real_port_and_work(dev):
    text = printed_by(dev)
    assert f":{dev.port}" in text
    calls = [line.strip().removeprefix("$ ") for line in text.splitlines() if "curl " in line]
    assert calls, text
    log_in = next(line for line in calls if "/token" in line)
    shell = subprocess.run(["bash", "-c", log_in], capture_output=True, text=True, timeout=60)
    assert '"access_token"' in shell.stdout, (log_in, shell.stdout, shell.stderr)


def test_the_next_free_port_is_used_and_printed(dev):
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


def test_dev_listens_only_on_the_loopback_interface():
    result = programs.run_rolecall("dev", ROLECALL_LISTEN="0.0.0.0:0")
    assert result.returncode != 0
    assert result.stderr
