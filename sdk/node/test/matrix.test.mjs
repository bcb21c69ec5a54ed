import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { allOf, anyOf, authenticated, forTenant, fresh, inTenant, open, optional, permission, role } from "rolecall";
import * as onExpress from "rolecall/express";
import * as onFastify from "rolecall/fastify";
import * as onHono from "rolecall/hono";
import { AccessMatrix, assertAccessMatrix } from "rolecall/testing";

const ROUTES = [
  ["GET", "/items", role("admin")], ["POST", "/items", allOf(role("admin"), permission("items:write"))], ["GET", "/items/:id", anyOf(role("user"), role("admin"))],
  ["GET", "/me", authenticated], ["GET", "/hello", optional], ["GET", "/health", open], ["GET", "/of/:tenant", forTenant(role("editor"))],
  ["GET", "/own", inTenant(role("editor"))], ["PUT", "/pay", fresh(role("payer"), 300)],
];
const handler = () => assert.fail("a handler ran");
const builders = {
  express: (guard, routes = ROUTES) => {
    const app = onExpress.guarded(express(), guard);
    for (const [method, path, rule] of routes) app[method.toLowerCase()](path, rule, handler);
    return app;
  },
  fastify: (guard, routes = ROUTES) => {
    const app = onFastify.guarded(Fastify(), guard);
    for (const [method, path, rule] of routes) app[method.toLowerCase()](path, { config: { rolecall: rule } }, handler);
    return app;
  },
  hono: (guard, routes = ROUTES) => {
    const app = onHono.guarded(new Hono(), guard);
    for (const [method, path, rule] of routes) app[method.toLowerCase()](path, rule, handler);
    return app;
  },
};
const EXPECTED = `anonymous  any token  admin  user  | route
ok         ok         ok     ok    | GET /health for everyone
ok         ok         ok     ok    | GET /hello for everyone, with or without a token
401        403        ok     403   | GET /items for role:admin
401        403        ?      403   | POST /items for all of (role:admin, items:write)
401        403        ok     ok    | GET /items/{id} for any of (role:user, role:admin)
401        ok         ok     ok    | GET /me for any token
401        403        403    403   | GET /of/{tenant} for role:editor in the path's tenant
401        403        403    403   | GET /own for role:editor in the token's tenant
401        403        403    403   | PUT /pay for role:payer, signed in within 300 s
`;

for (const [name, build] of Object.entries(builders)) {
  test(`every cell of the matrix of ${name} is requested and has the committed result`, async () => {
    const file = join(mkdtempSync(join(tmpdir(), "rolecall-")), "access.lock");
    process.env.ROLECALL_BLESS = "1";
    await assertAccessMatrix(file, ["admin", "user"], build).finally(() => delete process.env.ROLECALL_BLESS);
    const text = readFileSync(file, "utf8");
    assert.equal(text.slice(text.indexOf("anonymous ")), EXPECTED);
    await assertAccessMatrix(file, ["admin", "user"], build);
    writeFileSync(file, text.replace("GET /me for any token", "GET /me for everyone"));
    await assert.rejects(assertAccessMatrix(file, ["admin", "user"], build), /\+ 401 {8}ok {9}ok {5}ok {4}\| GET \/me for any token/);
    await assert.rejects(assertAccessMatrix(`${file}.none`, ["admin"], build), /The access matrix is now/);
  });

  test(`the policy gives the roles of ${name} their permissions and their assurance`, async () => {
    const file = join(mkdtempSync(join(tmpdir(), "rolecall-")), "access.lock");
    const policy = { roles: { admin: { juniors: ["writer"] }, writer: { permissions: ["items:write"] }, payer: { acr: "aal2" } } };
    const routes = [["POST", "/items", permission("items:write")], ["PUT", "/pay", role("payer")]];
    process.env.ROLECALL_BLESS = "1";
    await assertAccessMatrix(file, [], (guard) => build(guard, routes), { policy }).finally(() => delete process.env.ROLECALL_BLESS);
    const text = readFileSync(file, "utf8");
    assert.equal(text.slice(text.indexOf("anonymous ")), `anonymous  any token  admin  payer  writer  | route
401        403        ok     403    ok      | POST /items for items:write
401        403        403    step-up  403     | PUT /pay for role:payer
`);
  });
}

test("a guard that admits too much fails the test of the matrix", async () => {
  const build = (guard) => {
    guard.admit = () => undefined;
    return builders.hono(guard);
  };
  await assert.rejects(assertAccessMatrix("unused", ["admin"], build), /expected 401 Bearer.*, got 204/);
});

test("a guard that takes one role for two fails the test of the matrix, also without a column for either", async () => {
  const build = (guard) => {
    const admit = guard.admit.bind(guard);
    guard.admit = (rule, ...rest) => {
      try {
        return admit(anyOf(role("a"), role("b")), ...rest);
      } catch {
        return admit(rule, ...rest);
      }
    };
    return builders.hono(guard, [["GET", "/items", allOf(role("a"), role("b"))]]);
  };
  await assert.rejects(assertAccessMatrix("unused", [], build), /a holder of \[role:a\].*: expected 403 .*, got 204/);
});

test("everything under a path has a line of its own", () => {
  const routes = [{ method: undefined, path: "/files", rule: role("admin"), handler: "serveStatic" }, { method: undefined, path: "/public", rule: open, handler: "serveStatic" }];
  const lines = new AccessMatrix(routes, ["admin"]).toString().trimEnd().split("\n").slice(-2);
  assert.deepEqual(lines, ["401        403        ok     | everything that `serveStatic` has under /files for role:admin", "ok         ok         ok     | everything that `serveStatic` has under /public, unguarded"]);
});
