"""Mails to a server with TLS and a log-in: by `rolecall mail test`, and by a server that runs."""

import pytest

import certificates
import mails
import programs
from mails import SecureInbox

HOSTS = SecureInbox.HOSTS.values()
MODES = {"smtps": "TLS", "smtp": "STARTTLS"}

pytestmark = pytest.mark.parametrize("scheme", MODES)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server():
    with programs.serve() as server:
        yield server


def send(server, to, settings):
    return programs.run_rolecall("mail", "test", to, folder=server.folder, **server.settings, **settings)


def assert_no_mail(result, inbox, advice):
    assert result.returncode != 0 and advice in result.stderr, result
    assert mails.SecureInbox.PASSWORD not in result.stdout + result.stderr
    assert inbox.encrypted == []


def test_a_mail_goes_by_tls_with_a_log_in(server, authority, scheme):
    with SecureInbox(scheme, authority.context(*HOSTS)) as inbox:
        sent = send(server, f"{scheme}@mail.example", inbox.settings(authority))
        assert sent.returncode == 0, sent.stderr
        assert f"({MODES[scheme]}) has taken a mail" in sent.stdout
        assert inbox.get(f"{scheme}@mail.example")["subject"] == "Test mail"
        assert inbox.seen == [(inbox.USER, inbox.PASSWORD)]
        assert inbox.encrypted == [(True, True)]


@pytest.mark.parametrize("fault", ["authority", "host", "expired"])
def test_a_certificate_that_proves_nothing_gets_no_mail_and_no_password(server, authority, tmp_path, scheme, fault):
    context = {
        "authority": lambda: certificates.Authority(tmp_path).context(*HOSTS),
        "host": lambda: authority.context("192.0.2.1"),
        "expired": lambda: authority.context(*HOSTS, lasts=-certificates.DAY),
    }[fault]()
    with SecureInbox(scheme, context) as inbox:
        refused = send(server, f"{scheme}-{fault}@mail.example", inbox.settings(authority))
        assert_no_mail(refused, inbox, "check that the certificate")
        assert inbox.seen == []


def test_a_server_without_tls_gets_no_mail_and_no_password(server, authority, scheme):
    with SecureInbox("smtp", None) as inbox:
        settings = inbox.settings(authority)
        settings["ROLECALL_MAIL__URL"] = settings["ROLECALL_MAIL__URL"].replace("smtp:", f"{scheme}:")
        refused = send(server, f"{scheme}-plain@mail.example", settings)
        assert_no_mail(refused, inbox, "check that the certificate")
        assert inbox.seen == []


def test_a_wrong_password_is_refused_and_not_shown(server, authority, scheme):
    with SecureInbox(scheme, authority.context(*HOSTS)) as inbox:
        wrong = "another password"
        refused = send(server, f"{scheme}-wrong@mail.example", inbox.settings(authority, wrong))
        assert_no_mail(refused, inbox, "535 5.7.8")
        assert "check the user in `mail.url`" in refused.stderr and wrong not in refused.stderr
        assert (inbox.USER, wrong) in inbox.seen


def test_a_server_that_runs_sends_its_mails_by_tls(authority, scheme):
    with SecureInbox(scheme, authority.context(*HOSTS)) as inbox, programs.serve(**inbox.settings(authority)) as server:
        server.check_output("user", "invite", "guest@mail.example")
        assert mails.link(inbox.get("guest@mail.example"))
        assert inbox.encrypted == [(True, True)]
