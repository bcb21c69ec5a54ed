"""The command line: its output, its errors, and the secrets it must not show."""

import json
import re

import pytest

import api
import programs
from programs import MASTER_KEY, PASS_PHRASE


@pytest.mark.parametrize("arguments", [("user", "list"), ("role", "list"), ("audit", "list")])
def test_lists_can_be_printed_as_json(server, arguments):
    printed = server.check_output(*arguments, "--json")
    json.loads(printed)
    assert PASS_PHRASE not in printed


def test_an_added_user_can_log_in(server):
    name = api.unique_name()
    server.check_output("user", "add", name, "--email", "u@example.org", "--password-stdin", text=PASS_PHRASE + "\n")
    caller = api.login(server.url, name, PASS_PHRASE)
    assert caller.get("/api/me").json()["email"] == "u@example.org"


def test_what_editors_put_around_a_password_is_no_part_of_it(server):
    for around in ("\ufeff{}\n", "{}\r\n", "\ufeff{}\r\n"):
        name = api.unique_name()
        server.check_output("user", "add", name, "--password-stdin", text=around.format(PASS_PHRASE))
        api.login(server.url, name, PASS_PHRASE)


@pytest.mark.parametrize("document", ['{"roles": {"clerk": {}}}', "[roles.clerk]\r\n"])
def test_a_policy_with_a_byte_order_mark_is_read(server, document):
    file = server.folder / "policy"
    file.write_text("\ufeff" + document, newline="")
    planned = server.run("policy", "plan", str(file))
    assert "+ role clerk" in planned.stdout, planned.stderr


def test_the_command_line_enforces_the_password_rules(server):
    result = server.run("user", "add", api.unique_name(), "--password-stdin", text="short\n")
    assert result.returncode != 0
    assert result.stdout == "" and "password" in result.stderr


def test_an_error_names_the_unknown_user(server):
    result = server.run("assign", "nobody-at-all", "rolecall.admin")
    assert result.returncode != 0
    assert "`nobody-at-all`" in result.stderr


def test_ending_an_unknown_session_is_an_error(server):
    name = api.register(server.url)[0]["username"]
    result = server.run("session", "end", name, "no-such-session")
    assert result.returncode != 0 and result.stdout == ""
    assert "`no-such-session`" in result.stderr


def test_decisions_about_a_client_can_be_explained(server):
    client = json.loads(server.check_output(
        "client", "add", api.unique_name(), "--grant", "client_credentials", "--json"))["client_id"]
    result = server.run("explain", client, "role:user")
    assert result.stdout.startswith(f"{client} may not role:user\n"), result.stderr
    decision = json.loads(server.run("explain", client, "role:user", "--json").stdout)
    assert decision["allowed"] is False and decision["at"].endswith("Z")


def test_acting_as_a_user_has_the_limits_of_that_user(server):
    name = api.register(server.url)[0]["username"]
    result = server.run("--as", name, "assign", name, "rolecall.admin")
    assert result.returncode != 0
    assert "rolecall.admin" not in server.run("user", "show", name, "--json").stdout


def test_the_audit_log_verifies_and_contains_no_names(server):
    name = api.register(server.url)[0]["username"]
    server.run("assign", name, "rolecall.admin")
    server.run("unassign", name, "rolecall.admin")
    server.check_output("audit", "verify")
    listed = server.run("audit", "list", "--json").stdout
    assert name not in listed and PASS_PHRASE not in listed


def test_unknown_settings_are_refused(server):
    result = programs.run_rolecall("config", "check", folder=server.folder, ROLECALL_LISTNE="127.0.0.1:1")
    assert result.returncode != 0
    assert "listne" in result.stderr.lower()


def test_config_show_hides_secrets(server):
    printed = server.check_output("config", "show")
    assert str(server.port) in printed
    key = server.data / "rolecall.key"
    assert key.read_text().strip() not in printed
    assert key.stat().st_mode & 0o077 == 0


def test_completions_are_printed(server):
    assert "rolecall" in server.check_output("completions", "bash")


def test_no_password_or_token_is_in_the_log(server):
    name = api.register(server.url)[0]["username"]
    caller = api.login(server.url, name, PASS_PHRASE)
    caller.get("/api/users")
    caller.token(name, "this one is wrong")
    log = server.log.read_text()
    for secret in (PASS_PHRASE, "this one is wrong", caller.access_token, "$argon2"):
        assert secret not in log


def test_every_setting_is_documented_with_its_default(tmp_path):
    printed = programs.check_rolecall("config", "show", "--json", folder=tmp_path)
    page = (programs.ROOT / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z._]+)` \| (.+?) \|", page, re.MULTILINE))
    defaults = {key: f"`{setting['value']}`" if setting["value"] else "none"
             for key, setting in json.loads(printed).items()}
    assert rows == defaults


def test_the_documented_file_is_valid(tmp_path):
    page = (programs.ROOT / "docs" / "configuration.md").read_text()
    key = tmp_path / "master.key"
    key.write_text(MASTER_KEY + "\n")
    key.chmod(0o600)
    file = page.split("```toml\n")[1].split("```")[0].replace("/etc/rolecall/master.key", str(key))
    (tmp_path / "rolecall.toml").write_text(file)
    programs.check_rolecall("config", "check", folder=tmp_path)


def test_registration_roles_that_violate_a_constraint_prevent_the_start():
    with programs.serve() as server:
        for command in ("role add one", "role add two", "constraint add apart --static one two"):
            server.check_output(*command.split())
        server.settings["ROLECALL_REGISTRATION__ROLES"] = "one,two"
        server.kill()
        result = server.run("serve")
        assert result.returncode != 0
        assert "`registration.roles`" in result.stderr and "`apart`" in result.stderr, result.stderr
