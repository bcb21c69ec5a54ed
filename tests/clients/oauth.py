"""What the tests of OAuth client libraries share: an API for stock, who may read it, and clients."""

from types import SimpleNamespace

import api
import programs

STOCK = "https://stock.example"
METHODS = ["client_secret_basic", "client_secret_post"]
PERMISSIONS = "stock:read stock:write"


def prepare(server):
    """Permissions, a role that holds them, and a client of each kind, made over HTTP as an administrator."""
    admin = api.logged_in(server.url, "admin")
    role = api.fresh("keeper")
    for permission in PERMISSIONS.split():
        done(admin.post("/api/permissions", json={"name": permission}), 201, 409)
    done(admin.post("/api/roles", json={"name": role}), 201)
    for permission in PERMISSIONS.split():
        done(admin.put(f"/api/roles/{role}/permissions/{permission}"), 204)

    def client(*grants, **more):
        made = admin.post("/api/clients", json={"name": api.fresh("client"), "grants": grants, **more})
        return done(made, 201).json()

    stock = SimpleNamespace(
        url=server.url, admin=admin, role=role, client=client,
        # the issuer first: what is asked for without `audience=`
        shop=client("password", "refresh_token", audiences=[server.url, STOCK]),
        app=client("password", "refresh_token", public=True),
        job=client("client_credentials", audiences=[STOCK], roles=[role]),
        api=client("client_credentials", audiences=[STOCK, server.url], roles=["rolecall.resource-server"]),
    )
    # the metadata lists the grants that some client was given
    stock.metadata = server_metadata(server.url)
    return stock


def done(answer, *statuses):
    assert answer.status_code in statuses, answer.text
    return answer


def server_metadata(url):
    answer = api.Caller(url).get("/.well-known/oauth-authorization-server")
    return done(answer, 200).json()


def keeper(stock):
    """A new user who holds the role: id, name and password."""
    # made by an administrator: an address registers 30 a minute
    name, password = api.fresh(), "a long enough pass phrase"
    body = {"username": name, "password": password, "roles": ["user", stock.role]}
    account = done(stock.admin.post("/api/users", json=body), 201).json()
    return SimpleNamespace(id=account["id"], username=name, password=password)


def me(url, token):
    caller = api.Caller(url)
    caller.carry(token)
    return caller.get("/api/me")


def has_ended(url, token):
    api.is_problem(me(url, token), 401, "Could not validate credentials", api.ENDED)


def brief():
    """A server whose access tokens last two seconds."""
    return programs.dev(ROLECALL_TOKENS__ACCESS_TTL="2s")
