"""A mail server that keeps what it gets."""

import email
import email.policy
import queue
import re

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

import programs


class Inbox:
    """Takes every mail. `url` is that of the server."""

    def __init__(self, **options):
        self.mails = queue.Queue()
        self.port = programs.free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self.url = f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.put((envelope.rcpt_tos, mail))
        return "250 taken"

    def settings(self):
        return {"ROLECALL_MAIL__URL": self.url, "ROLECALL_MAIL__FROM": "Example <login@example.com>"}

    def get(self, recipient, seconds=20):
        """The next mail, which must go to `recipient`."""
        to, mail = self.mails.get(timeout=seconds)
        assert to == [recipient], to
        return mail

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.controller.stop()


class SecureInbox(Inbox):
    """The same with TLS, from the first byte (`smtps`) or by STARTTLS (`smtp`), and with a log-in. `seen` has the users and
    passwords that were sent, and `encrypted` for each mail whether it was and who had logged in."""

    USER, PASSWORD = "login", "a password of mail"
    # `smtp` to 127.0.0.1 is not encrypted; this is another name for it, which the settings do not take for this machine
    HOSTS = {"smtps": "127.0.0.1", "smtp": "0.0.0.0"}

    def __init__(self, scheme, context):
        if scheme == "smtps":
            # aiosmtpd knows only of the TLS that STARTTLS began
            options = {"ssl_context": context, "auth_require_tls": False}
        elif context:
            options = {"tls_context": context, "require_starttls": True}
        else:
            options = {"auth_require_tls": False}
        super().__init__(authenticator=self.check, **options)
        self.url = f"{scheme}://{self.USER}@{self.HOSTS[scheme]}:{self.port}"
        self.seen, self.encrypted = [], []

    def check(self, server, session, envelope, mechanism, login):
        sent = login.login.decode(), login.password.decode()
        self.seen.append(sent)
        return AuthResult(success=sent == (self.USER, self.PASSWORD), handled=False)

    async def handle_DATA(self, server, session, envelope):
        is_encrypted = server.transport.get_extra_info("cipher") is not None
        self.encrypted.append((is_encrypted, session.authenticated))
        return await super().handle_DATA(server, session, envelope)

    def settings(self, authority, password=PASSWORD):
        return super().settings() | {"ROLECALL_MAIL__PASSWORD": password, "SSL_CERT_FILE": str(authority.file)}


def part(mail, kind):
    """The content of the part `plain` or `html`."""
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


def link(mail):
    """The only link in a mail, which both parts have."""
    links = re.findall(r"^https?://\S+token=\S+$", part(mail, "plain"), re.MULTILINE)
    assert len(links) == 1, links
    token = links[0].split("token=")[1]
    assert token in part(mail, "html")
    return links[0]
