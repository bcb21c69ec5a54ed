"""Adds the rules of an application to its OpenAPI document."""

from __future__ import annotations

from typing import Any

from . import _asgi
from ._rolecall import Rule

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def document(app: Any) -> None:
    """Let the document of an application describe its security scheme, and 401 and 403 of each guarded route."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema
        schema: dict[str, Any] = original()
        if known is None:
            _describe(app, schema)
        return schema

    app.openapi = openapi


def _describe(app: Any, schema: dict[str, Any]) -> None:
    components = schema.setdefault("components", {})
    components.setdefault("securitySchemes", {})["rolecall"] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
    components.setdefault("schemas", {}).setdefault("RolecallProblem", _PROBLEM)
    for method, path, rule, _ in _asgi.access_routes(app):
        # the document has no stars
        path = path.replace("{*", "{")
        operation = schema.get("paths", {}).get(path, {}).get(method.lower())
        if operation is not None and str(rule) != "public":
            _describe_operation(operation, rule)


def _describe_operation(operation: dict[str, Any], rule: Rule) -> None:
    scopes = rule.scope.split(" ") if rule.scope else []
    alternatives: list[dict[str, list[str]]] = [{"rolecall": scopes}]
    if rule.is_open:
        alternatives.insert(0, {})
    operation["security"] = alternatives
    operation["description"] = "\n\n".join(
        text for text in (operation.get("description"), f"Access: {rule}.") if text
    )
    responses = operation.setdefault("responses", {})
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/RolecallProblem"}}}
    texts = {"401": "Not authenticated"} if rule.is_open else {"401": "Not authenticated", "403": "Not permitted"}
    for status, text in texts.items():
        responses.setdefault(status, {"description": text, "content": problem})
