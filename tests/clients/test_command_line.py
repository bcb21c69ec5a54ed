"""The command line: answers for programs, refusals for people, secrets nowhere."""

import json
import re
import subprocess

import pytest

import api
import programs

PASS_PHRASE = "a long enough pass phrase"


@pytest.mark.parametrize("arguments", [("user", "list"), ("role", "list"), ("audit", "list")])
def test_lists_are_for_programs_too(served, arguments):
    done = served.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    assert PASS_PHRASE not in done.stdout


def test_a_user_that_was_added_can_log_in(served):
    name = api.fresh()
    done = served.run("user", "add", name, "--email", "u@example.org", "--password-stdin",
                      text=PASS_PHRASE + "\n")
    assert done.returncode == 0, done.stderr
    caller = api.logged_in(served.url, name, PASS_PHRASE)
    assert caller.get("/api/me").json()["email"] == "u@example.org"


def test_a_password_that_the_server_refuses_is_refused_here_too(served):
    done = served.run("user", "add", api.fresh(), "--password-stdin", text="short\n")
    assert done.returncode != 0
    assert done.stdout == "" and "password" in done.stderr


def test_what_does_not_exist_is_named(served):
    done = served.run("assign", "nobody-at-all", "rolecall.admin")
    assert done.returncode != 0
    assert "`nobody-at-all`" in done.stderr


def test_a_mistyped_session_does_not_look_as_if_it_had_been_ended(served):
    name = api.register(served.url)[0]["username"]
    done = served.run("session", "end", name, "no-such-session")
    assert done.returncode != 0 and done.stdout == ""
    assert "`no-such-session`" in done.stderr


def test_a_client_is_explained_by_its_id(served):
    made = json.loads(served.run(
        "client", "add", api.fresh(), "--grant", "client_credentials", "--json").stdout)
    done = served.run("explain", made["client_id"], "role:user")
    assert done.stdout.startswith(f"{made['client_id']} may not role:user\n"), done.stderr
    asked = json.loads(served.run("explain", made["client_id"], "role:user", "--json").stdout)
    assert asked["allowed"] is False and asked["at"].endswith("Z")


def test_acting_as_a_user_keeps_to_that_users_limits(served):
    name = api.register(served.url)[0]["username"]
    done = served.run("--as", name, "assign", name, "rolecall.admin")
    assert done.returncode != 0
    assert "rolecall.admin" not in served.run("user", "show", name, "--json").stdout


def test_the_audit_log_holds_and_names_no_people(served):
    name = api.register(served.url)[0]["username"]
    served.run("assign", name, "rolecall.admin")
    served.run("unassign", name, "rolecall.admin")
    assert served.run("audit", "verify").returncode == 0
    listed = served.run("audit", "list", "--json").stdout
    assert name not in listed and PASS_PHRASE not in listed


def test_unknown_keys_of_the_configuration_are_refused(served):
    settings = programs.environment(ROLECALL_LISTNE="127.0.0.1:1")
    done = subprocess.run([programs.rolecall(), "config", "check"], env=settings, text=True,
                          capture_output=True, cwd=served.folder, timeout=60)
    assert done.returncode != 0
    assert "listne" in done.stderr.lower()


def test_the_shown_configuration_hides_secrets(served):
    done = served.run("config", "show")
    assert done.returncode == 0, done.stderr
    assert str(served.port) in done.stdout
    key = next((served.folder / "rolecall-data").glob("*key*"), None)
    if key is not None:
        assert key.read_text().strip() not in done.stdout
        assert key.stat().st_mode & 0o077 == 0


def test_completions_are_printed(served):
    done = served.run("completions", "bash")
    assert done.returncode == 0 and "rolecall" in done.stdout


def test_no_password_or_token_is_in_the_log(served):
    name = api.register(served.url)[0]["username"]
    caller = api.logged_in(served.url, name, PASS_PHRASE)
    caller.get("/api/users")
    caller.token(name, "this one is wrong")
    log = served.log.read_text()
    for secret in (PASS_PHRASE, "this one is wrong", caller.access_token, "$argon2"):
        assert secret not in log


def test_every_key_is_documented_with_its_default(tmp_path):
    done = subprocess.run([programs.rolecall(), "config", "show", "--json"], cwd=tmp_path, text=True,
                          env=programs.environment(), capture_output=True, timeout=60, check=True)
    page = (programs.ROOT / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z._]+)` \| (.+?) \|", page, re.MULTILINE))
    shown = {key: f"`{setting['value']}`" if setting["value"] else "none"
             for key, setting in json.loads(done.stdout).items()}
    assert rows == shown


def test_the_documented_file_can_be_used(tmp_path):
    page = (programs.ROOT / "docs" / "configuration.md").read_text()
    key = tmp_path / "master.key"
    key.write_text("0123456789abcdef" * 4 + "\n")
    key.chmod(0o600)
    file = page.split("```toml\n")[1].split("```")[0].replace("/etc/rolecall/master.key", str(key))
    (tmp_path / "rolecall.toml").write_text(file)
    done = subprocess.run([programs.rolecall(), "config", "check"], cwd=tmp_path, text=True,
                          env=programs.environment(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_nothing_starts_that_registers_people_with_what_is_kept_apart():
    with programs.serve() as server:
        for command in ("role add one", "role add two", "constraint add apart --static one two"):
            assert server.run(*command.split()).returncode == 0, command
        server.settings["ROLECALL_REGISTRATION__ROLES"] = "one,two"
        server.kill()
        done = server.run("serve")
        assert done.returncode != 0
        assert "`registration.roles`" in done.stderr and "`apart`" in done.stderr, done.stderr
