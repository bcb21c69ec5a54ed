"""A mail server that keeps what it gets."""

import email
import email.policy
import queue
import re

from aiosmtpd.controller import Controller

import programs


class Inbox:
    """Takes every mail. `url` is that of the server."""

    def __init__(self):
        self.mails = queue.Queue()
        self.port = programs.free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
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
