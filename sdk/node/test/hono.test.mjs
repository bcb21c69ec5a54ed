import assert from "node:assert/strict";
import test from "node:test";
import { Hono } from "hono";
import { authenticated, forTenant, open, optional, role } from "rolecall";
import { cors } from "hono/cors";
import { guarded } from "rolecall/hono";
import { CHALLENGES, setUp } from "./support.mjs";

function tutorial(guard) {
  const app = guarded(new Hono(), guard);
  app.get("/items", role("admin"), (c) => c.json([{ item_id: "Foo", owner: c.get("caller").username }]));
  app.post("/items", role("admin"), async (c) => c.json(await c.req.json()));
  app.get("/me", authenticated, (c) => c.json(c.get("caller").username));
  app.get("/hello", optional, (c) => c.json(c.get("caller")?.username ?? "nobody"));
  app.get("/health", open, (c) => c.json("ok"));
  app.get("/:tenant/pages", forTenant(role("editor")), (c) => c.json(c.get("caller").tenant));
  return app;
}

async function call(app, method, path, authorization = [], body = undefined) {
  const headers = new Headers();
  for (const value of [authorization].flat()) headers.append("Authorization", value);
  const answer = await app.request(path, { method, headers, body });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
}

test("the tutorial's application answers as the crate does", async () => {
  const { guard, issuer } = setUp();
  const app = tutorial(guard);
  const admin = issuer.token("boss").roles("admin").bearer();
  assert.equal((await call(app, "GET", "/items", admin)).body, '[{"item_id":"Foo","owner":"boss"}]');
  const anonymous = await call(app, "GET", "/items");
  assert.deepEqual([anonymous.status, anonymous.headers["www-authenticate"]], [401, CHALLENGES.none]);
  assert.deepEqual([anonymous.headers["content-type"], anonymous.headers["cache-control"]], ["application/problem+json", "no-store"]);
  assert.equal(anonymous.body, '{"detail":"Not authenticated","status":401,"title":"Unauthorized","type":"urn:rolecall:problem:not_authenticated"}');
  const forbidden = await call(app, "GET", "/items", issuer.token("alice").roles("user").bearer());
  assert.deepEqual([forbidden.status, forbidden.headers["www-authenticate"]], [403, 'Bearer error="insufficient_scope", scope="role:admin"']);
  assert.equal((await call(app, "GET", "/items", [admin, admin])).status, 400);
  assert.equal((await call(app, "GET", "/hello")).body, '"nobody"');
  assert.equal((await call(app, "GET", "/hello", admin)).body, '"boss"');
  assert.equal((await call(app, "GET", "/health", "Bearer nonsense")).status, 200);
  const editor = issuer.token("alice").roles("editor").tenant("acme").bearer();
  assert.equal((await call(app, "GET", "/acme/pages", editor)).body, '"acme"');
  assert.equal((await call(app, "GET", "/%61cme/pages", editor)).body, '"acme"');
  assert.equal((await call(app, "GET", "/other/pages", editor)).status, 403);
});

test("another method gets 405, another path 404", async () => {
  const { guard } = setUp();
  const app = tutorial(guard);
  const answer = await call(app, "DELETE", "/items");
  assert.deepEqual([answer.status, answer.headers.allow], [405, "GET, HEAD, POST"]);
  assert.equal((await call(app, "OPTIONS", "/items")).status, 405);
  assert.equal((await call(app, "GET", "/none")).status, 404);
  assert.equal((await call(app, "HEAD", "/items")).status, 401);
});

test("a route without a rule is an error", () => {
  const { guard } = setUp();
  const handler = (c) => c.json("secret");
  const plain = new Hono();
  plain.get("/secret", handler);
  for (const add of [
    (app) => app.get("/a", handler), (app) => app.all("/a", handler), (app) => app.on("PURGE", "/a", handler),
    (app) => app.get("/a", role("admin")), (app) => app.route("/sub", plain), (app) => app.mount("/m", () => new Response("x")),
    (app) => app.notFound(handler), (app) => app.basePath("/v1"), (app) => app.get("/a", forTenant(role("a")), handler),
    (app) => app.use(role("admin"), handler),
  ]) assert.throws(() => add(guarded(new Hono(), guard)), TypeError, String(add));
  assert.throws(() => guarded(plain, guard), /GET \/secret/);
});

test("no middleware sees a request that is refused or has no route, unless it is open", async () => {
  const { guard, issuer } = setUp();
  const app = guarded(new Hono(), guard);
  const [inside, outside] = [[], []];
  app.use(async (c, next) => { inside.push(c.req.path); await next(); });
  app.use(open, async (c, next) => { outside.push(c.req.path); await next(); c.header("x-open", "yes"); });
  app.get("/items", role("admin"), (c) => c.json("ok"));
  const refused = await call(app, "GET", "/items");
  assert.deepEqual([refused.status, refused.headers["x-open"]], [401, "yes"]);
  assert.equal((await call(app, "GET", "/none")).status, 404);
  assert.equal((await call(app, "GET", "/items", issuer.token("a").roles("admin").bearer())).status, 200);
  assert.deepEqual(inside, ["/items"]);
  assert.deepEqual(outside, ["/items", "/none", "/items"]);
});

test("guarded applications and mounts keep their rules under a path", async () => {
  const { guard, issuer } = setUp();
  const child = guarded(new Hono(), guard);
  child.get("/items/:id", role("admin"), (c) => c.json(c.req.param("id")));
  const app = guarded(new Hono(), guard);
  app.route("/v1", child);
  app.mount("/legacy", role("admin"), (request) => new Response(new URL(request.url).pathname));
  const admin = issuer.token("boss").roles("admin").bearer();
  assert.equal((await call(app, "GET", "/v1/items/7")).status, 401);
  assert.equal((await call(app, "GET", "/v1/items/7", admin)).body, '"7"');
  assert.equal((await call(app, "GET", "/legacy/x")).status, 401);
  assert.equal((await call(app, "GET", "/legacy/x", admin)).body, "/x");
});

test("a handler that goes on to another route meets its rule", async () => {
  const { guard, issuer } = setUp();
  const app = guarded(new Hono(), guard);
  app.get("/items/:id", role("user"), async (c, next) => next());
  app.get("/items/secret", role("admin"), (c) => c.json("secret"));
  assert.equal((await call(app, "GET", "/items/secret", issuer.token("alice").roles("user").bearer())).status, 403);
});

test("a denial of a handler is answered", async () => {
  const { guard, issuer } = setUp();
  const app = guarded(new Hono(), guard);
  app.get("/items", authenticated, (c) => c.json(c.get("caller").require(role("admin"))));
  const answer = await call(app, "GET", "/items", issuer.token("alice").bearer());
  assert.deepEqual([answer.status, answer.headers["www-authenticate"]], [403, 'Bearer error="insufficient_scope", scope="role:admin"']);
});

test("open CORS middleware answers preflights and refusals of other origins", async () => {
  const { guard } = setUp();
  const app = guarded(new Hono(), guard);
  app.use(open, cors({ origin: "https://page.example" }));
  app.get("/items", role("admin"), (c) => c.json("ok"));
  const headers = { origin: "https://page.example", "access-control-request-method": "GET" };
  const preflight = await app.request("/items", { method: "OPTIONS", headers });
  assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, "https://page.example"]);
  const refused = await app.request("/items", { headers });
  assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin")], [401, "https://page.example"]);
});
