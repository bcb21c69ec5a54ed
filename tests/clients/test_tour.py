"""docs/tour.md: every command prints what the page shows."""

import programs
import tours


def test_the_commands_of_the_page_print_what_it_shows():
    with programs.Server([programs.rolecall(), "dev", "--keep", "demo"]) as server:
        assert tours.prints_what_it_shows(tours.page("docs/tour.md", server.url), server.folder) > 40
