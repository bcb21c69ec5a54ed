"""Requests made from the OpenAPI document: no 5xx, and every answer is one that the document names."""

import subprocess
import sys
from pathlib import Path

import api
import programs

# ends the session of the token that the run uses
EXCLUDED = ["/api/me/password", "/api/users/{id}/sessions"]


def test_answers_to_made_up_requests_fit_the_document_and_none_is_a_5xx():
    command = Path(sys.executable).with_name("schemathesis")
    if not command.exists():
        programs.left_out("schemathesis is not there")
    with programs.dev(ROLECALL_LOG__LEVEL="warn") as server:
        token = api.Caller(server.url).token("admin")
        done = subprocess.run(
            [
                str(command), "run", f"{server.url}/openapi.json", "--seed", "1",
                "--phases", "examples,coverage,fuzzing", "--max-examples", "25",
                # a document cannot say which user names and passwords are good
                "--exclude-checks", "positive_data_acceptance",
                "-H", f"Authorization: Bearer {token}",
                *(word for path in EXCLUDED for word in ("--exclude-path", path)),
            ],
            cwd=server.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        alive = api.Caller(server.url).token("admin")
        assert alive
