import assert from "node:assert/strict";
import test from "node:test";
import Fastify from "fastify";
import { authenticated, forTenant, open, optional, role } from "rolecall";
import { guarded } from "rolecall/fastify";
import { CHALLENGES, send, setUp } from "./support.mjs";

const config = (rule) => ({ config: { rolecall: rule } });

function tutorial(guard) {
  const app = guarded(Fastify(), guard);
  app.get("/items", config(role("admin")), async (request) => [{ item_id: "Foo", owner: request.caller.username }]);
  app.post("/items", config(role("admin")), async (request) => request.body);
  app.get("/me", config(authenticated), async (request) => request.caller.username);
  app.get("/hello", config(optional), async (request) => request.caller?.username ?? "nobody");
  app.get("/health", config(open), async () => "ok");
  app.get("/:tenant/pages", config(forTenant(role("editor"))), async (request) => request.caller.tenant);
  return app;
}

async function call(app, method, url, headers = {}, payload = undefined) {
  const answer = await app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body };
}

test("the tutorial's application answers as the crate does", async () => {
  const { guard, issuer } = setUp();
  const app = tutorial(guard);
  const as = (token) => ({ authorization: token.bearer() });
  const admin = as(issuer.token("boss").roles("admin"));
  assert.equal((await call(app, "GET", "/items", admin)).body, '[{"item_id":"Foo","owner":"boss"}]');
  const anonymous = await call(app, "GET", "/items");
  assert.deepEqual([anonymous.status, anonymous.headers["www-authenticate"]], [401, CHALLENGES.none]);
  assert.equal(anonymous.headers["content-type"], "application/problem+json");
  assert.equal(anonymous.body, '{"detail":"Not authenticated","status":401,"title":"Unauthorized","type":"urn:rolecall:problem:not_authenticated"}');
  const forbidden = await call(app, "GET", "/items", as(issuer.token("alice").roles("user")));
  assert.deepEqual([forbidden.status, forbidden.headers["www-authenticate"]], [403, 'Bearer error="insufficient_scope", scope="role:admin"']);
  assert.equal((await call(app, "GET", "/hello")).body, "nobody");
  assert.equal((await call(app, "GET", "/hello", admin)).body, "boss");
  assert.equal((await call(app, "GET", "/health", { authorization: "Bearer nonsense" })).status, 200);
  const editor = as(issuer.token("alice").roles("editor").tenant("acme"));
  assert.equal((await call(app, "GET", "/acme/pages", editor)).body, "acme");
  assert.equal((await call(app, "GET", "/other/pages", editor)).status, 403);
});

test("the rule is checked before the body is read", async () => {
  const { guard, issuer } = setUp();
  const app = tutorial(guard);
  const json = { "content-type": "application/json" };
  assert.equal((await call(app, "POST", "/items", json, "{")).status, 401);
  const admin = { ...json, authorization: issuer.token("boss").roles("admin").bearer() };
  assert.equal((await call(app, "POST", "/items", admin, "{")).status, 400);
});

test("another method gets 405, another path 404", async () => {
  const { guard } = setUp();
  const app = tutorial(guard);
  for (const [method, path, allow] of [["DELETE", "/items", "GET, HEAD, POST"], ["OPTIONS", "/items", "GET, HEAD, POST"], ["POST", "/acme/pages", "GET, HEAD"]]) {
    const answer = await call(app, method, path);
    assert.deepEqual([answer.status, answer.headers.allow], [405, allow], `${method} ${path}`);
  }
  assert.equal((await call(app, "GET", "/none")).status, 404);
  assert.equal((await call(app, "HEAD", "/items")).status, 401);
});

test("a route without a rule is an error when it is added, also by a plugin", async () => {
  const { guard } = setUp();
  const handler = async () => "secret";
  for (const add of [
    (app) => app.get("/a", handler), (app) => app.get("/a", {}, handler), (app) => app.get("/a", { config: {} }, handler),
    (app) => app.route({ method: "GET", url: "/a", handler }), (app) => app.all("/a", config("admin"), handler),
    (app) => app.get("/a", config(forTenant(role("a"))), handler), (app) => app.setNotFoundHandler(handler),
  ]) assert.throws(() => add(guarded(Fastify(), guard)), TypeError, String(add));

  const app = guarded(Fastify(), guard);
  app.register(async (child) => child.get("/secret", handler), { prefix: "/v1" });
  await assert.rejects(async () => app.ready(), /GET \/v1\/secret does not say who may call it/);
  const other = guarded(Fastify(), guard);
  other.register(async (child) => child.setNotFoundHandler(handler), { prefix: "/v1" });
  await assert.rejects(async () => other.ready(), /not found/);
});

test("routes from before are refused", () => {
  const { guard } = setUp();
  const earlier = Fastify();
  earlier.get("/secret", async () => "secret");
  assert.throws(() => guarded(earlier, guard), /routes without a rule/);
  const app = guarded(Fastify(), guard);
  assert.throws(() => guarded(app, guard), /guarded already/);
});

test("plugins keep their prefix and meet the guard", async () => {
  const { guard, issuer } = setUp();
  const app = guarded(Fastify(), guard);
  app.register(async (child) => {
    child.get("/items", config(role("admin")), async (request) => request.caller.username);
  }, { prefix: "/v1" });
  assert.equal((await call(app, "GET", "/v1/items")).status, 401);
  const headers = { authorization: issuer.token("boss").roles("admin").bearer() };
  assert.equal((await call(app, "GET", "/v1/items", headers)).body, "boss");
});

test("a denial of a handler is answered, and other errors as Fastify does", async () => {
  const { guard, issuer } = setUp();
  const app = guarded(Fastify(), guard);
  app.get("/items", config(authenticated), async (request) => request.caller.require(role("admin")));
  app.get("/broken", config(authenticated), async () => { throw Object.assign(new Error("broken"), { statusCode: 418 }); });
  const headers = { authorization: issuer.token("alice").bearer() };
  const answer = await call(app, "GET", "/items", headers);
  assert.deepEqual([answer.status, answer.headers["content-type"]], [403, "application/problem+json"]);
  assert.equal((await call(app, "GET", "/broken", headers)).status, 418);
});

test("routes of plugins that take no rule get one by their path", async () => {
  const { guard, issuer } = setUp();
  const app = guarded(Fastify(), guard, { rules: { "OPTIONS *": open, "GET /files/*": role("admin") } });
  app.register(async (child) => {
    child.options("*", async (_, reply) => reply.code(204).send());
    child.route({ method: "GET", url: "/files/*", handler: async () => "secret" });
  });
  await app.ready();
  assert.equal((await call(app, "OPTIONS", "/anything")).status, 204);
  assert.equal((await call(app, "GET", "/files/a")).status, 401);
  assert.equal((await call(app, "HEAD", "/files/a")).status, 401);
  assert.equal((await call(app, "GET", "/files/a", { authorization: issuer.token("b").roles("admin").bearer() })).body, "secret");
  assert.throws(() => app.get("/other", async () => "secret"), /does not say who may call it|already listening|already booted/);
  for (const rules of [{ "GET /b": role("a") }, { constructor: open }, { "POST /a": open }]) {
    const other = guarded(Fastify(), guard, { rules });
    assert.throws(() => other.route({ method: ["GET", "POST"], url: "/a", handler: async () => "x" }), /does not say who may call it/);
  }
});

test("a client that asks first sends no body that is refused", async (t) => {
  const { guard, admin } = setUp();
  const app = tutorial(guard);
  t.after(() => app.close());
  await app.listen({ port: 0 });
  const { port } = app.server.address();
  const headers = [["Content-Type", "application/json"], ["Content-Length", "7"]];
  const refused = await send(port, "POST", "/items", { headers, body: '{"a":1}', expect100: true });
  assert.deepEqual([refused.status, refused.continued], [401, false]);
  const admitted = await send(port, "POST", "/items", { headers: [...headers, admin], body: '{"a":1}', expect100: true });
  assert.deepEqual([admitted.status, admitted.continued, admitted.body], [200, true, '{"a":1}']);
  const both = await send(port, "GET", "/items", { headers: [admin, admin] });
  assert.equal(both.status, 400);
});
