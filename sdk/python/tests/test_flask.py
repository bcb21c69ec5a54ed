"""Flask: rules before everything else, refused applications, the access matrix."""

import pytest
from conftest import without_comments
from flask import Blueprint, Flask, g
from flask.views import MethodView
from test_fastapi import new_guard
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import rolecall
from rolecall import UnguardedRoutes
from rolecall.flask import assert_access_matrix, caller, optional, protect, public, require


def toy(guard):
    app = Flask(__name__, static_folder=None)

    @app.get("/health")
    @public
    def health():
        return "ok"

    @app.get("/")
    @optional
    def home():
        return "nobody" if g.caller is None else g.caller.username

    @app.get("/me")
    @require()
    def read_me():
        return caller().username

    items = Blueprint("items", __name__, url_prefix="/items")

    class Items(MethodView):
        @require(role="admin")
        def get(self):
            return [{"item_id": "Foo", "owner": caller().username}]

        @require(permission="items:write")
        def post(self):
            return "created"

    items.add_url_rule("/", view_func=Items.as_view("items"))

    @items.get("/<int:id>")
    @require(any_role=["admin", "user"])
    def read_item(id):
        return str(id)

    @items.delete("/<int:id>")
    @require(role="admin", permission="items:write")
    def delete_item(id):
        return str(id)

    app.register_blueprint(items)

    @app.get("/<tenant>/items")
    @require(role="user", tenant="path")
    def read_tenant_items(tenant):
        return tenant

    @app.get("/reports")
    @require(role="user", tenant="token")
    def read_reports():
        return []

    @app.put("/password")
    @require(fresh=300)
    def change_password():
        return "ok"

    protect(app, guard)
    return app


def test_the_matrix_of_the_toy_application_is_the_committed_one(lock_file, tmp_path, monkeypatch):
    app = toy(new_guard())
    own = tmp_path / "access.lock"
    monkeypatch.setenv("ROLECALL_BLESS", "1")
    assert_access_matrix(app, own, ["admin", "user"])
    assert without_comments(own.read_text()) == without_comments(lock_file.read_text())


def test_requests_are_let_in_and_refused(test_issuer):
    guard = new_guard()
    app = toy(guard)
    ran = []
    app.before_request(lambda: ran.append(1))
    client = app.test_client()
    assert client.get("/health").text == "ok"
    ran.clear()
    refused = client.get("/items/")
    assert (refused.status_code, refused.headers["www-authenticate"], ran) == (401, "Bearer", [])
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.options("/items/").status_code == 200, "a preflight has no credentials, and no view runs"
    assert client.delete("/items/").status_code == 405 and client.get("/a/b/c").status_code == 404
    with test_issuer.accepted_by(guard):
        boss = test_issuer.headers("boss", roles=["admin"])
        assert client.get("/items/", headers=boss).json == [{"item_id": "Foo", "owner": "boss"}]
        assert client.head("/items/", headers=boss).status_code == 200 and client.head("/items/").status_code == 401
        assert client.post("/items/", headers=boss).status_code == 403
        assert client.get("/", headers=boss).text == "boss" and client.get("/").text == "nobody"
        acme = test_issuer.headers(roles=["user"], tenant="acme")
        assert client.get("/acme/items", headers=acme).text == "acme"
        assert client.get("/globex/items", headers=acme).status_code == 403
        twice = [("Authorization", boss["Authorization"])] * 2
        assert client.get("/items/", headers=twice).status_code == 400


def later_plain(app):
    app.add_url_rule("/open", view_func=lambda: "open", endpoint="open")


def later_blueprint(app):
    blueprint = Blueprint("b", __name__)
    blueprint.add_url_rule("/open", view_func=lambda: "open", endpoint="open")
    app.register_blueprint(blueprint)


def later_static_blueprint(app):
    app.register_blueprint(Blueprint("s", __name__, static_folder=".", static_url_path="/open"))


def later_method_view(app):
    class View(MethodView):
        @require(role="admin")
        def get(self):
            return "guarded"

        def post(self):
            return "open"

    app.add_url_rule("/open", view_func=View.as_view("view"))


def later_wsgi(app):
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/open": later_plain})


@pytest.mark.parametrize("add", [later_plain, later_blueprint, later_static_blueprint, later_method_view, later_wsgi])
def test_an_unguarded_route_of_every_kind_is_refused(add):
    app = Flask(__name__, static_folder=None)
    add(app)
    with pytest.raises(UnguardedRoutes) as refused:
        protect(app, new_guard())
    assert len(refused.value.faults) == 1, refused.value.faults


@pytest.mark.parametrize("add", [later_plain, later_blueprint, later_method_view])
def test_a_route_that_is_added_later_never_answers(add):
    app = Flask(__name__, static_folder=None)
    protect(app, new_guard())
    add(app)
    for method in ("GET", "POST"):
        answer = app.test_client().open("/open", method=method)
        assert answer.status_code in (405, 500) and answer.text != "open"


def test_static_files_need_a_rule_if_there_are_any(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    app = Flask(__name__, static_folder=str(tmp_path), static_url_path="/static")
    with pytest.raises(UnguardedRoutes, match="static=public"):
        protect(app, new_guard())
    protect(app, new_guard(), static=rolecall.public)
    assert app.test_client().get("/static/a.txt").text == "hello"
    protect(Flask(__name__, static_folder="no such folder"), new_guard())
