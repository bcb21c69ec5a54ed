"""The README's command starts the server that it describes, its FastAPI program works, and no link is broken."""

import re
import shlex

import api
import programs
import services
import tours


def page(url=tours.DOCUMENTED_URL):
    return tours.page("README.md", url)


def test_the_first_command_starts_the_server_that_the_readme_describes():
    first = tours.blocks(page(), "console")[0].splitlines()[0]
    run, arguments = first.split(" -- ")
    assert run == "$ cargo run --release"
    username, password = re.search(r"as `(\w+)` with the password `(\w+)`", page()).groups()
    with programs.Server([programs.rolecall(), *shlex.split(arguments, comments=True)]) as server:
        caller = api.login(server.url, username, password)
        assert "<title>" in caller.get("/docs").text
        refused = api.assert_problem(caller.get("/items/"), 403, "Operation not permitted",
                                 'Bearer error="insufficient_scope", scope="role:admin"')
        assert refused["receipt"]


def test_the_fastapi_program_guards_its_route(admin, alice, tmp_path):
    (program,) = tours.blocks(page(admin.url), "python")
    (tmp_path / "readme.py").write_text(program)
    with services.uvicorn("readme:app", tmp_path, tmp_path, admin) as service:
        assert service.get("/items/", admin.access_token).json() == [{"item_id": "Foo", "owner": "admin"}]
        assert service.get("/items/", alice.access_token).status_code == 403
        assert service.get("/items/").status_code == 401


def test_links_within_the_project_are_not_broken():
    pages = [page for page in programs.ROOT.rglob("*.md")
             if not {"target", "node_modules"} & set(page.relative_to(programs.ROOT).parts)]
    assert len(pages) > 10
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
            if "://" in target:
                continue
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page}: {target}"
            assert not anchor or anchor in anchors(linked), f"{page}: {target}#{anchor}"


def anchors(page):
    """The anchors of the headings of a page, and those that it sets itself."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)} | set(re.findall(r'<a id="([^"]+)">', text))
