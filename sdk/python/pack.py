"""Build the wheel, with the program `rolecall` in it.

    python pack.py --server ../../target/dist/rolecall --out dist [--zig] [--profile release]

`--zig` builds for manylinux2014, and needs `pip install ziglang`. Without `--server`, the wheel has only the library.
"""

import argparse
import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path


def build(out: Path, profile: str, zig: bool) -> Path:
    """Build the library and return its wheel."""
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.glob("*.whl"))
    command = ["maturin", "build", "--locked", "--profile", profile, "--out", str(out)]
    if zig:
        command += ["--zig", "--compatibility", "manylinux2014"]
    subprocess.run(command, cwd=Path(__file__).parent, check=True)
    wheels = sorted(out.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    assert wheels and (set(wheels) - before or before), "maturin wrote no wheel"
    return wheels[-1]


def add_server(wheel: Path, server: Path) -> None:
    """Add the program to a wheel, so that pip puts it on the path."""
    name = "-".join(wheel.name.split("-")[:2])
    script, record = f"{name}.data/scripts/rolecall", f"{name}.dist-info/RECORD"
    program = server.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(program).digest()).rstrip(b"=").decode()
    packed = wheel.with_suffix(".packed")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename == script:
                raise SystemExit(f"{wheel} has the program already")
            content = old.read(entry)
            if entry.filename == record:
                content = f"{script},sha256={digest},{len(program)}\n".encode() + content
            new.writestr(entry, content, zipfile.ZIP_DEFLATED)
        entry = zipfile.ZipInfo(script)
        # an executable file
        entry.external_attr = 0o100755 << 16
        new.writestr(entry, program, zipfile.ZIP_DEFLATED)
    shutil.move(packed, wheel)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", type=Path, help="the program `rolecall`")
    parser.add_argument("--out", type=Path, default=Path("dist"))
    parser.add_argument("--profile", default="release")
    parser.add_argument("--zig", action="store_true", help="build for manylinux2014")
    options = parser.parse_args()
    wheel = build(options.out.resolve(), options.profile, options.zig)
    if options.server is not None:
        add_server(wheel, options.server)
    print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
