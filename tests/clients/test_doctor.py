"""`rolecall doctor` on installations with one fault each: it fails, names the fault and a remedy."""

import json
import os
import subprocess

import pytest

import programs
from programs import MASTER_KEY, PASS_PHRASE

# settings with a fault, and the words that the finding must contain
FAULTS = {
    "http address": ({"ROLECALL_LISTEN": "0.0.0.0:8000"}, ["unencrypted", "https://"]),
    "http public_url": ({"ROLECALL_PUBLIC_URL": "http://login.example.com"}, ["unencrypted", "https://"]),
    "weak secret": ({"ROLECALL_TOKENS__ALGORITHM": "HS256", "ROLECALL_TOKENS__SECRET": "short"},
                    ["at least 32", "openssl rand"]),
    "weak master key": ({"ROLECALL_MASTER_KEY": "00" * 32}, ["not random", "openssl rand"]),
    "unknown key": ({"ROLECALL_LISTN": "127.0.0.1:8000"}, ["did you mean `ROLECALL_LISTEN`"]),
    "every client is a proxy": ({"ROLECALL_PROXY__TRUSTED": "0.0.0.0/0"}, ["trusts everybody"]),
    "unreachable database": ({"ROLECALL_DATABASE__URL": "postgres://nobody@127.0.0.1:1/none",
                              "ROLECALL_MASTER_KEY": MASTER_KEY}, ["check `database.url`"]),
    "PostgreSQL without a master key or a server": (
        {"ROLECALL_DATABASE__URL": "postgres://nobody@127.0.0.1:1/none"}, ["check `database.url`"]),
    "address of another machine": ({"ROLECALL_LISTEN": "192.0.2.1:8000", "ROLECALL_PUBLIC_URL": "https://a.example"},
                                   ["cannot listen on", "choose another"]),
}


def doctor(folder, *wrapper, **settings):
    result = subprocess.run([*wrapper, programs.rolecall(), "doctor", "--json"], cwd=folder, text=True,
                          capture_output=True, timeout=60,
                          env=programs.environment(**{"ROLECALL_LISTEN": "127.0.0.1:0", **settings}))
    assert result.stdout, result.stderr
    findings = json.loads(result.stdout)
    assert result.returncode == (1 if any(finding["severity"] == "fault" for finding in findings) else 0)
    return findings


def faults(findings):
    return " / ".join(finding["text"] for finding in findings if finding["severity"] == "fault")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_configuration_fault_is_reported_with_a_remedy(fault, tmp_path):
    settings, expected = FAULTS[fault]
    text = faults(doctor(tmp_path, **settings))
    for words in expected:
        assert words in text, text


def test_a_working_installation_has_no_faults(tmp_path):
    assert not faults(doctor(tmp_path))
    assert list(tmp_path.iterdir()) == []
    for name in ("anna", "berta"):
        programs.check_rolecall("user", "add", name, "--role", "rolecall.admin", "--password-stdin",
                                folder=tmp_path, text=f"{PASS_PHRASE}\n")
        findings = doctor(tmp_path)
        assert not faults(findings)
        severity = {finding["check"]: finding["severity"] for finding in findings}["administrators"]
        assert severity == {"anna": "warning", "berta": "good"}[name]


def test_a_missing_administrator_is_a_fault(tmp_path):
    programs.check_rolecall("user", "list", folder=tmp_path)
    assert "rolecall user add NAME --role rolecall.admin" in faults(doctor(tmp_path))


@pytest.mark.parametrize("file", ["rolecall.db", "rolecall.key"])
def test_a_world_readable_file_is_a_fault(file, tmp_path):
    programs.check_rolecall("user", "list", folder=tmp_path)
    (tmp_path / "rolecall-data" / file).chmod(0o644)
    assert f"chmod 600 rolecall-data/{file}" in faults(doctor(tmp_path))


def test_a_world_readable_secret_file_is_a_fault(tmp_path):
    (tmp_path / "master.key").write_text(MASTER_KEY)
    (tmp_path / "master.key").chmod(0o644)
    text = faults(doctor(tmp_path, ROLECALL_MASTER_KEY_FILE=str(tmp_path / "master.key")))
    assert "can be read by everybody" in text and "chmod o=" in text


def test_a_full_disk_is_a_fault(tmp_path):
    small = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m none rolecall-data && exec "$@"', "sh")
    (tmp_path / "rolecall-data").mkdir()
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("only root can mount a small disk")
    text = faults(doctor(tmp_path, *small))
    assert "No space left" in text and "free space" in text


def test_at_least_fifteen_checks_are_listed(tmp_path):
    assert len(programs.check_rolecall("doctor", "--list", folder=tmp_path).splitlines()) >= 15
    assert list(tmp_path.iterdir()) == []
