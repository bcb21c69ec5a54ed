import assert from "node:assert/strict";
import test from "node:test";
import { Hono } from "hono";
import { allOf, anyOf, authenticated, forTenant, open, optional, permission, role, secureDocument } from "rolecall";
import { guarded } from "rolecall/hono";
import { setUp } from "./support.mjs";

const ROUTES = [
  ["get", "/items", role("admin")], ["post", "/items", allOf(role("admin"), anyOf(permission("a:b"), permission("c:d")))], ["get", "/me", authenticated], ["get", "/hello", optional],
  ["get", "/health", open], ["get", "/of/:tenant", forTenant(role("editor"))],
];
const PATHS = { "/items": { get: {}, post: { responses: { 200: {} } } }, "/me": { get: {} }, "/hello": { get: {} }, "/health": { get: {} }, "/of/{tenant}": { get: {} } };

function build(routes = ROUTES) {
  const app = guarded(new Hono(), setUp().guard);
  for (const [method, path, rule] of routes) app[method](path, rule, (c) => c.json("ok"));
  return app;
}

test("a document gets security, 401 and 403 from the rules", () => {
  const document = { openapi: "3.1.0", paths: structuredClone(PATHS) };
  const secured = secureDocument(document, build());
  assert.deepEqual(document.paths, PATHS, "the argument stays as it is");
  const operation = (path, method = "get") => secured.paths[path][method];
  assert.deepEqual(operation("/items").security, [{ rolecall: ["role:admin"] }]);
  assert.deepEqual(operation("/items", "post").security, [{ rolecall: ["role:admin", "a:b"] }, { rolecall: ["role:admin", "c:d"] }]);
  assert.deepEqual(Object.keys(operation("/items", "post").responses), ["200", "401", "403"]);
  assert.deepEqual([operation("/me").security, Object.keys(operation("/me").responses)], [[{ rolecall: [] }], ["401"]]);
  assert.deepEqual([operation("/hello").security, Object.keys(operation("/hello").responses)], [[{}, { rolecall: [] }], ["401"]]);
  assert.deepEqual([operation("/health").security, operation("/health").responses], [[], {}]);
  assert.equal(operation("/of/{tenant}")["x-rolecall-rule"], "role:editor in the path's tenant");
  assert.deepEqual(Object.keys(secured.components.responses), ["NotAuthenticated", "NotPermitted"]);
  assert.deepEqual(secured.components.securitySchemes.rolecall, { type: "http", scheme: "bearer", bearerFormat: "JWT" });
});

test("a document that differs from the application is refused", () => {
  const { "/me": _, ...less } = PATHS;
  assert.throws(() => secureDocument({ paths: less }, build()), /routed but not documented: GET \/me/);
  assert.throws(() => secureDocument({ paths: { ...PATHS, "/x": { put: {} } } }, build()), /documented but not routed: PUT \/x/);
  assert.throws(() => secureDocument({ paths: [] }, build()), /not an OpenAPI document/);
  assert.throws(() => secureDocument({ paths: {} }, new Hono()), /not guarded/);
});

test("a schema of the application with the same name stays", () => {
  const { components } = secureDocument({ paths: structuredClone(PATHS), components: { schemas: { Problem: { type: "string" } } } }, build());
  assert.deepEqual(Object.keys(components.schemas), ["Problem", "RolecallProblem"]);
  assert.equal(components.responses.NotPermitted.content["application/problem+json"].schema.$ref, "#/components/schemas/RolecallProblem");
});
