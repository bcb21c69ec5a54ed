"""The OpenAPI document: valid, and the same as what the server does."""

import pytest
import requests
from openapi_spec_validator import validate

import api
from api import is_problem

PUBLIC = {
    ("post", "/token"), ("post", "/revoke"), ("post", "/introspect"),
    ("post", "/register"), ("post", "/password"),
    ("get", "/.well-known/oauth-authorization-server"), ("get", "/.well-known/jwks.json"),
    ("get", "/health/live"), ("get", "/health/ready"),
    ("get", "/docs"), ("get", "/openapi.json"), ("get", "/docs/{file}"),
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
    return [scope for way in operation["security"] for scopes in way.values() for scope in scopes]


def test_the_document_is_valid(document):
    validate(document)


def test_only_what_should_be_is_public(document):
    found = {(m, p) for m, p, operation in operations(document) if operation["security"] == []}
    assert found <= PUBLIC
    assert {("post", "/token"), ("post", "/register"), ("post", "/password")} <= found


def test_every_operation_names_itself_once(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) > 30
    assert len(names) == len(set(names))


def test_guarded_operations_document_their_refusals(document):
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


def test_every_guarded_operation_asks_for_the_token_and_scope_it_documents(document, dev, bob):
    asked = 0
    for method, path, operation in operations(document):
        if operation["security"] == [] or {} in operation["security"]:
            continue
        address = path.replace("{", "x").replace("}", "")
        answer = requests.request(method, dev.url + address, timeout=30)
        is_problem(answer, 401, "Not authenticated", "Bearer")
        scopes = scopes_of(operation)
        if scopes and scopes != ["role:user"]:
            challenge = f'Bearer error="insufficient_scope", scope="{scopes[0]}"'
            answer = bob.request(method, address)
            is_problem(answer, 403, "Operation not permitted", challenge)
            asked += 1
    assert asked > 20


def test_a_client_is_never_told_of_a_route_that_is_not_there(document, dev):
    for method, path, operation in operations(document):
        if operation["security"] == []:
            address = path.replace("{", "x").replace("}", "")
            status = requests.request(method, dev.url + address, timeout=30).status_code
            assert status != 405 and (status != 404 or "{" in path), (method, path)


def test_problems_have_one_schema(document):
    assert "Problem" in document["components"]["schemas"]
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert answer.get("description") or "$ref" in answer, (method, path, status)


def test_api_users_are_told_how_to_page(document):
    parameters = {p["name"] for p in document["paths"]["/api/users"]["get"]["parameters"]}
    assert {"limit", "cursor", "username", "q"} <= parameters
    assert api.PROBLEM in str(document["paths"]["/api/users"]["get"]["responses"])
