"""What docs/separation-of-duties.md shows is what the server and the command line answer."""

import programs
import tours


def test_the_commands_of_the_page_print_what_it_shows():
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        page = tours.page("docs/separation-of-duties.md", server.url)
        assert tours.prints_what_it_shows(page, server.folder) > 10
