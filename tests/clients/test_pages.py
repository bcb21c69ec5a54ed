"""The commands of the documentation print what its pages show, next to a fresh `rolecall dev --keep demo`."""

import pytest

import programs
import tours

# how many commands a page has at least
PAGES = {
    "approvals": 7, "clients": 14, "configuration": 2, "decisions": 17, "doctor": 2, "keys": 5, "model": 6,
    "passwords": 3, "policy": 12, "separation-of-duties": 11, "tenants": 11, "tokens": 1, "tour": 54,
}


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_the_page_print_what_it_shows(name):
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        page = tours.page(f"docs/{name}.md", server.url)
        assert tours.prints_what_it_shows(page, server.folder) >= PAGES[name]
