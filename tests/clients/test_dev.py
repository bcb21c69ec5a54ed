"""`rolecall dev` is the first command a new user runs: the commands that it prints must work."""

import json
import re
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import programs
import sign_in
import tours


def printed_by(server):
    return re.sub(r"\x1b\[[0-9;]*m", "", server.log.read_text())


def paste_printed_commands(server, folder):
    """Runs the printed commands in one shell, in a folder of their own, and returns the output of each."""
    _, _, printed = printed_by(server).partition("Paste these into another terminal.")
    commands = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert len(commands) > 8 and not any("#" in command for command in commands), commands
    script = "".join(f"{command}\nprintf '\\n{tours.MARK}\\n'\n" for command in commands)
    shell = subprocess.run(["bash"], input=script, cwd=folder, env=tours.shell_environment(), text=True,
                           capture_output=True, timeout=60)
    outputs = shell.stdout.split(tours.MARK)[:-1]
    assert len(outputs) == len(commands), shell.stderr
    return list(zip(commands, outputs)), shell.stderr


def assert_printed_commands_work(server, folder, is_first):
    outputs, errors = paste_printed_commands(server, folder)
    assert '"access_token"' in outputs[0][1], errors
    statuses = [int(re.search(r"HTTP/1.1 (\d+)", output)[1]) for command, output in outputs if "curl -si" in command]
    assert statuses == [200, 403, 200, 401], (outputs, errors)
    (registered,) = [output for command, output in outputs if "/register" in command]
    assert ('"status":"active"' if is_first else '"status":409') in registered


@pytest.mark.parametrize("order", ["banner tour banner", "tour banner banner", "banner banner tour"])
def test_the_printed_commands_and_those_of_the_tour_do_not_break_each_other(order, tmp_path):
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        tour, is_first = tours.page("docs/tour.md", server.url), True
        for part in order.split():
            if part == "tour":
                tours.assert_output_matches(tour, server.folder)
            else:
                assert_printed_commands_work(server, tmp_path, is_first)
                is_first = False


def test_the_printed_calls_name_the_real_port_and_work(dev):
    text = printed_by(dev)
    assert f":{dev.port}" in text
    calls = [line.strip().removeprefix("$ ") for line in text.splitlines() if "curl " in line]
    assert calls, text
    log_in = next(line for line in calls if "grant_type=password" in line)
    shell = subprocess.run(["bash", "-c", log_in], capture_output=True, text=True, timeout=60)
    assert '"access_token"' in shell.stdout, (log_in, shell.stdout, shell.stderr)


def test_the_printed_code_flow_can_be_clicked_through(dev):
    text = printed_by(dev)
    (address,) = [line.strip() for line in text.splitlines() if "/authorize?" in line]
    (exchange,) = [line.strip() for line in text.splitlines() if "grant_type=authorization_code" in line]
    visitor = sign_in.Visitor(dev.url)
    page = visitor.submit(visitor.open(address), "/login", username="alice", password=programs.PASSWORD)
    assert "Allow demo?" in page.text, page.text
    form = sign_in.Page(page.text).form("/consent")
    answer = visitor.post(form.action, {**form.fields, "decision": "allow"})
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    shell = subprocess.run(["bash", "-c", exchange.replace("=CODE", f"={code}")], capture_output=True, text=True, timeout=60)
    tokens = json.loads(shell.stdout)
    assert tokens["id_token"], tokens
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{dev.url}/users/", headers=bearer, timeout=10).status_code == 200


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
