import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import express from "express";
import { allOf, authenticated, forTenant, fresh, open, optional, permission, role } from "rolecall";
import { guarded, router } from "rolecall/express";
import { CHALLENGES, bearer, send, serve, setUp } from "./support.mjs";

function tutorial(guard) {
  const app = guarded(express(), guard);
  app.use(express.json());
  app.get("/items", role("admin"), (req, res) => res.json([{ item_id: "Foo", owner: req.caller.username }]));
  app.post("/items", role("admin"), (req, res) => res.json(req.body));
  app.get("/me", authenticated, (req, res) => res.json(req.caller.username));
  app.get("/hello", optional, (req, res) => res.json(req.caller?.username ?? "nobody"));
  app.get("/health", open, (req, res) => res.json("ok"));
  return app;
}

test("the tutorial's application answers as the crate does", async (t) => {
  const { guard, admin, user, issuer } = setUp();
  const port = await serve(t, tutorial(guard));
  const items = await send(port, "GET", "/items", { headers: [admin] });
  assert.deepEqual([items.status, items.body], [200, '[{"item_id":"Foo","owner":"boss"}]']);

  const anonymous = await send(port, "GET", "/items");
  assert.equal(anonymous.status, 401);
  assert.equal(anonymous.headers["www-authenticate"], CHALLENGES.none);
  assert.equal(anonymous.headers["content-type"], "application/problem+json");
  assert.equal(anonymous.headers["cache-control"], "no-store");
  assert.equal(anonymous.body, '{"detail":"Not authenticated","status":401,"title":"Unauthorized","type":"urn:rolecall:problem:not_authenticated"}');

  const forbidden = await send(port, "GET", "/items", { headers: [user] });
  assert.equal(forbidden.status, 403);
  assert.equal(forbidden.headers["www-authenticate"], 'Bearer error="insufficient_scope", scope="role:admin"');
  assert.equal(forbidden.body, '{"detail":"Operation not permitted","roles":["user"],"rule":"role:admin","status":403,"title":"Forbidden","type":"urn:rolecall:problem:forbidden"}');

  const invalid = await send(port, "GET", "/hello", { headers: [["Authorization", "Bearer not.a.token"]] });
  assert.deepEqual([invalid.status, invalid.headers["www-authenticate"]], [401, CHALLENGES.invalid]);
  const expired = await send(port, "GET", "/me", { headers: [bearer(issuer.token("alice").expired())] });
  assert.deepEqual([expired.status, expired.headers["www-authenticate"]], [401, CHALLENGES.ended]);
  const both = await send(port, "GET", "/items", { headers: [admin, admin] });
  assert.deepEqual([both.status, both.headers["www-authenticate"]], [400, 'Bearer error="invalid_request"']);
  for (const [headers, body] of [[[], '"nobody"'], [[user], '"alice"'], [[["Authorization", "Basic YTpi"]], '"nobody"']]) {
    assert.equal((await send(port, "GET", "/hello", { headers })).body, body);
  }
  assert.equal((await send(port, "GET", "/health", { headers: [["Authorization", "Bearer nonsense"]] })).status, 200);
});

test("the rule is checked before the body is read", async (t) => {
  const { guard, admin } = setUp();
  const port = await serve(t, tutorial(guard));
  const headers = [["Content-Type", "application/json"], ["Content-Length", "9"]];
  const refused = await send(port, "POST", "/items", { headers, body: '{"a":1,,}' });
  assert.equal(refused.status, 401, "bad JSON without a token");
  const admitted = await send(port, "POST", "/items", { headers: [...headers, admin], body: '{"a":1,,}' });
  assert.equal(admitted.status, 400, "bad JSON with a token");
});

test("no middleware sees a request that is refused or has no route, unless it is open", async (t) => {
  const { guard, admin } = setUp();
  const app = guarded(express(), guard);
  const [inside, outside, last] = [[], [], []];
  app.use((req, res, next) => (inside.push(req.path), next()));
  app.use(open, (req, res, next) => (outside.push(req.path), next()));
  app.get("/items", role("admin"), (req, res) => res.json("ok"));
  app.use(open, (req, res) => (last.push(req.path), res.status(404).json("mine")));
  const port = await serve(t, app);
  assert.equal((await send(port, "GET", "/items")).status, 401);
  const missing = await send(port, "GET", "/nothing");
  assert.deepEqual([missing.status, missing.body], [404, '"mine"']);
  assert.equal((await send(port, "GET", "/items", { headers: [admin] })).status, 200);
  assert.deepEqual(inside, ["/items"]);
  assert.deepEqual(outside, ["/items", "/nothing", "/items"]);
  assert.deepEqual(last, ["/nothing"]);
});

test("another method gets 405 with the methods of the path, before authentication", async (t) => {
  const { guard } = setUp();
  const port = await serve(t, tutorial(guard));
  for (const method of ["DELETE", "OPTIONS"]) {
    const answer = await send(port, method, "/items");
    assert.deepEqual([answer.status, answer.headers.allow], [405, "GET, HEAD, POST"], method);
    assert.equal(JSON.parse(answer.body).type, "urn:rolecall:problem:method_not_allowed");
  }
  assert.equal((await send(port, "HEAD", "/items")).status, 401);
  assert.equal((await send(port, "GET", "/none")).status, 404);
});

test("a route without a rule, or with two, is an error", () => {
  const { guard } = setUp();
  const app = guarded(express(), guard);
  const handler = (req, res) => res.json("secret");
  for (const add of [
    () => app.get("/a", handler), () => app.all("/a", handler), () => app.route("/a").get(handler),
    () => app.router.get("/a", handler), () => router().post("/a", handler), () => app.get("/a", { role: "admin" }, handler),
    () => app.get("/a", role("admin")), () => app.get("/a", role("admin"), role("user"), handler),
  ]) assert.throws(add, TypeError, String(add));
  assert.throws(() => app.get("/a", handler), /GET \/a does not say who may call it/);
  assert.equal(app.get("env"), process.env.NODE_ENV ?? "development", "settings are read as before");
});

test("what answers by itself is refused without a rule", () => {
  const { guard } = setUp();
  const plain = express.Router();
  plain.get("/secret", (req, res) => res.json("secret"));
  for (const handler of [plain, express(), express.static(".")]) {
    const app = guarded(express(), guard);
    assert.throws(() => app.use("/x", handler), /does not say who may call it/);
    assert.throws(() => app.use(handler), /does not say who may call it/);
    app.use("/x", role("admin"), handler);
    app.router.stack.length && assert.doesNotThrow(() => app.listen(0).close());
  }
});

test("listen refuses what was added around the rules", () => {
  const { guard } = setUp();
  const earlier = express();
  earlier.get("/secret", (req, res) => res.json("secret"));
  assert.throws(() => guarded(earlier, guard).listen(0), /routes without a rule: \/secret/);

  const around = express();
  const app = guarded(around, guard);
  app.get("/items", role("admin"), (req, res) => res.json("ok"));
  const other = express.Router();
  other.get("/secret", (req, res) => res.json("secret"));
  around.router.stack.push(...other.stack);
  app.get("/more", role("admin"), (req, res) => res.json("ok"));
  assert.throws(() => app.listen(0), /routes without a rule: \/secret/);

  const unreachable = guarded(express(), guard);
  unreachable.use("/graphql", function graphql(req, res) { res.json("secret"); });
  assert.throws(() => unreachable.listen(0), /`graphql`, everything under \/graphql/);
  assert.throws(() => guarded(around, guard), /guarded already/);
});

test("a server that does not call listen answers 500 while a route has no rule", async (t) => {
  const { guard, admin } = setUp();
  const app = guarded(express(), guard);
  app.get("/items", role("admin"), (req, res) => res.json("ok"));
  const port = await serve(t, app);
  assert.equal((await send(port, "GET", "/items", { headers: [admin] })).status, 200);
  const other = express.Router();
  other.get("/secret", (req, res) => res.json("secret"));
  app.router.stack.push(...other.stack);
  t.mock.method(console, "error", () => undefined);
  for (const path of ["/secret", "/items"]) {
    const answer = await send(port, "GET", path, { headers: [admin] });
    assert.deepEqual([answer.status, JSON.parse(answer.body).type], [500, "urn:rolecall:problem:internal"]);
  }
});

test("guarded routers and applications are mounted with their own rules", async (t) => {
  const { guard, admin, user } = setUp();
  const app = guarded(express(), guard);
  app.use(express.json());
  const items = router();
  items.get("/", role("user"), (req, res) => res.json(req.caller.username));
  items.get("/:id", role("admin"), (req, res) => res.json(req.params));
  app.use("/items", items);
  items.delete("/:id", allOf(role("admin"), permission("items:delete")), (req, res) => res.json("gone"));
  const child = guarded(express(), guard);
  child.get("/report", role("admin"), (req, res) => res.json(req.baseUrl));
  app.use("/child", child);
  const port = await serve(t, app);
  assert.equal((await send(port, "GET", "/items", { headers: [user] })).body, '"alice"');
  assert.equal((await send(port, "GET", "/items/7", { headers: [user] })).status, 403);
  assert.equal((await send(port, "GET", "/items/7", { headers: [admin] })).body, '{"id":"7"}');
  const missing = await send(port, "DELETE", "/items/7", { headers: [admin] });
  assert.equal(missing.headers["www-authenticate"], 'Bearer error="insufficient_scope", scope="role:admin items:delete"');
  assert.equal((await send(port, "GET", "/child/report", { headers: [user] })).status, 403);
  assert.equal((await send(port, "GET", "/child/report", { headers: [admin] })).body, '"/child"');
  assert.equal((await send(port, "GET", "/child/none", { headers: [admin] })).status, 404);
  assert.equal((await send(port, "PUT", "/child/report", { headers: [admin] })).status, 405);
});

test("a guarded router in an application that is not guarded answers 500", async (t) => {
  const items = router();
  items.get("/", role("user"), (req, res) => res.json("secret"));
  const app = express();
  app.use("/items", items);
  const port = await serve(t, app);
  assert.equal((await send(port, "GET", "/items")).status, 500);
});

test("a rule guards everything that a folder of files has", async (t) => {
  const { guard, admin, user } = setUp();
  const folder = mkdtempSync(join(tmpdir(), "rolecall-"));
  writeFileSync(join(folder, "plan.txt"), "secret");
  const app = guarded(express(), guard);
  app.use("/files", role("admin"), express.static(folder));
  const port = await serve(t, app);
  assert.equal((await send(port, "GET", "/files/plan.txt")).status, 401);
  assert.equal((await send(port, "GET", "/files/plan.txt", { headers: [user] })).status, 403);
  assert.equal((await send(port, "GET", "/files/plan.txt", { headers: [admin] })).body, "secret");
  assert.equal((await send(port, "GET", "/plan.txt", { headers: [admin] })).status, 404);
});

test("a handler that goes on to another route meets its rule", async (t) => {
  const { guard, admin, user } = setUp();
  const app = guarded(express(), guard);
  app.get("/items/:id", role("user"), (req, res, next) => next());
  app.get("/items/secret", role("admin"), (req, res) => res.json("secret"));
  app.get("/rewritten", role("user"), (req, res, next) => { req.url = "/hidden"; next(); });
  app.get("/hidden", role("admin"), (req, res) => res.json("secret"));
  const port = await serve(t, app);
  for (const path of ["/items/secret", "/rewritten"]) {
    assert.equal((await send(port, "GET", path, { headers: [user] })).status, 403, path);
  }
  assert.equal((await send(port, "GET", "/hidden", { headers: [admin] })).status, 200);
});

test("a path with a tenant needs a token for it", async (t) => {
  const { guard, issuer } = setUp();
  const app = guarded(express(), guard);
  const pages = router();
  pages.get("/pages", forTenant(role("editor")), (req, res) => res.json(req.caller.tenant));
  app.use("/:tenant", pages);
  const port = await serve(t, app);
  const of = (tenant) => [bearer(issuer.token("alice").roles("editor").tenant(tenant))];
  assert.equal((await send(port, "GET", "/acme/pages", { headers: of("acme") })).body, '"acme"');
  assert.equal((await send(port, "GET", "/%61cme/pages", { headers: of("acme") })).status, 200);
  for (const [path, tenant] of [["/other/pages", "acme"], ["/ACME/pages", "acme"]]) {
    assert.equal((await send(port, "GET", path, { headers: of(tenant) })).status, 403);
  }
  const none = [bearer(issuer.token("alice").roles("editor"))];
  assert.equal((await send(port, "GET", "/acme/pages", { headers: none })).status, 403);
  const rewriting = guarded(express(), guard);
  rewriting.use((req, res, next) => { req.url = "/other/pages"; next(); });
  rewriting.get("/:tenant/pages", forTenant(role("editor")), (req, res) => res.json(req.params.tenant));
  const other = await send(await serve(t, rewriting), "GET", "/acme/pages", { headers: of("acme") });
  assert.equal(other.status, 403, "middleware changed the tenant after the rule was checked");
  const wrong = guarded(express(), guard);
  wrong.get("/pages", forTenant(role("editor")), (req, res) => res.json("x"));
  assert.throws(() => wrong.listen(0), /no parameter `:tenant`/);
});

test("an old sign-in is asked to sign in again", async (t) => {
  const { guard, issuer } = setUp();
  const app = guarded(express(), guard);
  app.post("/pay", fresh(role("payer"), 300), (req, res) => res.json("paid"));
  const port = await serve(t, app);
  const token = issuer.token("alice").roles("payer");
  assert.equal((await send(port, "POST", "/pay", { headers: [bearer(token)] })).status, 200);
  const old = await send(port, "POST", "/pay", { headers: [bearer(token.signedInAgo(301))] });
  assert.deepEqual([old.status, old.headers["www-authenticate"]], [401, 'Bearer error="insufficient_user_authentication", max_age="300"']);
});

test("an error in open middleware reaches the error handlers", async (t) => {
  const { guard } = setUp();
  const app = guarded(express(), guard);
  app.use(open, (req, res, next) => next(new Error("broken")));
  app.get("/items", role("admin"), (req, res) => res.json("ok"));
  app.use((error, req, res, next) => res.status(418).json(error.message));
  const port = await serve(t, app);
  const answer = await send(port, "GET", "/items");
  assert.deepEqual([answer.status, answer.body], [418, '"broken"']);
});

test("a denial of a handler is answered, unless an error handler does", async (t) => {
  const { guard, user } = setUp();
  const build = () => {
    const app = guarded(express(), guard);
    app.get("/items", authenticated, async (req) => req.caller.require(role("admin")));
    return app;
  };
  const answer = await send(await serve(t, build()), "GET", "/items", { headers: [user] });
  assert.deepEqual([answer.status, answer.headers["www-authenticate"]], [403, 'Bearer error="insufficient_scope", scope="role:admin"']);
  const own = build().use((error, req, res, next) => res.status(418).json(error.code));
  assert.equal((await send(await serve(t, own), "GET", "/items", { headers: [user] })).body, '"forbidden"');
});

test("open middleware answers preflights before 405", async (t) => {
  const { guard } = setUp();
  const app = guarded(express(), guard);
  app.use(open, (req, res, next) => {
    res.set("Access-Control-Allow-Origin", "https://page.example");
    return req.method === "OPTIONS" ? res.sendStatus(204) : next();
  });
  app.get("/items", role("admin"), (req, res) => res.json("ok"));
  const port = await serve(t, app);
  assert.equal((await send(port, "OPTIONS", "/items")).status, 204);
  const refused = await send(port, "GET", "/items");
  assert.deepEqual([refused.status, refused.headers["access-control-allow-origin"]], [401, "https://page.example"]);
});

test("a client that asks first sends no body that is refused", async (t) => {
  const { guard, admin } = setUp();
  const server = tutorial(guard).listen(0);
  t.after(() => server.closeAllConnections() ?? server.close());
  await once(server, "listening");
  const { port } = server.address();
  const headers = [["Content-Type", "application/json"], ["Content-Length", "7"]];
  const refused = await send(port, "POST", "/items", { headers, body: '{"a":1}', expect100: true });
  assert.deepEqual([refused.status, refused.continued], [401, false]);
  const admitted = await send(port, "POST", "/items", { headers: [...headers, admin], body: '{"a":1}', expect100: true });
  assert.deepEqual([admitted.status, admitted.continued, admitted.body], [200, true, '{"a":1}']);
});

test("a refusal is the last thing that a client hears", async (t) => {
  const { guard } = setUp();
  const server = tutorial(guard).listen(0);
  t.after(() => server.close());
  await once(server, "listening");
  const socket = connect(server.address().port, "127.0.0.1");
  socket.write("POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of socket) text += chunk;
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 401"]);
});

test("guarded applications in one that is not guarded each ask their own guard", async (t) => {
  const [first, second] = [setUp(), setUp()];
  const outer = express();
  const seen = [];
  for (const [path, { guard }] of [["/a", first], ["/b", second]]) {
    const app = guarded(express(), guard);
    app.use((req, res, next) => (seen.push(path), next()));
    app.get(`${path}/items`, role("admin"), (req, res) => res.json(req.caller.username));
    outer.use(app);
  }
  outer.get("/old", (req, res) => res.json("old"));
  const port = await serve(t, outer);
  assert.equal((await send(port, "GET", "/a/items", { headers: [first.admin] })).body, '"boss"');
  assert.equal((await send(port, "GET", "/b/items", { headers: [first.admin] })).status, 401);
  assert.deepEqual(seen, ["/a"], "no middleware of the second ran");
  assert.equal((await send(port, "GET", "/b/items", { headers: [second.admin] })).body, '"boss"');
  assert.equal((await send(port, "GET", "/old")).body, '"old"');
});

test("a mounted application with a guard of its own asks that one", async (t) => {
  const [outer, inner] = [setUp(), setUp()];
  const app = guarded(express(), outer.guard);
  const child = guarded(express(), inner.guard);
  child.get("/items", role("admin"), (req, res) => res.json(req.caller.username));
  app.use("/child", child);
  const port = await serve(t, app);
  assert.equal((await send(port, "GET", "/child/items", { headers: [outer.admin] })).status, 401);
  assert.equal((await send(port, "GET", "/child/items", { headers: [inner.admin] })).status, 200);
});

test("paths that cannot be decoded reach no handler", async (t) => {
  const { guard } = setUp();
  const app = guarded(express(), guard);
  app.get("/items/:id", role("admin"), () => assert.fail("a handler ran"));
  const port = await serve(t, app);
  const answer = await send(port, "GET", "/items/%E0%A4%A");
  assert.ok([400, 401, 404].includes(answer.status), answer.status);
});
