"""Odd strings in every field of every form, and in the addresses of the pages: refused or taken, never a failure."""

import contextlib
import itertools
import random
import re
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import pytest

import api
import databases
import programs
import sign_in
from test_admin_crawl import furnish, links, shape

# each field is sent a NUL character alone and after its own value, and some of the others in turn
OTHERS = [
    "", " ", "\ufeff\u202eabc", "\uffff\U0010ffff", "e\u0301\u0327", "a\nb\r\n\u0085\u2028\u001b[31m\u007f",
    "'; DROP TABLE users; -- %' OR '1'='1", "\\x00\\ $1 ? :name {} %s", "-9223372036854775809",
    "18446744073709551616", "2030-02-30T25:61:61Z", "0001-01-01T00:00:00Z", "../../etc/passwd", "x" * 5000,
]
EACH = 3
# bytes that are not UTF-8, and an encoding that breaks off
RAW = [b"%ff%fe", b"%", b"\xc3\x28"]
# forms that delete or end something that other forms need, from the least to the most
ENDING = ["unassign", "sessions", "retire", "rotate", "disable", "reset", "delete", "withdraw", "end", "logout"]
# pages to which none of `/admin` links
STARTS = ["/admin", "/account", "/account/factors", "/account/events"]
OPEN = ["/login", "/signup", "/reset", "/invite", "/verify", "/logout"]
# parameters that pages read and few links have
PARAMETERS = ["flow", "by", "notice", "done", "undo", "cursor", "page", "q", "tenant", "lang", "state", "code", "token"]


@pytest.fixture(scope="module", params=databases.KINDS)
def site(request, tmp_path_factory):
    """A server with something on each page, which takes the address of a visitor from a header."""
    settings = {"ROLECALL_REGISTRATION__MODE": "open", "ROLECALL_PROXY__TRUSTED": "127.0.0.1",
                "ROLECALL_ACCOUNTS__SELF_DELETE": "true"}
    with contextlib.ExitStack() as stack:
        if request.param == "postgres":
            postgres = stack.enter_context(databases.Postgres(tmp_path_factory.mktemp("postgres")))
            settings |= databases.node_settings(postgres.url())
        server = stack.enter_context(programs.serve(**settings))
        furnish(server)
        yield server


def move(browser):
    """Gives a browser another address, which earlier failures do not slow down."""
    browser.headers["X-Forwarded-For"] = f"10.{random.randrange(256)}.{random.randrange(256)}.7"
    return browser


def administrator(site):
    """A browser in which a new administrator has signed in."""
    name, browser = api.unique_name("admin"), move(sign_in.Visitor(site.url))
    site.add_administrator(name)
    browser.submit(browser.open("/admin"), "/login", username=name, password=programs.PASS_PHRASE)
    return browser


class Fields(sign_in.Page):
    """The forms of a page with everything that a browser can send: also boxes, lists and texts of several lines."""
    # the name of the list whose options are being read; those of a `datalist` belong to none
    chosen = None

    def handle_starttag(self, tag, attributes):
        super().handle_starttag(tag, attributes)
        attributes = dict(attributes)
        name = attributes.get("name")
        if not self.forms:
            return
        fields = self.forms[-1].fields
        if tag == "input" and attributes.get("type") == "checkbox" and name:
            fields.setdefault(name, attributes.get("value") or "on")
        elif tag == "select":
            self.chosen = name
            fields[name] = ""
        elif tag == "textarea":
            fields[name] = ""
        elif tag == "option" and self.chosen and not fields[self.chosen]:
            fields[self.chosen] = attributes.get("value") or ""
        elif tag == "button" and name:
            fields.setdefault(name, attributes.get("value") or "")

    def handle_endtag(self, tag):
        super().handle_endtag(tag)
        if tag == "select":
            self.chosen = None


def kind(form):
    """Forms of one kind have the same path, ids and names aside, and the same fields."""
    path = shape(urlsplit(form.action).path)[0]
    path = re.sub(r"^/admin/(roles|keys|constraints)/(?!new|rotate)[^/]+", r"/admin/\1/NAME", path)
    return form.method.lower(), path, tuple(sorted(filter(None, form.fields)))


def gather(browser):
    """Opens pages by their links; returns addresses and forms, one or two of each kind."""
    addresses, forms, waiting = {}, {}, list(STARTS)
    while waiting:
        address = waiting.pop(0)
        known = addresses.setdefault(shape(address), [])
        if address in known or len(known) >= 2:
            continue
        known.append(address)
        response = browser.open(address)
        assert response.status_code < 500, (address, response.status_code)
        if response.status_code != 200 or "text/html" not in response.headers["Content-Type"]:
            continue
        waiting += sorted(links(response))
        waiting += sorted(link for link in sign_in.Page(response.text).links if link.startswith("/account"))
        for form in Fields(response.text).forms:
            form.action = urljoin(response.url, form.action)
            form.page = address
            forms.setdefault(kind(form), form)
    return [address for known in addresses.values() for address in known], list(forms.values())


def endangers(form):
    """How much a form may end, to send those that end the session or the account last."""
    path = urlsplit(form.action).path
    found = [number for number, word in enumerate(ENDING) if re.search(rf"/{word}(/|$)", path)]
    return max(found, default=-1), path.startswith("/account")


class Probe:
    """Sends requests as an administrator, and as another one once a form has ended the session."""

    def __init__(self, site):
        self.site, self.sent, self.faults, self.reached = site, 0, [], 0
        self.browser = administrator(site)
        self.others = itertools.cycle(OTHERS)

    def strings(self, value):
        return ["\0", f"{value}\0", *itertools.islice(self.others, EACH)]

    def send(self, method, address, form=None, browser=None):
        browser = browser or self.browser
        response = browser.request(method, address, form)
        self.sent += 1
        if response.status_code >= 500:
            self.faults.append((response.status_code, method, address[:200], str(form)[:300], response.text[:200]))
        led_to = response.headers.get("Location", "")
        if browser is self.browser and "/login?flow=" in led_to and not address.startswith(self.site.url + "/login"):
            self.browser = administrator(self.site)
        elif response.status_code not in (403, 404, 429):
            self.reached += 1
        return response

    def submit(self, form, fields, browser=None):
        if form.method.lower() == "post":
            return self.send("POST", form.action, fields, browser)
        query = fields.decode("latin-1") if isinstance(fields, bytes) else urlencode(fields)
        return self.send("GET", f"{form.action.partition('?')[0]}?{quote(query, safe='%=&+')}", browser=browser)

    def fill(self, form, browser=None):
        """Sends a form with each field odd in turn, then with all of them, and with bytes that are no text."""
        names = [name for name in form.fields if name]
        for name in names:
            for odd in self.strings(form.fields[name]):
                self.submit(form, {**form.fields, name: odd}, browser)
        for odd in ("\0", next(self.others)):
            self.submit(form, dict.fromkeys(names, odd), browser)
        for raw in RAW[:1] if len(names) > 8 else RAW:
            self.submit(form, b"&".join(name.encode() + b"=" + raw for name in names), browser)
        self.submit(form, {**form.fields, "\0": "\0"}, browser)

    def bend(self, address):
        """Opens an address with each of its parameters odd in turn, with each part of its path, and with others."""
        path, _, query = address.partition("?")
        values = dict(parse_qsl(query, keep_blank_values=True))
        for name in values:
            for odd in self.strings(values[name]):
                self.send("GET", f"{path}?{urlencode({**values, name: odd})}")
        for name in values or PARAMETERS[:1]:
            self.send("GET", f"{path}?{name}=%ff%fe")
        parts = path.split("/")
        for number, part in enumerate(parts[2:], 2):
            for odd in self.strings(part)[:2 + number % 2]:
                bent = [*parts[:number], quote(odd, safe=""), *parts[number + 1:]]
                self.send("GET", "/".join(bent))

    def check(self, least):
        assert self.faults == [], "\n".join(map(str, self.faults[:20]))
        assert self.sent > least and self.reached > self.sent / 2, (self.sent, self.reached)


def test_y110_odd_strings_in_the_forms_of_an_administrator_never_fail(site):
    probe = Probe(site)
    _, forms = gather(probe.browser)
    assert len(forms) > 25
    actions = {urlsplit(form.action).path for form in forms}
    assert {"/admin/users/new", "/admin/roles/new", "/account/password", "/account/delete"} <= actions, actions
    for form in sorted(forms, key=endangers):
        probe.fill(form)
    probe.check(1000)


def test_y110_odd_strings_in_the_addresses_of_pages_never_fail(site):
    probe = Probe(site)
    addresses, _ = gather(probe.browser)
    for address in addresses:
        probe.bend(address)
    for address in [*STARTS, *OPEN]:
        probe.bend(f"{address}?{urlencode(dict.fromkeys(PARAMETERS, 'x'))}")
    probe.check(1000)


def test_y110_odd_strings_in_the_forms_of_strangers_never_fail(site):
    probe, forms, browser = Probe(site), {}, sign_in.Visitor(site.url)
    addresses = ["/admin", *OPEN]
    for address in addresses:
        response = browser.open(address)
        page = Fields(response.text)
        for form in page.forms:
            form.action = urljoin(response.url, form.action)
            forms.setdefault(kind(form), form)
        if address == "/admin":
            # the page of the sign-in links to others of it
            addresses += [urljoin(response.url, link) for link in page.links if link.startswith("/")]
    assert {"/login", "/login/password"} <= {urlsplit(form.action).path for form in forms.values()}, list(forms)
    # forms that come later in a sign-in, as scripts may send them
    for path in ["/login/second", "/login/code", "/login/choice", "/consent", "/reset/password", "/verify", "/invite"]:
        fields = dict.fromkeys(["flow", "code", "password", "token", "user", "scope"], "x")
        forms[path] = SimpleNamespace(action=site.url + path, method="post", fields=fields)
    for form in forms.values():
        probe.fill(form, move(browser))
    assert probe.faults == [], "\n".join(map(str, probe.faults[:20]))
