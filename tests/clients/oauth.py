"""Shared by the tests of OAuth client libraries: an API for stock, its permissions and its clients."""

from types import SimpleNamespace

import api
import programs

STOCK = "https://stock.example"
METHODS = ["client_secret_basic", "client_secret_post"]
PERMISSIONS = "stock:read stock:write"


def prepare(server):
    """Creates permissions, a role that grants them, and a client of each kind, over HTTP as an administrator."""
    admin = api.login(server.url, "admin")
    role = api.unique_name("keeper")
    for permission in PERMISSIONS.split():
        expect(admin.post("/api/permissions", json={"name": permission}), 201, 409)
    expect(admin.post("/api/roles", json={"name": role}), 201)
    for permission in PERMISSIONS.split():
        expect(admin.put(f"/api/roles/{role}/permissions/{permission}"), 204)

    def client(*grants, **more):
        return api.create_client(admin, *grants, **more)

    stock = SimpleNamespace(
        url=server.url, admin=admin, role=role, client=client,
        # the issuer first: that is the audience of a request that names none
        shop=client("password", "refresh_token", audiences=[server.url, STOCK]),
        app=client("password", "refresh_token", public=True),
        job=client("client_credentials", audiences=[STOCK], roles=[role]),
        api=client("client_credentials", audiences=[STOCK, server.url], roles=["rolecall.resource-server"]),
    )
    # the metadata lists only grants that some client may use
    stock.metadata = server_metadata(server.url)
    return stock


def expect(response, *statuses):
    assert response.status_code in statuses, response.text
    return response


def server_metadata(url):
    response = api.Caller(url).get("/.well-known/oauth-authorization-server")
    return expect(response, 200).json()


def create_keeper(stock):
    """A new user with the role: id, name and password."""
    # created by an administrator, since an address may register only 30 users a minute
    name, password = api.unique_name(), programs.PASS_PHRASE
    body = {"username": name, "password": password, "roles": ["user", stock.role]}
    account = expect(stock.admin.post("/api/users", json=body), 201).json()
    return SimpleNamespace(id=account["id"], username=name, password=password)


def assert_ended(url, token):
    """Checks that the server refuses an access token that was valid before."""
    caller = api.Caller(url)
    caller.use_token(token)
    api.assert_ended(caller.get("/api/me"))
