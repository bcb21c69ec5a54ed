"""Renews the pictures of the README and of docs/: `python tests/clients/pictures.py`.

They show a running server: the page /docs, a refusal in a terminal with its explanation, and pages for administrators.
"""

import datetime
import html
import json
import tempfile
from pathlib import Path

import api
import browsers
import programs
import tours

IMAGES = programs.ROOT / "docs" / "images"
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 0; background: #16202b }
pre { margin: 0; padding: 20px 24px; color: #d6dee7; white-space: pre-wrap;
      font: 14px/1.5 "DejaVu Sans Mono", monospace }
i { color: #6cc78a; font-style: normal } b { color: #fff } u { color: #ffb454; text-decoration: none }
</style><pre>%s</pre>"""
HIGHLIGHTED = ("403 Forbidden", "Operation not permitted", "role:admin", "admin may assign admin")


def save(browser, name, height):
    """Saves the top of the page."""
    frame = browser.execute_script("return [outerWidth - innerWidth, outerHeight - innerHeight]")
    browser.set_window_size(960 + frame[0], height + frame[1])
    file = IMAGES / name
    assert browser.save_screenshot(str(file))
    print(f"{file.relative_to(programs.ROOT)}: {file.stat().st_size} bytes")


def show_operations(browser, url):
    """The page /docs after a login, with most of its sections closed."""
    browser.get(f"{url}/docs")
    browsers.authorize(browser, "alice")
    browsers.show_section(browser, "tokens")
    browser.execute_script("scrollTo(0, 0)")


def refusal(server):
    """A terminal in which a call is refused and explained, as HTML."""
    response = api.login(server.url, "alice").get("/items/")
    receipt = response.json()["receipt"]
    explanation = server.run("explain", "--receipt", receipt).stdout
    head = (f"HTTP/1.1 {response.status_code} {response.reason}\n"
            f"www-authenticate: {response.headers['WWW-Authenticate']}\n...\n\n")
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in response.json().items())
    steps = [
        (f'curl -si {tours.DOCUMENTED_URL}/items/ -H "Authorization: Bearer $ALICE"', f"{head}{{\n{body}\n}}"),
        ("rolecall explain --receipt $RECEIPT", explanation),
    ]
    text = "\n\n".join(f"$ {command}\n{output.strip()}" for command, output in steps)
    text = html.escape(text.replace(receipt, receipt[:40] + "..."), quote=False)
    for word in HIGHLIGHTED:
        text = text.replace(word, f"<u>{word}</u>")
    return TERMINAL % text.replace("$ curl", "<i>$</i> curl").replace("$ rolecall", "<i>$</i> rolecall")


def furnish(url):
    """Makes roles and users for the pages for administrators, and returns the id of a user who has some of them."""
    admin = api.login(url, "admin")
    for role, description, permissions, juniors in (
        ("reader", "Borrows books", ["books:read"], []),
        ("librarian", "Lends books", ["books:lend", "books:write"], ["reader"]),
        ("treasurer", "Pays bills", ["bills:pay"], []),
        ("head", "Runs the library", ["books:discard"], ["librarian"]),
    ):
        admin.post("/api/roles", json={"name": role, "description": description})
        for permission in permissions:
            admin.post("/api/permissions", json={"name": permission})
            admin.put(f"/api/roles/{role}/permissions/{permission}")
        for junior in juniors:
            admin.put(f"/api/roles/{role}/juniors/{junior}")
    body = {"username": "grace", "password": programs.PASS_PHRASE, "email": "grace@mail.example"}
    grace = admin.post("/api/users", json=body).json()["id"]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    admin.put(f"/api/users/{grace}/roles/head", json={
        "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "reason": "The head is on leave"})
    admin.put(f"/api/users/{grace}/roles/treasurer", json={})
    return grace


def show_admin_pages(browser, url):
    """Saves the pages that show why somebody may do something, and what roles give."""
    grace = furnish(url)
    browser.get(f"{url}/admin/users/{grace}")
    browsers.fill(browser, username="admin", password=programs.PASSWORD)
    browsers.press(browser, "Sign in")
    browser.execute_script("document.evaluate(\"//h2[contains(., 'and why')]\", document).iterateNext().closest('section').scrollIntoView()")
    save(browser, "admin-user.png", 620)
    browser.get(f"{url}/admin/hierarchy")
    save(browser, "admin-hierarchy.png", 620)
    browser.get(f"{url}/admin/matrix?object=books")
    save(browser, "admin-matrix.png", 620)


def main():
    IMAGES.mkdir(parents=True, exist_ok=True)
    settings = {"ROLECALL_DATABASE__URL": "sqlite:rolecall.db"}  # for `rolecall explain` beside the server
    with tempfile.TemporaryDirectory() as folder, \
            programs.Server([programs.rolecall(), "dev", "--keep", "."], **settings) as server:
        browser = browsers.chromium(Path(folder))
        try:
            show_operations(browser, server.url)
            save(browser, "docs-page.png", 680)
            page = Path(folder) / "refusal.html"
            page.write_text(refusal(server))
            browser.get(page.as_uri())
            save(browser, "refusal.png", browser.execute_script("return document.querySelector('pre').offsetHeight"))
            show_admin_pages(browser, server.url)
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
