"""docs/policy.md: its document is valid; `test_pages.py` runs its commands."""

import programs
import tours

PAGE = "docs/policy.md"


def test_the_document_of_the_page_is_valid(tmp_path):
    document, = tours.blocks(tours.page(PAGE, ""), "toml")
    (tmp_path / "policy.toml").write_text(document)
    assert programs.run_rolecall("migrate", folder=tmp_path).returncode == 0
    result = programs.run_rolecall("policy", "test", folder=tmp_path)
    assert result.stdout.endswith("3 expectations, 2 met\n"), result.stderr
