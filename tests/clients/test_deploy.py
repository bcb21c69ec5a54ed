"""The files of `deploy/`: linted, and run as far as possible without a Docker daemon."""

import contextlib
import http.server
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
import yaml
from compose_spec import PyCompose

import api
import databases
import programs
import services
from programs import MASTER_KEY, PASS_PHRASE, wait_until

DEPLOY = programs.ROOT / "deploy"
HSTS = "max-age=31536000"
UNITS = ("rolecall.service", "rolecall-backup.service", "rolecall-backup.timer")


def tool(name):
    """A program of the Python environment that the tests run in."""
    return Path(sys.executable).parent / name


def run(*command, **options):
    return subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=120,
                          **options)


def check_output(*command, **options):
    result = run(*command, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


# -- the command line on the service's database

def admin_sees(folder, settings):
    """Runs `rolecall-admin` with these settings; its result, and what `rolecall` would find in its environment."""
    (folder / "rolecall.env").write_text(settings)
    (folder / "master.key").write_text("a key\n")
    script = (DEPLOY / "systemd" / "rolecall-admin").read_text()
    for old, new in (("/etc/rolecall", str(folder)), ("/var/lib/rolecall\n", f"{folder}\n")):
        assert old in script
        script = script.replace(old, new)
    start = script.index("exec setpriv")
    copy = folder / "rolecall-admin"
    copy.write_text(script[:start] + "exec env\n")
    result = run("sh", copy, env={"PATH": os.environ["PATH"]})
    return result, dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)


def test_the_admin_script_reads_settings_as_systemd_does(tmp_path):
    url = "postgres://u:p$$w;x@h/db?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    result, seen = admin_sees(tmp_path, f"""# a comment
; another
ROLECALL_DATABASE__URL={url}
  ROLECALL_PROXY__TRUSTED=127.0.0.1, 10.0.0.0/8\t
ROLECALL_PUBLIC_URL="https://login.example.com"
ROLECALL_LOG__LEVEL='info'
EMPTY=
LAST=$(touch {tmp_path}/ran)`touch {tmp_path}/ran`""")
    assert result.returncode == 0, result.stderr
    assert seen["ROLECALL_DATABASE__URL"] == url
    assert seen["ROLECALL_PROXY__TRUSTED"] == "127.0.0.1, 10.0.0.0/8"
    assert seen["ROLECALL_PUBLIC_URL"] == "https://login.example.com"
    assert (seen["ROLECALL_LOG__LEVEL"], seen["EMPTY"]) == ("info", "")
    assert seen["LAST"].startswith("$(touch") and not (tmp_path / "ran").exists()
    assert seen["ROLECALL_MASTER_KEY"] == "a key"


def test_the_admin_script_uses_the_database_and_key_of_the_service(tmp_path):
    _, seen = admin_sees(tmp_path, "")
    assert seen["ROLECALL_DATABASE__URL"] == "sqlite:///var/lib/rolecall/rolecall.db"
    _, seen = admin_sees(tmp_path, "ROLECALL_DATABASE__URL_FILE=/x\nROLECALL_MASTER_KEY_FILE=/y\n")
    assert "ROLECALL_DATABASE__URL" not in seen and "ROLECALL_MASTER_KEY" not in seen


@pytest.mark.parametrize("line", ["no assignment", "A B=1", "1A=1", "=1", "A=\"x", "A='it's'", "A=x\\", "A=\"x\\n\""])
def test_the_admin_script_refuses_what_can_be_read_in_two_ways(tmp_path, line):
    result, seen = admin_sees(tmp_path, f"A=1\n{line}\n")
    assert result.returncode == 1 and seen == {}
    assert "rolecall.env: line 2: " in result.stderr


# -- lints

def test_the_dockerfile_passes_its_linter():
    check_output(tool("hadolint"), DEPLOY / "Dockerfile")


def test_the_compose_file_is_valid_and_passes_its_linter():
    text = (DEPLOY / "compose.yaml").read_text()
    compose = PyCompose.from_yaml(text)
    for check in (compose.validate_networks, compose.validate_secrets, compose.validate_volumes):
        check()
    with pytest.raises(ValueError):
        PyCompose.from_yaml(text.replace("read_only:", "raed_only:"))
    check_output(tool("compose-lint"), DEPLOY / "compose.yaml")


def test_containers_are_confined_and_only_the_proxy_is_published():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else []), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["cpus"] and service["pids_limit"], name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert ("ports" in service) == (name == "proxy"), name
        assert not re.search(r":latest$", service["image"]), name
        for dependency in service.get("depends_on", {}).values():
            assert dependency == {"condition": "service_healthy"}, name
        for key, value in service["environment"].items():
            if re.search("password|secret|key|database_+url", key, re.IGNORECASE):
                assert key.lower().endswith("_file") and value.startswith("/run/secrets/"), key
    networks = compose["networks"]
    assert [name for name in networks if not networks[name].get("internal")] == ["public", "outside"]
    # only rolecall calls others, for logout tokens
    assert compose["services"]["rolecall"]["networks"] == ["inside", "data", "outside"]
    assert compose["services"]["proxy"]["networks"] == ["public", "inside"]
    assert compose["services"]["database"]["networks"] == ["data"]
    trusted = compose["services"]["rolecall"]["environment"]["ROLECALL_PROXY__TRUSTED"]
    assert networks["inside"]["ipam"]["config"] == [{"subnet": trusted}]
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}


def test_the_settings_in_the_compose_file_are_valid(tmp_path):
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, text in (("master_key", MASTER_KEY), ("database_url", "postgres://a:b@database/c")):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o400)
    settings = {key: value.replace("/run/secrets", str(tmp_path)).replace("${LOGIN_HOST:?}", "a.example")
                for key, value in compose["services"]["rolecall"]["environment"].items()}
    settings["ROLECALL_LISTEN"] = "0.0.0.0:8000"  # of the image
    programs.check_rolecall("config", "check", folder=tmp_path, **settings)


def test_secrets_are_created_once_and_readable_by_one_user_each(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can change the owner of files")
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    check_output(tmp_path / "make-secrets")
    secrets = tmp_path / "secrets"
    owners = {file.name: (file.stat().st_uid, file.stat().st_mode & 0o777) for file in secrets.iterdir()}
    assert owners == {"master_key": (10001, 0o400), "database_url": (10001, 0o400),
                      "postgres_password": (999, 0o400)}
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    password = before["postgres_password"].strip()
    assert before["database_url"] == f"postgres://rolecall:{password}@database/rolecall\n"
    assert re.fullmatch("[0-9a-f]{64}\n", before["master_key"]) and password not in before["master_key"]
    check_output(tmp_path / "make-secrets")
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before


def units(tmp_path):
    """Copies of the units with the path of the program under test."""
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/rolecall", programs.rolecall()))
    return [tmp_path / name for name in UNITS]


def test_the_units_are_valid_and_confined(tmp_path):
    analyze = programs.program("XTASK_SYSTEMD_ANALYZE", "systemd-analyze")
    files = units(tmp_path)
    result = run(analyze, "verify", "--man=no", *files)
    complaints = [line for line in result.stderr.splitlines() if "rolecall" in line]
    assert not complaints and result.returncode == 0, result.stderr
    for file, threshold in ((files[0], 15), (files[1], 20)):
        check_output(analyze, "security", "--offline=true", f"--threshold={threshold}", file)
    page = (DEPLOY / "README.md").read_text()
    score = re.search(r"exposure level for rolecall.service: ([0-9.]+)",
                      run(analyze, "security", "--offline=true", files[0]).stdout)[1]
    assert f"exposure {score} " in page


# -- the image

def dockerfile(instruction):
    """The arguments of each occurrence of an instruction, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    return [line.removeprefix(f"{instruction} ") for line in text.splitlines()
            if line.startswith(f"{instruction} ")]


def create_image(root):
    """Creates the file system of the image with the Dockerfile's own command."""
    (root / "usr/bin").mkdir(parents=True)
    shutil.copy(programs.rolecall(), root / "usr/bin/rolecall")
    command = next(line for line in dockerfile("RUN") if line.startswith("ldd"))
    check_output("bash", "-euo", "pipefail", "-c", command.replace("/out", str(root)), cwd=programs.ROOT)


def test_the_image_runs_as_non_root_on_a_read_only_file_system(tmp_path):
    if os.geteuid() != 0 or run("unshare", "--mount", "true").returncode != 0:
        pytest.skip("only root can mount a root file system")
    root = tmp_path / "root"
    create_image(root)
    tmp_path.chmod(0o755)
    port = programs.free_port()
    settings = dict(re.findall(r"(\w+)=(\S+)", " ".join(dockerfile("ENV"))))
    assert settings["ROLECALL_LISTEN"] == "0.0.0.0:8000"
    settings |= {"ROLECALL_LISTEN": f"0.0.0.0:{port}", "ROLECALL_PUBLIC_URL": "https://a.example"}
    user = dockerfile("USER")[0]
    assert user == "10001:10001"
    confined = (
        f"mount --bind {root} {root} && mount --bind {root}/var/lib/rolecall {root}/var/lib/rolecall"
        f" && mount -o remount,bind,ro {root}"
        f' && exec env -i "$@" {shutil.which("chroot")} --userspec={user} {root} /usr/bin/rolecall "$COMMAND"')
    variables = [f"{key}={value}" for key, value in settings.items()]

    def in_image(command):
        return ["unshare", "--mount", "sh", "-c", confined, "sh", *variables], os.environ | {"COMMAND": command}

    words, environment = in_image("serve")
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    words, environment = in_image("health")
    try:
        wait_until(30, lambda: server.poll() is not None or run(*words, env=environment).returncode == 0, "healthy")
        assert server.poll() is None, (tmp_path / "log").read_text()
        response = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=10)
        assert response.json() == {"status": "ready"}
        process = Path(f"/proc/{server.pid}/status").read_text()
        assert re.search(r"Uid:\s+10001\s+10001", process)
        written = [path.relative_to(root) for path in root.rglob("*")
                   if path.is_file() and path.stat().st_uid == 10001]
        assert written and all(str(path).startswith("var/lib/rolecall/") for path in written)
        assert run("chroot", "--userspec", user, root, "/bin/sh").returncode != 0, "the image contains a shell"
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0, "the server does not stop after SIGTERM"
    result = run(*words, env=environment)
    assert result.returncode == 1 and "does not answer" in result.stderr


def test_y302_the_deployments_can_tell_clients_of_log_outs():
    # the image is empty but for what is copied
    installed = " ".join(dockerfile("RUN"))
    assert "--target-directory=/out/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt" in installed
    drop_in = (DEPLOY / "systemd" / "outgoing.conf").read_text()
    settings = [line for line in drop_in.splitlines() if line and not line.startswith("#")]
    # an empty value takes back what the unit says
    assert settings == ["[Service]", "IPAddressDeny=", "IPAddressAllow="]


def test_the_build_context_contains_only_what_the_build_needs():
    """.dockerignore includes every file that is compiled in, but neither data nor build products."""
    allowed = [line[1:] for line in (programs.ROOT / ".dockerignore").read_text().splitlines()
               if line.startswith("!")]
    tracked = check_output("git", "ls-files", "--cached", "--others", "--exclude-standard",
                   cwd=programs.ROOT).splitlines()
    included = {name for name in tracked if any(name == top or name.startswith(f"{top}/") for top in allowed)}
    for source in (name for name in included if name.endswith(".rs") and "/tests" not in name):
        text = (programs.ROOT / source).read_text().split("#[cfg(test)]\nmod tests {")[0]
        text = re.sub(r"(?m)^\s*//.*$|^#\[cfg\(doctest\)\]\n.*$", "", text)
        for path in re.findall(r'include(?:_str|_bytes)?!\("([^"]+)"\)', text):
            file = os.path.normpath(os.path.join(os.path.dirname(source), path))
            assert file in included, f"{source} needs {file}"
    members = yaml.safe_load(re.search(r"^members = (\[.*\])", (programs.ROOT / "Cargo.toml").read_text(),
                                       re.MULTILINE)[1])
    for member in members:
        assert member.split("/")[0] in allowed, member
    assert not any(name.startswith(("tests/", "deploy/", "target/")) for name in included)


# -- proxies

@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The URL of a PostgreSQL server for this module."""
    with databases.Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url()


def start_node(database):
    return programs.serve(
        ROLECALL_PROXY__TRUSTED="127.0.0.1", ROLECALL_PUBLIC_URL="https://localhost",
        ROLECALL_REGISTRATION__MODE="open", **databases.node_settings(database))


@pytest.fixture(scope="module")
def caddy(database, tmp_path_factory):
    """Two nodes behind Caddy with the Caddyfile; Caddy's own authority signs the certificate of a local name."""
    program = programs.program("XTASK_CADDY", "caddy")
    folder = tmp_path_factory.mktemp("caddy")
    http, https = programs.free_port(), programs.free_port()
    with start_node(database) as first, start_node(database) as second:
        settings = programs.environment(
            LOGIN_HOST="localhost", HTTP_PORT=str(http), HTTPS_PORT=str(https),
            UPSTREAMS=f"127.0.0.1:{first.port} 127.0.0.1:{second.port}",
            XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder), HOME=str(folder))
        check_output(program, "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile", env=settings)
        with (folder / "log").open("wb") as log:
            proxy = subprocess.Popen([program, "run", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"],
                                     env=settings, stdout=log, stderr=log)
        try:
            root = folder / "caddy/pki/authorities/local/root.crt"
            yield Proxy(f"https://localhost:{https}", f"http://localhost:{http}", root, [first, second], proxy)
        finally:
            proxy.terminate()
            proxy.wait(timeout=20)


class Proxy:
    def __init__(self, url, plain, root, nodes, process):
        self.url, self.plain, self.root, self.nodes, self.process = url, plain, root, nodes, process
        wait_until(30, self.is_up, "the proxy responds")

    def is_up(self):
        assert self.process.poll() is None, "the proxy has exited"
        try:
            return self.root.exists() and self.get("/health/ready").status_code == 200
        except (requests.ConnectionError, OSError, ssl.SSLError):
            return False

    def get(self, path, **options):
        return requests.get(self.url + path, verify=str(self.root), timeout=30, **options)

    def caller(self):
        caller = api.Caller(self.url)
        caller.verify, caller.trust_env = str(self.root), False
        return caller


def check_proxy(proxy):
    """Checks what holds behind either proxy."""
    caller = proxy.caller()
    name = api.unique_name("proxied")
    created = caller.post("/register", json={"username": name, "password": PASS_PHRASE},
                          headers={"X-Forwarded-For": "203.0.113.9"})
    assert created.status_code == 201, created.text
    assert created.headers["Strict-Transport-Security"] == HSTS
    caller.log_in(name, PASS_PHRASE)
    for _ in range(6):
        assert caller.get("/api/me").json()["username"] == name
    logs = "".join(node.log.read_text() for node in proxy.nodes)
    assert '"client":"127.0.0.1"' in logs and "203.0.113.9" not in logs
    assert proxy.get("/metrics").status_code == 404
    plain = requests.get(f"{proxy.plain}/api/me", timeout=30, allow_redirects=False)
    assert plain.status_code in (301, 308) and plain.headers["Location"].startswith("https://localhost")


def large_policy():
    """A policy document in TOML, of a size between the limit of other bodies, 64 KiB, and that of documents, 4 MiB."""
    # comments, since thousands of roles would take a debug build about as long as `policy.deadline`
    comment = f"# {'c' * 98}\n" * 50
    document = "".join(f'{comment}[roles.role-{number}]\ndescription = "Number {number}"\n' for number in range(500))
    assert 2_500_000 < len(document) < 2_700_000
    return document


def check_large_policy(proxy):
    """Checks that a large policy document reaches the API whole."""
    name, document = api.unique_name("planner"), large_policy()
    proxy.nodes[0].add_administrator(name)
    caller = proxy.caller()
    caller.log_in(name, PASS_PHRASE)
    planned = caller.post("/api/policy/plan", data=document, headers={"Content-Type": "application/toml"})
    assert planned.status_code == 200, (planned.status_code, planned.text[:500])
    assert planned.json()["counts"]["roles"] == 500


def test_users_can_log_in_through_caddy_and_two_nodes(caddy):
    check_proxy(caddy)

    def both_nodes_responded():
        # the proxy picks one of the nodes for each request
        assert caddy.get("/api/me").status_code == 401
        return all('"path":"/api/me"' in node.log.read_text() for node in caddy.nodes)

    wait_until(30, both_nodes_responded)


def test_a_large_policy_goes_through_caddy(caddy):
    check_large_policy(caddy)


def test_no_request_fails_when_a_node_behind_caddy_is_killed(caddy):
    name = api.unique_name("killed")
    account = {"username": name, "password": PASS_PHRASE}
    assert caddy.caller().post("/register", json=account).status_code == 201
    caller = caddy.caller()
    caller.log_in(name, PASS_PHRASE)
    caddy.nodes[0].kill()
    try:
        statuses = [caller.get("/api/me").status_code for _ in range(12)]
        assert statuses == [200] * 12
    finally:
        caddy.nodes[0].start()


@contextlib.contextmanager
def start_nginx(tmp_path, *ports):
    """nginx with the server block, adapted to this test's names and paths, before servers at the ports."""
    program = programs.program("XTASK_NGINX", "nginx")
    # root starts workers of another user, which write large bodies to files
    tmp_path.chmod(0o755)
    databases.open_parents(tmp_path)
    http_port, https_port = programs.free_port(), programs.free_port()
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    check_output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-out", certificate, "-keyout", key)
    text = (DEPLOY / "nginx/rolecall.conf").read_text()
    for old, new in (("login.example.com;", "localhost;"),
                     ("/etc/letsencrypt/live/login.example.com", str(tmp_path)),
                     ("server 127.0.0.1:8000 max_fails=0;",
                      " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)),
                     ("listen 80;", f"listen 127.0.0.1:{http_port};"), ("    listen [::]:80;\n", ""),
                     ("listen 443 ssl", f"listen 127.0.0.1:{https_port} ssl"),
                     ("    listen [::]:443 ssl http2;\n", "")):
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{services.nginx_paths(tmp_path)}\n{text}\n}}\n")
    command = [program, "-e", str(tmp_path / "error.log"), "-p", str(tmp_path), "-c", "nginx.conf"]
    check_output(*command, "-t")
    proxy = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        yield f"https://localhost:{https_port}", f"http://localhost:{http_port}", certificate, proxy
    finally:
        proxy.terminate()
        proxy.wait(timeout=20)


@pytest.fixture
def nginx(database, tmp_path):
    """A node behind nginx."""
    with start_node(database) as server, start_nginx(tmp_path, server.port) as (https, plain, certificate, process):
        yield Proxy(https, plain, certificate, [server], process)


def test_users_can_log_in_through_nginx(nginx):
    check_proxy(nginx)


def test_a_large_policy_goes_through_nginx(nginx):
    check_large_policy(nginx)

class LongRedirect(http.server.BaseHTTPRequestHandler):
    """Answers as `/authorize` does to a request with a long `state`."""
    def do_GET(self):
        self.send_response(303)
        self.send_header("Location", "https://app.example/cb?state=" + "s" * 12_000)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_y305_a_long_state_comes_back_through_nginx(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), LongRedirect) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        with start_nginx(tmp_path, upstream.server_port) as (url, _, certificate, process):
            def answers():
                assert process.poll() is None, "the proxy has exited"
                try:
                    return requests.get(url, verify=str(certificate), timeout=30, allow_redirects=False)
                except requests.ConnectionError:
                    return None

            wait_until(30, lambda: answers() is not None, "the proxy responds")
            answer = answers()
            assert answer.status_code == 303, answer.text
            assert len(answer.headers["Location"]) > 12_000
        upstream.shutdown()


# -- commands of the systemd path

def test_the_admin_command_runs_as_the_user_of_the_service(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can become the user of the service")
    tmp_path.chmod(0o755)
    state, settings, key = tmp_path / "state", tmp_path / "rolecall.env", tmp_path / "master.key"
    state.mkdir(mode=0o700)
    shutil.chown(state, "nobody")
    settings.write_text("ROLECALL_PUBLIC_URL=https://login.example.com\n")
    key.write_text(MASTER_KEY + "\n")
    key.chmod(0o600)
    program = tmp_path / "rolecall"
    shutil.copy(programs.rolecall(), program)
    text = (DEPLOY / "systemd/rolecall-admin").read_text()
    for old, new in (("/etc/rolecall", str(tmp_path)), ("/var/lib/rolecall", str(state)),
                     ("/usr/bin/rolecall", str(program)), ("=rolecall ", "=nobody "),
                     ("--regid=nobody", "--regid=nogroup")):
        assert old in text, old
        text = text.replace(old, new)
    script = tmp_path / "rolecall-admin"
    script.write_text(text)
    script.chmod(0o755)
    databases.open_parents(tmp_path)
    check_output(script, "migrate", env=programs.environment())
    check_output(script, "user", "add", "anna", "--role", "rolecall.admin", "--password-stdin",
         input=f"{PASS_PHRASE}\n", env=programs.environment())
    assert "anna" in check_output(script, "user", "list", env=programs.environment())
    for file in state.iterdir():
        assert file.stat().st_uid == state.stat().st_uid and file.stat().st_mode & 0o077 == 0, file
