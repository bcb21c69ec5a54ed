"""FastAPI: rules before bodies, refused applications, documents, the access matrix."""

import re
from typing import Annotated

import pytest
from conftest import without_comments
from fastapi import APIRouter, Body, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from rolecall import Guard, Principal, UnguardedRoutes
from rolecall.fastapi import (
    RoleChecker,
    access_routes,
    assert_access_matrix,
    guarded,
    optional,
    protect,
    public,
    require,
)

Admin = Annotated[Principal, require(role="admin")]
JWKS = '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig"}]}'


def new_guard():
    return Guard("https://login.example", jwks=JWKS)


def toy(guard):
    """The application of the conformance files."""
    app = FastAPI(openapi_url=None)
    users = require(any_role=["admin", "user"])

    @app.get("/health", dependencies=[public])
    def health():
        return "ok"

    @app.get("/")
    def home(caller: Annotated[Principal | None, optional]):
        return None if caller is None else caller.username

    @app.get("/me")
    def read_me(caller: Annotated[Principal, require()]):
        return caller.username

    items = APIRouter(prefix="/items")

    @items.get("/")
    def read_items(caller: Admin):
        return [{"item_id": "Foo", "owner": caller.username}]

    @items.post("/", dependencies=[require(permission="items:write")])
    def create_item(item: Annotated[dict, Body()]):
        return item

    @items.get("/{id:int}", dependencies=[users])
    def read_item(id: int):
        return id

    @items.delete("/{id}", dependencies=[require(role="admin", permission="items:write")])
    def delete_item(id: int):
        return id

    app.include_router(items)

    @app.get("/{tenant}/items", dependencies=[require(role="user", tenant="path")])
    def read_tenant_items(tenant: str):
        return tenant

    @app.get("/reports", dependencies=[require(role="user", tenant="token")])
    def read_reports():
        return []

    @app.put("/password", dependencies=[require(fresh=300)])
    def change_password():
        return "ok"

    protect(app, guard)
    return app


def test_the_matrix_of_the_toy_application_is_the_committed_one(lock_file, tmp_path, monkeypatch):
    guard = new_guard()
    app = toy(guard)
    own = tmp_path / "access.lock"
    monkeypatch.setenv("ROLECALL_BLESS", "1")
    assert_access_matrix(app, own, ["admin", "user"])
    assert without_comments(own.read_text()) == without_comments(lock_file.read_text())
    assert "ROLECALL_BLESS=1 pytest" in own.read_text()
    monkeypatch.delenv("ROLECALL_BLESS")
    assert_access_matrix(app, own, ["admin", "user"])
    own.write_text(own.read_text().replace("GET /me", "GET /you"))
    with pytest.raises(AssertionError, match="has changed"):
        assert_access_matrix(app, own, ["admin", "user"])


def test_requests_are_let_in_and_refused(test_issuer):
    guard = new_guard()
    client = TestClient(toy(guard))
    assert client.get("/health").text == '"ok"'
    refused = client.get("/items/")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.headers["content-type"] == "application/problem+json"
    with test_issuer.accepted_by(guard):
        boss = test_issuer.headers("boss", roles=["admin"])
        assert client.get("/items/", headers=boss).json() == [{"item_id": "Foo", "owner": "boss"}]
        refused = client.get("/items/", headers=test_issuer.headers(roles=["user"]))
        assert refused.status_code == 403
        assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="role:admin"'
        assert refused.json()["roles"] == ["user"]
        assert client.get("/", headers=boss).json() == "boss" and client.get("/").json() is None
        acme = test_issuer.headers(roles=["user"], tenant="acme")
        assert client.get("/acme/items", headers=acme).json() == "acme"
        assert client.get("/globex/items", headers=acme).status_code == 403
        assert client.put("/password", headers=test_issuer.headers(signed_in_ago=301)).status_code == 401
        two = [("authorization", boss["Authorization"]), ("authorization", boss["Authorization"])]
        assert client.get("/items/", headers=two).status_code == 400
        test_issuer.revoke("subject", "boss")
        ended = client.get("/items/", headers=boss)
        assert ended.status_code == 401 and "has ended" in ended.headers["www-authenticate"]
    # the issuer of the test is forgotten
    assert client.get("/items/", headers=boss).status_code == 401


def test_the_body_is_not_read_before_the_rule_is_checked():
    client = TestClient(toy(new_guard()))

    def body():
        yield b"{"
        raise AssertionError("the body was read")

    bad = client.post("/items/", content=b"{ no json", headers={"content-type": "application/json"})
    assert bad.status_code == 401
    calls = []

    async def receive():
        calls.append("receive")
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/items/", "raw_path": b"/items/", "root_path": "", "scheme": "http",
        "query_string": b"", "headers": [], "http_version": "1.1", "server": ("x", 1), "client": ("y", 2), "asgi": {},
    }
    import asyncio

    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 401 and calls == []


def test_other_dependencies_run_after_the_rule():
    ran = []

    def expensive():
        ran.append(1)

    app = FastAPI()

    @app.get("/x", dependencies=[Depends(expensive)])
    def read(caller: Admin):
        return "x"

    protect(app, new_guard())
    assert TestClient(app).get("/x").status_code == 401
    assert ran == []


def test_a_wrong_method_is_405_and_a_wrong_path_404():
    client = TestClient(toy(new_guard()))
    assert client.delete("/items/").status_code == 405
    assert client.get("/nothing/of/that").status_code == 404


def test_the_tutorials_role_checker_works_with_another_import(test_issuer):
    app = FastAPI()

    @app.get("/items/")
    def read_items(user=Depends(RoleChecker(["admin", "owner"]))):
        return user.username

    @app.get("/users/")
    def read_users(user=Depends(RoleChecker(allowed_roles=["user"]))):
        return user.username

    guard = new_guard()
    protect(app, guard)
    client = TestClient(app)
    with test_issuer.accepted_by(guard):
        assert client.get("/items/", headers=test_issuer.headers("o", roles=["owner"])).json() == "o"
        assert client.get("/users/", headers=test_issuer.headers("o", roles=["owner"])).status_code == 403
    with pytest.raises(TypeError):
        RoleChecker("admin")


# refused applications


def endpoint():
    return "open"


async def socket(websocket: WebSocket):
    await websocket.accept()


def unguarded_plain(app):
    app.get("/open")(endpoint)


def unguarded_included(app):
    router = APIRouter()
    router.get("/open")(endpoint)
    app.include_router(router, prefix="/api")


def unguarded_twice_included(app):
    inner, outer = APIRouter(), APIRouter()
    inner.get("/open")(endpoint)
    outer.include_router(inner, prefix="/b")
    app.include_router(outer, prefix="/a")


def unguarded_mounted(app):
    inner = FastAPI()
    inner.get("/open")(endpoint)
    app.mount("/sub", inner)


def unguarded_router(app):
    app.mount("/sub", Router([Route("/open", lambda request: PlainTextResponse("open"))]))


def unguarded_static(app):
    app.mount("/static", StaticFiles(directory="."))


def unguarded_asgi(app):
    async def raw(scope, receive, send):
        await PlainTextResponse("open")(scope, receive, send)

    app.mount("/raw", raw)


def unguarded_socket(app):
    app.websocket("/open")(socket)


def unguarded_included_socket(app):
    router = APIRouter()
    router.websocket("/open")(socket)
    app.include_router(router)


def unguarded_starlette_route(app):
    app.add_route("/open", lambda request: PlainTextResponse("open"))


def unguarded_class(app):
    class Own(BaseRoute):
        path = "/open"

        def matches(self, scope):
            return Match.FULL, {}

        async def handle(self, scope, receive, send):
            await PlainTextResponse("open")(scope, receive, send)

    app.router.routes.append(Own())


def unguarded_default(app):
    async def spa(scope, receive, send):
        await PlainTextResponse("open")(scope, receive, send)

    app.router.default = spa


def unguarded_host(app):
    app.host("x.example", Router([Mount("/y", routes=[Route("/open", lambda request: PlainTextResponse("open"))])]))


def unguarded_frontend(app):
    if not hasattr(app, "frontend"):
        pytest.skip("this FastAPI has no front ends")
    app.frontend("/", directory=".")


def unguarded_included_frontend(app):
    router = APIRouter()
    if not hasattr(router, "frontend"):
        pytest.skip("this FastAPI has no front ends")
    router.frontend("/ui", directory=".")
    app.include_router(router)


KINDS = [value for name, value in globals().items() if name.startswith("unguarded_")]


@pytest.mark.parametrize("add", KINDS, ids=lambda add: add.__name__)
def test_an_unguarded_route_of_every_kind_is_refused(add):
    app = FastAPI()
    app.get("/fine", dependencies=[public])(endpoint)
    add(app)
    with pytest.raises(UnguardedRoutes) as refused:
        protect(app, new_guard())
    assert len(refused.value.faults) == 1, refused.value.faults


@pytest.mark.parametrize("add", KINDS, ids=lambda add: add.__name__)
def test_a_route_that_is_added_later_never_answers(add):
    app = FastAPI()
    app.get("/fine", dependencies=[public])(endpoint)
    protect(app, new_guard())
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/fine").status_code == 200
    add(app)
    for path in ("/open", "/api/open", "/a/b/open", "/sub/open", "/static/conftest.py", "/raw", "/ui/conftest.py", "/conftest.py"):
        answer = client.get(path)
        assert answer.status_code in (404, 500) and answer.text != "open", path
    with pytest.raises((WebSocketDisconnect, Exception)):
        with client.websocket_connect("/open"):
            pass
    # and such an application does not start
    with pytest.raises(UnguardedRoutes):
        with TestClient(app):
            pass


def test_a_route_added_to_an_included_router_later_never_answers():
    app, router = FastAPI(), APIRouter()
    router.get("/fine", dependencies=[public])(endpoint)
    app.include_router(router)
    protect(app, new_guard())
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/fine").status_code == 200
    router.get("/open")(endpoint)
    assert client.get("/open").status_code in (404, 500)


def test_a_refusal_at_the_start_is_told_to_the_server():
    app = FastAPI()
    protect(app, new_guard())
    app.get("/open")(endpoint)
    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    import asyncio

    with pytest.raises(UnguardedRoutes):
        asyncio.run(app({"type": "lifespan", "asgi": {}}, receive, send))
    assert sent[0]["type"] == "lifespan.startup.failed" and "GET /open" in sent[0]["message"]


def test_guarded_mounts_sockets_and_docs_are_let_in(test_issuer, tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    app = FastAPI()
    app.mount("/static", guarded(public, StaticFiles(directory=tmp_path)))
    app.mount("/private", guarded(require(role="admin"), StaticFiles(directory=tmp_path)))
    inner = FastAPI(openapi_url=None)
    inner.get("/x", dependencies=[require(role="admin")])(endpoint)
    app.mount("/sub", inner)

    @app.websocket("/ws")
    async def talk(websocket: WebSocket, caller: Admin):
        await websocket.accept()
        await websocket.send_text(caller.username)
        await websocket.close()

    guard = new_guard()
    protect(app, guard)
    client = TestClient(app)
    assert client.get("/static/a.txt").text == "hello"
    assert client.get("/private/a.txt").status_code == 401
    assert client.get("/sub/x").status_code == 401
    assert client.get("/docs").status_code == 200
    with test_issuer.accepted_by(guard):
        boss = test_issuer.headers("boss", roles=["admin"])
        assert client.get("/private/a.txt", headers=boss).text == "hello"
        assert client.get("/sub/x", headers=boss).json() == "open"
        with client.websocket_connect("/ws", headers=boss) as connection:
            assert connection.receive_text() == "boss"
    with pytest.raises(Exception) as refused:
        with client.websocket_connect("/ws"):
            pass
    assert getattr(refused.value, "status_code", 401) == 401


def test_the_matrix_has_mounts_sockets_and_parameters_with_converters(tmp_path, monkeypatch):
    app = FastAPI(openapi_url=None)
    app.mount("/static", guarded(public, StaticFiles(directory=tmp_path)))
    app.mount("/private", guarded(require(role="admin"), StaticFiles(directory=tmp_path)))
    app.websocket("/ws/{room:int}", dependencies=[require(role="admin")])(socket)
    app.get("/{tenant}/{id:int}", dependencies=[require(role="admin", tenant="path")])(endpoint)
    inner = FastAPI(openapi_url=None)
    inner.get("/{id:uuid}", dependencies=[require()])(endpoint)
    app.mount("/sub", inner)
    protect(app, new_guard())
    own = tmp_path / "access.lock"
    monkeypatch.setenv("ROLECALL_BLESS", "1")
    assert_access_matrix(app, own, ["admin"])
    routes = [line.split("| ")[1] for line in without_comments(own.read_text())[2:]]
    assert routes == [
        "ANY /private/{*path} for role:admin",
        "ANY /static/{*path} for everyone",
        "GET /sub/{id} for any token",
        "WEBSOCKET /ws/{room} for role:admin",
        "GET /{tenant}/{id} for role:admin in the path's tenant",
    ]


def test_the_rule_of_a_mount_covers_only_what_has_no_rule_of_its_own(test_issuer):
    inner = FastAPI(openapi_url=None)
    inner.get("/open")(endpoint)

    @inner.get("/admin")
    def read(caller: Admin):
        return caller.username

    app = FastAPI(openapi_url=None)
    app.mount("/public", guarded(public, inner))
    app.mount("/users", guarded(require(role="user"), inner))
    guard = new_guard()
    protect(app, guard)
    client = TestClient(app)
    assert client.get("/public/open").json() == "open"
    assert client.get("/public/admin").status_code == 401
    assert client.get("/users/open").status_code == 401
    with test_issuer.accepted_by(guard):
        boss = test_issuer.headers("boss", roles=["admin"])
        assert client.get("/public/admin", headers=boss).json() == "boss"
        assert client.get("/users/admin", headers=boss).status_code == 403
        both = test_issuer.headers("both", roles=["admin", "user"])
        assert client.get("/users/admin", headers=both).json() == "both"


def test_docs_can_be_guarded():
    app = FastAPI()
    protect(app, new_guard(), docs=require(role="admin"))
    client = TestClient(app)
    assert [client.get(path).status_code for path in ("/docs", "/openapi.json", "/redoc")] == [401, 401, 401]


def test_rules_that_contradict_each_other_are_refused():
    app = FastAPI(dependencies=[require(role="user")])
    app.get("/open", dependencies=[public])(endpoint)
    with pytest.raises(UnguardedRoutes, match="cannot be combined"):
        protect(app, new_guard())
    app = FastAPI(dependencies=[require(role="user")])
    app.get("/x")(endpoint)
    app.get("/y", dependencies=[require(role="admin")])(endpoint)
    protect(app, new_guard())
    rules = {path: str(rule) for _, path, rule, _ in access_routes(app)}
    assert rules["/x"] == "role:user" and rules["/y"] == "all of (role:user, role:admin)"


def test_an_overridden_rule_is_refused_outside_of_tests(test_issuer):
    guard = new_guard()
    app = FastAPI()
    checker = RoleChecker(["admin"])
    app.get("/x", dependencies=[Depends(checker)])(endpoint)
    app.dependency_overrides[checker] = lambda: "boss"
    with pytest.raises(UnguardedRoutes, match="dependency_overrides"):
        protect(app, guard)
    app.dependency_overrides.clear()
    protect(app, guard)
    client = TestClient(app, raise_server_exceptions=False)
    app.dependency_overrides[checker] = lambda: "boss"
    assert client.get("/x").status_code == 500
    with test_issuer.accepted_by(guard):
        # in a test the rule is checked all the same
        assert client.get("/x").status_code == 401


def test_a_tenant_rule_needs_the_parameter():
    app = FastAPI()
    app.get("/x", dependencies=[require(role="a", tenant="path")])(endpoint)
    with pytest.raises(UnguardedRoutes, match=re.escape("{tenant}")):
        protect(app, new_guard())


def test_without_protect_a_rule_lets_nobody_in():
    app = FastAPI()

    @app.get("/x")
    def read(caller: Admin):
        return "x"

    assert TestClient(app, raise_server_exceptions=False).get("/x").status_code == 500


def test_the_document_describes_the_rules():
    app = FastAPI()

    @app.get("/items/")
    def read_items(caller: Admin):
        return []

    app.get("/health", dependencies=[public])(endpoint)
    app.get("/files/{rest:path}", dependencies=[require()])(endpoint)
    app.get("/maybe", dependencies=[optional])(endpoint)
    protect(app, new_guard())
    schema = TestClient(app).get("/openapi.json").json()
    operation = schema["paths"]["/items/"]["get"]
    assert operation["security"] == [{"rolecall": ["role:admin"]}]
    assert set(operation["responses"]) >= {"200", "401", "403"}
    assert "security" not in schema["paths"]["/health"]["get"]
    assert schema["paths"]["/files/{rest}"]["get"]["security"] == [{"rolecall": []}]
    assert schema["paths"]["/maybe"]["get"]["security"] == [{}, {"rolecall": []}]
    assert schema == TestClient(app).get("/openapi.json").json()
    assert schema["components"]["securitySchemes"]["rolecall"]["scheme"] == "bearer"
