"""What the pages on separation of duties and on a second person show is what the command line and the server answer."""

import programs
import pytest
import tours


@pytest.mark.parametrize("name", ["separation-of-duties", "approvals"])
def test_the_commands_of_the_page_print_what_it_shows(name):
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        page = tours.page(f"docs/{name}.md", server.url)
        assert tours.prints_what_it_shows(page, server.folder) > 5
