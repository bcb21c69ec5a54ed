"""The commands of the documentation print the documented output beside a new `rolecall dev --keep demo`."""

import pytest

import programs
import tours

# the minimum number of commands on each page
PAGES = {
    "approvals": 7, "clients": 20, "configuration": 2, "decisions": 17, "doctor": 2, "keys": 5, "model": 6,
    "passwords": 6, "policy": 12, "reset-codes": 7, "separation-of-duties": 11, "tenants": 11, "tokens": 1, "tour": 54,
}


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_the_page_print_the_documented_output(name):
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        page = tours.page(f"docs/{name}.md", server.url)
        assert tours.assert_output_matches(page, server.folder) >= PAGES[name]
