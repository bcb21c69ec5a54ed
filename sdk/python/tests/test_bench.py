"""The command that compares the guard with the usual libraries works: its figures are not those of this run."""

import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / "bench" / "verify.py"


# a debug build of the native part is ten times slower than what a wheel has
def test_a_known_token_costs_less_than_the_usual_libraries():
    result = subprocess.run(
        [sys.executable, str(BENCH), "--rounds", "3", "--count", "40"], capture_output=True, text=True, check=True
    )
    ratios = {name: float(ratio) for name, ratio in re.findall(r"^(.*): .* us, ([\d.]+) of PyJWT$", result.stdout, re.M)}
    assert list(ratios) == ["PyJWT", "python-jose", "rolecall, a token for the first time", "rolecall, a token again"]
    assert ratios["PyJWT"] == 1 and ratios["rolecall, a token again"] < 0.5
