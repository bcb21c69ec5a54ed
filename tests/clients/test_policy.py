"""Policy as code: whole or not at all even when killed, and TypeScript that a compiler takes."""

import json
import random
import subprocess
import time

import pytest

import programs

NODE = programs.ROOT / "tests" / "clients" / "node"
POLICY = programs.ROOT / "crates" / "rolecall" / "tests" / "policy" / "policy.toml"
ROUNDS = 20


def document(folder, name, permission):
    """A file with 300 roles that all hold one permission."""
    roles = "".join(f'[roles.{name}-{at}]\npermissions = ["{permission}"]\n' for at in range(300))
    file = folder / f"{name}.toml"
    file.write_text(f'[permissions]\n"{permission}" = ""\n{roles}')
    return str(file)


def test_a_policy_whose_putting_in_force_is_killed_is_there_whole_or_not_at_all(tmp_path):
    with programs.serve() as server:
        files = [document(tmp_path, "one", "one:read"), document(tmp_path, "two", "two:read")]
        texts, took = [], 0
        for file in files:
            began = time.perf_counter()
            done = server.run("policy", "apply", file)
            took = time.perf_counter() - began
            assert done.returncode == 0, done.stderr
            texts.append(server.run("policy", "export").stdout)
        assert texts[0] != texts[1]
        now, kept, replaced = 1, 0, 0
        for number in range(ROUNDS):
            other = 1 - now
            applying = subprocess.Popen(
                [programs.rolecall(), "policy", "apply", files[other]], cwd=server.folder,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=programs.environment(**server.settings))
            # before, while and after it writes
            time.sleep(random.uniform(0.3, 1.6) * took)
            applying.kill()
            applying.wait()
            found = server.run("policy", "export").stdout
            assert found in texts, f"round {number}: neither the one nor the other"
            kept, replaced = kept + (found == texts[now]), replaced + (found != texts[now])
            now = texts.index(found)
        assert kept and replaced, f"killed before the end {kept} times, after it {replaced} times"
        assert server.run("audit", "verify").returncode == 0


USE = """
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
    """Compiles a file beside the code that was made from a policy."""
    node = programs.program("XTASK_NODE", "node")
    compiler = NODE / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        programs.left_out("node packages are not installed")
    made = subprocess.run([programs.rolecall(), "policy", "typescript", str(POLICY)], cwd=tmp_path, text=True,
                          env=programs.environment(), capture_output=True, timeout=60)
    assert made.returncode == 0, made.stderr
    (tmp_path / "permissions.ts").write_text(made.stdout)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def compile_and_run(text):
        (tmp_path / "use.ts").write_text(text)
        command = [node, str(compiler), "--strict", "--noUnusedLocals", "--module", "nodenext", "--target", "es2022",
                   "--lib", "es2022,dom", "--outDir", "out", "use.ts"]
        done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, timeout=120)
        if done.returncode != 0:
            return done.stdout
        return subprocess.run([node, "out/use.js"], cwd=tmp_path, text=True, capture_output=True, timeout=60).stdout

    return compile_and_run


def test_what_is_written_for_a_user_interface_compiles_and_answers(typescript):
    answers = json.loads(typescript(USE))
    assert answers == [True, False, True, False, False, False, False, True, False, False]


@pytest.mark.parametrize("right, wrong", [
    ("permissions.readItems", "permissions.readItem"), ("'items:write'", "'items:rite'"), ("'admin'", "'amin'")])
def test_a_misspelt_name_does_not_compile(typescript, right, wrong):
    assert right in USE
    assert "use.ts(" in typescript(USE.replace(right, wrong))
