"""The OpenAPI document is valid and describes what the server does."""

import pytest
import requests
from openapi_spec_validator import validate

import api
from api import assert_problem

# the pages, which ask for a sign-in themselves
PAGES = {
    *((method, path) for method in ("get", "post") for path in (
        "/authorize", "/login", "/login/password", "/consent", "/logout", "/invite", "/reset", "/signup", "/verify",
        "/account/delete", "/account/password", "/account/profile")),
    *(("get", f"/account{page}") for page in ("", "/events", "/export", "/factors")),
    *(("post", f"/account/{step}") for step in (
        "address", "end", "withdraw", "factors/add", "factors/codes", "factors/confirm", "factors/passkey",
        "factors/passkey/confirm", "factors/remove", "factors/rename")),
    *(("post", f"/login/{step}") for step in (
        "choice", "code", "code/send", "continue", "enrol", "enrol/passkey", "other", "passkey", "second", "verify",
        "verify/send")),
    ("post", "/reset/password"),
}
PUBLIC = {
    ("post", "/token"), ("post", "/revoke"), ("post", "/introspect"),
    ("post", "/register"), ("post", "/password"),
    ("get", "/.well-known/oauth-authorization-server"), ("get", "/.well-known/jwks.json"),
    ("get", "/health/live"), ("get", "/health/ready"),
    ("get", "/docs"), ("get", "/docs/"), ("get", "/openapi.json"), ("get", "/docs/{file}"),
    ("get", "/.well-known/openid-configuration"), ("get", "/pages/{file}"), *PAGES,
}


@pytest.fixture(scope="module")
def document(dev):
    return requests.get(f"{dev.url}/openapi.json", timeout=30).json()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in {"get", "put", "post", "delete", "patch", "head", "options", "trace"}:
                yield method, path, operation


def scopes_of(operation):
    return [scope for scheme in operation["security"] for scopes in scheme.values() for scope in scopes]


def test_the_document_is_valid(document):
    validate(document)


def test_only_the_intended_operations_are_public(document):
    found = {(m, p) for m, p, operation in operations(document) if operation["security"] == []}
    # the pages for administrators ask for a sign-in themselves
    found = {(m, p) for m, p in found if not p.startswith("/admin")}
    assert found <= PUBLIC
    assert {("post", "/token"), ("post", "/register"), ("post", "/password")} <= found


def test_operation_ids_are_unique(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) > 30
    assert len(names) == len(set(names))


def test_guarded_operations_document_401_and_403(document):
    for method, path, operation in operations(document):
        if operation["security"] and {} not in operation["security"]:
            assert {"401", "403"} <= set(operation["responses"]) or not scopes_of(operation), (method, path)
            assert "401" in operation["responses"], (method, path)


def test_the_authorize_button_logs_in_through_the_token_endpoint(document):
    flows = [
        scheme["flows"]["password"]
        for scheme in document["components"]["securitySchemes"].values()
        if scheme["type"] == "oauth2"
    ]
    assert [flow["tokenUrl"] for flow in flows] == ["/token"]


def test_every_guarded_operation_enforces_its_documented_scope(document, dev, bob):
    checked = 0
    for method, path, operation in operations(document):
        if operation["security"] == [] or {} in operation["security"]:
            continue
        filled = path.replace("{", "x").replace("}", "")
        response = requests.request(method, dev.url + filled, timeout=30)
        assert_problem(response, 401, "Not authenticated", "Bearer")
        scopes = scopes_of(operation)
        if scopes and set(scopes) != {"role:user"}:
            api.assert_forbidden(bob.request(method, filled), scopes[0])
            checked += 1
    assert checked > 20


def test_every_documented_public_route_exists(document, dev):
    for method, path, operation in operations(document):
        if operation["security"] == []:
            filled = path.replace("{", "x").replace("}", "")
            response = requests.request(method, dev.url + filled, timeout=30)
            # of a page that a setting turns off, a page says so
            missing = response.status_code == 404 and response.headers["Content-Type"] == api.PROBLEM
            assert response.status_code != 405 and ("{" in path or not missing), (method, path)


def test_problems_have_a_schema_and_responses_a_description(document):
    assert "Problem" in document["components"]["schemas"]
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response.get("description") or "$ref" in response, (method, path, status)


def test_paging_of_users_is_documented(document):
    parameters = {p["name"] for p in document["paths"]["/api/users"]["get"]["parameters"]}
    assert {"limit", "cursor", "username", "q"} <= parameters
    responses = document["paths"]["/api/users"]["get"]["responses"]
    assert responses["401"] == {"$ref": "#/components/responses/NotAuthenticated"}
    assert api.PROBLEM in str(document["components"]["responses"]["NotAuthenticated"])


def test_the_routes_of_the_application_come_first(document):
    assert list(document["paths"])[:2] == ["/items/", "/users/"]
    assert document["tags"][0]["name"] == document["paths"]["/items/"]["get"]["tags"][0]
    assert set(scopes_of(document["paths"]["/items/"]["get"])) == {"role:admin"}
