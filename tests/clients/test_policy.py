"""Policy as code: `apply` is atomic even if it is killed, and the generated TypeScript compiles."""

import json
import random
import subprocess
import time

import pytest

import programs
import services

POLICY = programs.ROOT / "crates" / "rolecall" / "tests" / "policy" / "policy.toml"
ROUNDS = 20


def document(folder, name, permission):
    """Writes a policy with 300 roles that all have one permission."""
    roles = "".join(f'[roles.{name}-{number}]\npermissions = ["{permission}"]\n' for number in range(300))
    file = folder / f"{name}.toml"
    file.write_text(f'[permissions]\n"{permission}" = ""\n{roles}')
    return str(file)


def test_killing_policy_apply_never_leaves_half_a_policy(tmp_path):
    with programs.serve() as server:
        files = [document(tmp_path, "one", "one:read"), document(tmp_path, "two", "two:read")]
        texts, duration = [], 0
        for file in files:
            start = time.perf_counter()
            server.check_output("policy", "apply", file)
            duration = time.perf_counter() - start
            texts.append(server.check_output("policy", "export"))
        assert texts[0] != texts[1]
        current, kept, replaced = 1, 0, 0
        for number in range(ROUNDS):
            other = 1 - current
            applying = subprocess.Popen(
                [programs.rolecall(), "policy", "apply", files[other]], cwd=server.folder,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=programs.environment(**server.settings))
            # before, during or after the write
            time.sleep(random.uniform(0.3, 1.6) * duration)
            applying.kill()
            applying.wait()
            text = server.check_output("policy", "export")
            assert text in texts, f"round {number}: neither policy"
            kept, replaced = kept + (text == texts[current]), replaced + (text != texts[current])
            # the machine may be slower or faster than it was at the start
            duration *= 1.15 if text == texts[current] else 0.85
            current = texts.index(text)
        assert kept and replaced, f"killed before the end {kept} times, after it {replaced} times"
        server.check_output("audit", "verify")


USAGE = """
import { can, is, permissions, roles } from './permissions.js';
import type { Permission } from './permissions.js';

const needed: Permission = permissions.readItems;
console.log(JSON.stringify([
  can({ permissions: ['items:read'] }, needed),
  can({ permissions: ['items:read'] }, permissions.writeItems),
  can({ scope: 'items:read items:write' }, 'items:write'),
  can({ scope: '' }, needed), can({}, needed), can(null, needed), can(undefined, needed),
  is({ roles: ['admin', 'user'] }, roles.user), is({ roles: ['user'] }, 'admin'), is(null, 'admin'),
]));
"""


@pytest.fixture
def typescript(tmp_path):
    """A function that compiles and runs a file beside the code generated from a policy."""
    node = programs.program("XTASK_NODE", "node")
    compiler = services.NODE / "node_modules" / "typescript" / "bin" / "tsc"
    services.require_node_package("typescript")
    generated = programs.check_rolecall("policy", "typescript", str(POLICY), folder=tmp_path)
    (tmp_path / "permissions.ts").write_text(generated)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def compile_and_run(text):
        (tmp_path / "use.ts").write_text(text)
        command = [node, str(compiler), "--strict", "--noUnusedLocals", "--module", "nodenext", "--target", "es2022",
                   "--lib", "es2022,dom", "--outDir", "out", "use.ts"]
        compiled = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, timeout=120)
        if compiled.returncode != 0:
            return compiled.stdout
        return subprocess.run([node, "out/use.js"], cwd=tmp_path, text=True, capture_output=True, timeout=60).stdout

    return compile_and_run


def test_the_generated_typescript_compiles_and_works(typescript):
    results = json.loads(typescript(USAGE))
    assert results == [True, False, True, False, False, False, False, True, False, False]


@pytest.mark.parametrize("right, wrong", [
    ("permissions.readItems", "permissions.readItem"), ("'items:write'", "'items:rite'"), ("'admin'", "'amin'")])
def test_a_misspelled_name_does_not_compile(typescript, right, wrong):
    assert right in USAGE
    assert "use.ts(" in typescript(USAGE.replace(right, wrong))
