// The package works with `require`, and with both forms in one program.
const assert = require("node:assert/strict");
const test = require("node:test");
const { Guard, role } = require("rolecall");
const { TestIssuer } = require("rolecall/testing");

test("every subpath can be required", () => {
  assert.equal(typeof Guard, "function");
  for (const name of ["express", "fastify", "hono"]) assert.equal(typeof require(`rolecall/${name}`).guarded, "function");
  assert.equal(typeof require("rolecall/next").createGuarded, "function");
});

test("a rule of one form is a rule of the other", async () => {
  const esm = await import("rolecall/hono");
  const { Hono } = await import("hono");
  const issuer = new TestIssuer();
  const app = esm.guarded(new Hono(), issuer.guard());
  app.get("/items", role("admin"), (c) => c.json(c.get("caller").username));
  assert.equal((await app.request("/items")).status, 401);
  const headers = { authorization: issuer.token("boss").roles("admin").bearer() };
  assert.equal(await (await app.request("/items", { headers })).text(), '"boss"');
});
