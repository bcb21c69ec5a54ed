"""Django: refused projects, the matrix, and REST framework. The project is configured once."""

import sys
import types

import django
import pytest
from conftest import without_comments
from django.conf import settings
from test_fastapi import new_guard

GUARD = new_guard()

if not settings.configured:
    security = types.ModuleType("test_security")
    security.guard = GUARD
    sys.modules["test_security"] = security
    urls = types.ModuleType("test_urls")
    urls.urlpatterns = []
    sys.modules["test_urls"] = urls
    settings.configure(
        SECRET_KEY="x" * 50,
        ROOT_URLCONF="test_urls",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["rolecall.django.RolecallMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        ROLECALL={"GUARD": "test_security.guard"},
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["rolecall.django.RolecallAuthentication"],
            "DEFAULT_PERMISSION_CLASSES": [],
            "UNAUTHENTICATED_USER": None,
        },
    )
    django.setup()

from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import clear_url_caches, include, path  # noqa: E402
from django.utils.decorators import method_decorator  # noqa: E402
from django.views import View  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

import rolecall  # noqa: E402
from rolecall import UnguardedRoutes  # noqa: E402
from rolecall.django import assert_access_matrix, guarded, optional, public, require  # noqa: E402


@public
def health(request):
    return HttpResponse("ok")


@optional
def home(request):
    return HttpResponse("nobody" if request.caller is None else request.caller.username)


@require()
def read_me(request):
    return HttpResponse(request.caller.username)


class Items(APIView):
    @require(role="admin")
    def get(self, request):
        return Response({"owner": request.user.username, "is": request.auth.subject})

    @require(permission="items:write")
    def post(self, request):
        return Response({})


class Item(View):
    @require(any_role=["admin", "user"])
    def get(self, request, id):
        return HttpResponse(id)

    @require(role="admin", permission="items:write")
    def delete(self, request, id):
        return HttpResponse(id)


@require(role="user", tenant="path")
def read_tenant_items(request, tenant):
    return HttpResponse(tenant)


class Reports(View):
    @require(role="user", tenant="token")
    def get(self, request):
        return HttpResponse("")


class Password(View):
    @require(fresh=300)
    def put(self, request):
        return HttpResponse("")


def open_view(request):
    return HttpResponse("open")


TOY = [
    path("health", health),
    path("", home),
    path("me", read_me),
    path("items/", include([path("", Items.as_view()), path("<int:id>", Item.as_view())])),
    path("<str:tenant>/items", read_tenant_items),
    path("reports", Reports.as_view()),
    path("password", Password.as_view()),
]


@pytest.fixture
def use(monkeypatch):
    def use(patterns):
        monkeypatch.setattr(sys.modules["test_urls"], "urlpatterns", patterns)
        clear_url_caches()

    yield use
    clear_url_caches()


def test_the_matrix_of_the_toy_application_is_the_committed_one(use, lock_file, tmp_path, monkeypatch):
    use(TOY)
    own = tmp_path / "access.lock"
    monkeypatch.setenv("ROLECALL_BLESS", "1")
    assert_access_matrix(None, own, ["admin", "user"])
    assert without_comments(own.read_text()) == without_comments(lock_file.read_text())


def test_requests_are_let_in_and_refused(use, test_issuer):
    use(TOY)
    client = Client(enforce_csrf_checks=True)
    assert client.get("/health").content == b"ok"
    refused = client.get("/items/")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.post("/items/", data="{", content_type="application/json").status_code == 401
    assert client.delete("/items/").status_code == 405 and client.get("/a/b/c").status_code == 404
    with test_issuer.accepted_by(GUARD):
        boss = test_issuer.headers("boss", roles=["admin"])
        assert client.get("/items/", headers=boss).json() == {"owner": "boss", "is": "boss"}
        assert client.get("/", headers=boss).content == b"boss" and client.get("/").content == b"nobody"
        assert client.get("/items/", headers=test_issuer.headers(roles=["user"])).status_code == 403
        acme = test_issuer.headers(roles=["user"], tenant="acme")
        assert client.get("/acme/items", headers=acme).content == b"acme"
        assert client.get("/globex/items", headers=acme).status_code == 403
        twice = {"Authorization": f"{boss['Authorization']},{boss['Authorization']}"}
        assert client.get("/items/", headers=twice).status_code == 400


@require()
class ItemSet(ViewSet):
    @require(role="admin")
    def list(self, request):
        return Response(["secret"])


def test_y498_the_first_head_request_of_a_view_set_has_the_rule_of_its_action(use, test_issuer):
    use([path("items/", ItemSet.as_view({"get": "list"}))])
    client = Client()
    with test_issuer.accepted_by(GUARD):
        user = test_issuer.headers(roles=["user"])
        # REST framework adds HEAD to the actions when the view first runs
        assert client.head("/items/", headers=user).status_code == 403
        admin = test_issuer.headers(roles=["admin"])
        assert client.head("/items/", headers=admin).status_code == 200
        assert client.head("/items/", headers=user).status_code == 403


class HalfOpen(View):
    @require(role="admin")
    def get(self, request):
        return HttpResponse("")

    def post(self, request):
        return HttpResponse("open")


class OwnDispatch(View):
    @require(role="admin")
    def get(self, request):
        return HttpResponse("")

    def dispatch(self, request, *args, **kwargs):
        return HttpResponse("open")


class OwnHead(View):
    @require(role="admin")
    def get(self, request):
        return HttpResponse("")

    def head(self, request):
        return HttpResponse("open")


@method_decorator(require(role="admin"), name="dispatch")
class Decorated(View):
    def get(self, request):
        return HttpResponse("")


def test_classes_with_methods_of_their_own_are_guarded(use):
    use([path("own", OwnDispatch.as_view()), path("decorated", Decorated.as_view())])
    client = Client()
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.generic(method, "/own").status_code == 401
    assert client.generic("POST", "/own").status_code == 405
    assert client.generic("MAKE", "/own").status_code == 405
    assert client.get("/decorated").status_code == 401


@pytest.mark.parametrize(
    "patterns",
    [
        [path("open", OwnHead.as_view())],
        [path("open", open_view)],
        [path("a/", include([path("b/", include([path("open", open_view)]))]))],
        [path("open", HalfOpen.as_view())],
        [path("open", type("Api", (APIView,), {"get": open_view}).as_view())],
        [path("open", require(role="a", tenant="path")(lambda request: HttpResponse()))],
    ],
)
def test_an_unguarded_pattern_refuses_to_start(use, patterns):
    use(patterns)
    with pytest.raises(UnguardedRoutes) as refused:
        Client().get("/open")
    assert len(refused.value.faults) == 1, refused.value.faults


def test_patterns_of_another_package_get_a_rule(use):
    use([path("admin/", guarded(rolecall.role("admin"), include([path("open", open_view)]))), path("open", public(lambda request: JsonResponse({})))])
    assert Client().get("/admin/open").status_code == 401
    assert Client().get("/open").status_code == 200
    # the view itself stays without a rule
    assert not hasattr(open_view, "rolecall_rules")


def test_the_middleware_must_be_the_first(use, monkeypatch):
    use(TOY)
    monkeypatch.setattr(settings, "MIDDLEWARE", list(reversed(settings.MIDDLEWARE)))
    with pytest.raises(UnguardedRoutes, match="first in MIDDLEWARE"):
        Client().get("/health")


def test_async_views_are_guarded(use):
    import asyncio

    from django.test import AsyncClient

    async def read(request):
        return HttpResponse("x")

    use([path("x", require(role="admin")(read))])
    assert asyncio.run(AsyncClient().get("/x")).status_code == 401
