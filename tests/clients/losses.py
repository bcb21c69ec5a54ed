"""What can be taken away: for each kind of loss a token that rests on it, and the call that ends the token."""

import time
from typing import Callable, NamedTuple

import jwt

import api

PASS_PHRASE, NEW = "a long enough pass phrase", "quite another pass phrase"
LATER = "2099-01-01T00:00:00Z"


class Loss(NamedTuple):
    """A token that is good, and the call that ends it."""
    token: str
    take: Callable
    status: int | None = None  # of the answer, where it is no success


class User:
    """Somebody with the role `user` and one of their own, logged in."""

    def __init__(self, world, role=None, client=None):
        self.root, self.name, self.role = world.root, api.fresh("user"), role or world.role()
        made = self.root.post("/api/users", json={
            "username": self.name, "password": PASS_PHRASE, "roles": ["user", self.role]})
        assert made.status_code == 201, made.text
        self.path = f"/api/users/{made.json()['id']}"
        self.assignment = f"{self.path}/roles/{self.role}"
        self.caller = api.Caller(self.root.url)
        self.tokens = self.caller.log_in(self.name, PASS_PHRASE, **client or {})
        self.token = self.tokens["access_token"]
        self.claims = jwt.decode(self.token, options={"verify_signature": False})

    def refresh(self, token):
        return self.caller.post("/token", data={"grant_type": "refresh_token", "refresh_token": token})


# -- the kinds of loss, by name: each function makes the token and gives the call

KINDS = {}


def kind(name):
    return lambda prepare: KINDS.setdefault(name, prepare)


def api_kind(name, call):
    """A loss that is one request about a user: `call` sends it."""
    def prepare(world):
        user = User(world)
        return Loss(user.token, lambda: call(user))
    KINDS[name] = prepare


def command(name, *words, text=None):
    """The same on the command line, in a process of its own; words in braces are about the user."""
    def prepare(world):
        user = User(world)
        said = [word.format(user=user, sid=user.claims["sid"]) for word in words]
        return Loss(user.token, lambda: world.node.run(*said, text=text))
    KINDS[f"{name} (command line)"] = prepare


api_kind("role unassigned", lambda user: user.root.delete(user.assignment))
api_kind("role deleted", lambda user: user.root.delete(f"/api/roles/{user.role}"))
api_kind("user disabled", lambda user: user.root.patch(user.path, json={"status": "disabled"}))
api_kind("user deleted", lambda user: user.root.delete(user.path))
api_kind("password changed", lambda user: user.caller.put(
    "/api/me/password", json={"current_password": PASS_PHRASE, "new_password": NEW}))
api_kind("password reset", lambda user: user.root.post(f"{user.path}/reset"))
api_kind("session ended", lambda user: user.caller.delete(f"/api/me/sessions/{user.claims['sid']}"))
api_kind("logged out", lambda user: user.caller.post("/api/me/logout"))
api_kind("logged out everywhere", lambda user: user.root.delete(f"{user.path}/sessions"))
api_kind("access token revoked", lambda user: user.caller.post("/revoke", data={"token": user.token}))
api_kind("refresh token revoked", lambda user: user.caller.post(
    "/revoke", data={"token": user.tokens["refresh_token"]}))
command("role unassigned", "unassign", "{user.name}", "{user.role}")
command("role deleted", "role", "delete", "{user.role}")
command("user disabled", "user", "disable", "{user.name}")
command("password changed", "user", "password", "{user.name}", "--password-stdin", text=NEW + "\n")
command("session ended", "session", "end", "{user.name}", "{sid}")
command("logged out everywhere", "session", "end", "{user.name}")


def until(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@kind("assignment shortened")
def shortened(world):
    user = User(world)
    return Loss(user.token, lambda: user.root.put(user.assignment, json={"expires_at": until(600)}))


@kind("assignment shortened (command line)")
def shortened_by_command(world):
    user = User(world)
    return Loss(user.token, lambda: world.node.run("assign", user.name, user.role, "--until", until(600)))


@kind("assignment put off")
def put_off(world):
    user = User(world)
    return Loss(user.token, lambda: user.root.put(user.assignment, json={"valid_from": LATER}))


def with_junior(world):
    role, junior = world.role(), world.role()
    world.done(world.root.put(f"/api/roles/{role}/juniors/{junior}"))
    return User(world, role), junior


def with_permission(world):
    role, permission = world.role(), f"{api.fresh('items')}:read"
    world.done(world.root.post("/api/permissions", json={"name": permission}))
    world.done(world.root.put(f"/api/roles/{role}/permissions/{permission}"))
    return User(world, role), permission


@kind("junior removed")
def junior_removed(world):
    user, junior = with_junior(world)
    return Loss(user.token, lambda: user.root.delete(f"/api/roles/{user.role}/juniors/{junior}"))


@kind("junior removed (command line)")
def junior_removed_by_command(world):
    user, junior = with_junior(world)
    return Loss(user.token, lambda: world.node.run("role", "disinherit", user.role, junior))


@kind("permission removed")
def permission_removed(world):
    user, permission = with_permission(world)
    return Loss(user.token, lambda: user.root.delete(f"/api/roles/{user.role}/permissions/{permission}"))


@kind("permission removed (command line)")
def permission_removed_by_command(world):
    user, permission = with_permission(world)
    return Loss(user.token, lambda: world.node.run("role", "disallow", user.role, permission))


@kind("permission removed from a junior")
def permission_removed_below(world):
    role = world.role()
    other, permission = with_permission(world)
    world.done(world.root.put(f"/api/roles/{role}/juniors/{other.role}"))
    user = User(world, role)
    return Loss(user.token, lambda: user.root.delete(f"/api/roles/{other.role}/permissions/{permission}"))


@kind("session replayed")
def replayed(world):
    user = User(world)
    first = user.tokens["refresh_token"]
    for _ in range(2):
        user.tokens = user.refresh(user.tokens["refresh_token"]).json()
    return Loss(user.tokens["access_token"], lambda: user.refresh(first), status=400)


@kind("client narrowed")
def client_narrowed(world):
    """The token is the client's own."""
    role = world.role()
    client = world.client(roles=["user", role], scope=f"role:user role:{role}")
    answer = api.Caller(world.root.url).post("/token", data={"grant_type": "client_credentials"},
                                             auth=(client["client_id"], client["client_secret"]))
    root, path = world.root, f"/api/clients/{client['client_id']}"
    return Loss(answer.json()["access_token"], lambda: root.patch(path, json={"scope": "role:user"}))


def through_a_client(world):
    """Somebody who has logged in through a client of their own; and that one."""
    client = world.client(grants=["password", "refresh_token"])
    named = {name: client[name] for name in ("client_id", "client_secret")}
    return User(world, client=named), client


@kind("client of a log-in narrowed")
def client_of_a_log_in_narrowed(world):
    user, client = through_a_client(world)
    path = f"/api/clients/{client['client_id']}"
    return Loss(user.token, lambda: user.root.patch(path, json={"scope": "role:user"}))


@kind("client deleted (command line)")
def client_deleted(world):
    user, client = through_a_client(world)
    return Loss(user.token, lambda: world.node.run("client", "delete", client["client_id"]))


def rotated(world):
    """Another key signs from now on. Gives a token of the one before, and its id."""
    user = User(world)
    world.done(world.root.post("/api/keys/rotate", json={"force": True}))
    world.log_in()
    return user.token, jwt.get_unverified_header(user.token)["kid"]


@kind("key retired (command line)")
def key_retired(world):
    token, kid = rotated(world)
    return Loss(token, lambda: world.node.run("key", "retire", kid))
