"""What docs/decisions.md shows is what the server and the command line answer."""

import programs
import tours


def test_the_commands_of_the_page_print_what_it_shows():
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        page = tours.page("docs/decisions.md", server.url)
        assert tours.prints_what_it_shows(page, server.folder) > 12
