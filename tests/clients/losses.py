"""The ways to lose access: for each kind of loss a token that depends on it, and the call that revokes the token."""

import time
from typing import Callable, NamedTuple

import access_tokens
import api
from programs import PASS_PHRASE

NEW_PASS_PHRASE = "quite another pass phrase"
LATER = "2099-01-01T00:00:00Z"


class Loss(NamedTuple):
    """A valid token, and the call that revokes it."""
    token: str
    revoke: Callable
    status: int | None = None  # of the response, if it is an error


class User:
    """A logged-in user with the role `user` and another one."""

    def __init__(self, deployment, role=None, client=None):
        self.root, self.name, self.role = deployment.root, api.unique_name("user"), role or deployment.create_role()
        response = self.root.post("/api/users", json={
            "username": self.name, "password": PASS_PHRASE, "roles": ["user", self.role]})
        assert response.status_code == 201, response.text
        self.path = f"/api/users/{response.json()['id']}"
        self.assignment = f"{self.path}/roles/{self.role}"
        self.caller = api.Caller(self.root.url)
        self.tokens = self.caller.log_in(self.name, PASS_PHRASE, **client or {})
        self.token = self.tokens["access_token"]
        self.claims = access_tokens.claims_of(self.token)


# -- the kinds of loss by name: each function creates the token

KINDS = {}


def loss(name):
    return lambda prepare: KINDS.setdefault(name, prepare)


def loss_by_request(name, call):
    """Adds a loss that one request causes; `call` sends it."""
    def prepare(deployment):
        user = User(deployment)
        return Loss(user.token, lambda: call(user))
    KINDS[name] = prepare


def loss_by_command(name, *words, text=None):
    """Adds a loss that the command line causes; the user's values replace the words in braces."""
    def prepare(deployment):
        user = User(deployment)
        arguments = [word.format(user=user, sid=user.claims["sid"]) for word in words]
        return Loss(user.token, lambda: deployment.node.run(*arguments, text=text))
    KINDS[f"{name} (command line)"] = prepare


loss_by_request("role unassigned", lambda user: user.root.delete(user.assignment))
loss_by_request("role deleted", lambda user: user.root.delete(f"/api/roles/{user.role}"))
loss_by_request("user disabled", lambda user: user.root.patch(user.path, json={"status": "disabled"}))
loss_by_request("user deleted", lambda user: user.root.delete(user.path))
loss_by_request("password changed", lambda user: user.caller.put(
    "/api/me/password", json={"current_password": PASS_PHRASE, "new_password": NEW_PASS_PHRASE}))
loss_by_request("password reset", lambda user: user.root.post(f"{user.path}/reset"))
loss_by_request("session ended", lambda user: user.caller.delete(f"/api/me/sessions/{user.claims['sid']}"))
loss_by_request("logged out", lambda user: user.caller.post("/api/me/logout"))
loss_by_request("logged out everywhere", lambda user: user.root.delete(f"{user.path}/sessions"))
loss_by_request("access token revoked", lambda user: user.caller.post("/revoke", data={"token": user.token}))
loss_by_request("refresh token revoked", lambda user: user.caller.post(
    "/revoke", data={"token": user.tokens["refresh_token"]}))
loss_by_command("role unassigned", "unassign", "{user.name}", "{user.role}")
loss_by_command("role deleted", "role", "delete", "{user.role}")
loss_by_command("user disabled", "user", "disable", "{user.name}")
loss_by_command("password changed", "user", "password", "{user.name}", "--password-stdin", text=NEW_PASS_PHRASE + "\n")
loss_by_command("session ended", "session", "end", "{user.name}", "{sid}")
loss_by_command("logged out everywhere", "session", "end", "{user.name}")


def in_seconds(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@loss("assignment shortened")
def shortened(deployment):
    user = User(deployment)
    return Loss(user.token, lambda: user.root.put(user.assignment, json={"expires_at": in_seconds(600)}))


@loss("assignment shortened (command line)")
def shortened_by_command(deployment):
    user = User(deployment)
    return Loss(user.token, lambda: deployment.node.run("assign", user.name, user.role, "--until", in_seconds(600)))


@loss("assignment postponed")
def postponed(deployment):
    user = User(deployment)
    return Loss(user.token, lambda: user.root.put(user.assignment, json={"valid_from": LATER}))


def user_with_junior(deployment):
    role, junior = deployment.create_role(), deployment.create_role()
    deployment.check(deployment.root.put(f"/api/roles/{role}/juniors/{junior}"))
    return User(deployment, role), junior


def user_with_permission(deployment):
    role, permission = deployment.create_role(), f"{api.unique_name('items')}:read"
    deployment.check(deployment.root.post("/api/permissions", json={"name": permission}))
    deployment.check(deployment.root.put(f"/api/roles/{role}/permissions/{permission}"))
    return User(deployment, role), permission


@loss("junior removed")
def junior_removed(deployment):
    user, junior = user_with_junior(deployment)
    return Loss(user.token, lambda: user.root.delete(f"/api/roles/{user.role}/juniors/{junior}"))


@loss("junior removed (command line)")
def junior_removed_by_command(deployment):
    user, junior = user_with_junior(deployment)
    return Loss(user.token, lambda: deployment.node.run("role", "disinherit", user.role, junior))


@loss("permission removed")
def permission_removed(deployment):
    user, permission = user_with_permission(deployment)
    return Loss(user.token, lambda: user.root.delete(f"/api/roles/{user.role}/permissions/{permission}"))


@loss("permission removed (command line)")
def permission_removed_by_command(deployment):
    user, permission = user_with_permission(deployment)
    return Loss(user.token, lambda: deployment.node.run("role", "disallow", user.role, permission))


@loss("permission removed from a junior")
def permission_removed_below(deployment):
    role = deployment.create_role()
    other, permission = user_with_permission(deployment)
    deployment.check(deployment.root.put(f"/api/roles/{role}/juniors/{other.role}"))
    user = User(deployment, role)
    return Loss(user.token, lambda: user.root.delete(f"/api/roles/{other.role}/permissions/{permission}"))


@loss("session replayed")
def replayed(deployment):
    user = User(deployment)
    first = user.tokens["refresh_token"]
    for _ in range(2):
        user.tokens = user.caller.refresh(user.tokens["refresh_token"]).json()
    return Loss(user.tokens["access_token"], lambda: user.caller.refresh(first), status=400)


@loss("client narrowed")
def client_narrowed(deployment):
    """The token belongs to the client itself."""
    role = deployment.create_role()
    client = deployment.create_client(roles=["user", role], scope=f"role:user role:{role}")
    root, path = deployment.root, f"/api/clients/{client['client_id']}"
    return Loss(api.client_token(root.url, client), lambda: root.patch(path, json={"scope": "role:user"}))


def user_of_client(deployment):
    """A user who logged in through a new client, and the client."""
    client = deployment.create_client("password", "refresh_token")
    credentials = {name: client[name] for name in ("client_id", "client_secret")}
    return User(deployment, client=credentials), client


@loss("client of a login narrowed")
def client_of_a_login_narrowed(deployment):
    user, client = user_of_client(deployment)
    path = f"/api/clients/{client['client_id']}"
    return Loss(user.token, lambda: user.root.patch(path, json={"scope": "role:user"}))


@loss("client deleted (command line)")
def client_deleted(deployment):
    user, client = user_of_client(deployment)
    return Loss(user.token, lambda: deployment.node.run("client", "delete", client["client_id"]))


def rotate_keys(deployment):
    """Replaces the signing key; returns a token that the old key signed, and the key's id."""
    user = User(deployment)
    api.rotate_key(deployment.root)
    deployment.log_in()
    return user.token, access_tokens.header_of(user.token)["kid"]


@loss("key retired (command line)")
def key_retired(deployment):
    token, kid = rotate_keys(deployment)
    return Loss(token, lambda: deployment.node.run("key", "retire", kid))
