import assert from "node:assert/strict";
import test from "node:test";
import { forTenant, open, role } from "rolecall";
import { createGuarded } from "rolecall/next";
import { setUp } from "./support.mjs";

const request = (authorization) => new Request("http://a.invalid/items", { headers: authorization ? { authorization } : {} });

test("a route handler runs only for callers whom its rule admits", async () => {
  const { guard, issuer } = setUp();
  const guarded = createGuarded(guard);
  let runs = 0;
  const GET = guarded(role("admin"), (_, caller) => (runs++, Response.json(caller.username)));
  for (const [authorization, status] of [[undefined, 401], ["Bearer x", 401], [issuer.token("a").bearer(), 403]]) {
    assert.equal((await GET(request(authorization))).status, status);
  }
  assert.equal(runs, 0);
  const answer = await GET(request(issuer.token("boss").roles("admin").bearer()));
  assert.deepEqual([answer.status, await answer.json()], [200, "boss"]);
  assert.equal((await guarded(open, () => new Response("ok"))(request())).status, 200);
  assert.throws(() => guarded(() => new Response("secret")), TypeError);
});

test("the tenant comes from the parameters of the route", async () => {
  const { guard, issuer } = setUp();
  const GET = createGuarded(guard)(forTenant(role("editor")), () => new Response("ok"));
  const editor = issuer.token("alice").roles("editor").tenant("acme").bearer();
  assert.equal((await GET(request(editor), { params: Promise.resolve({ tenant: "acme" }) })).status, 200);
  assert.equal((await GET(request(editor), { params: { tenant: "other" } })).status, 403);
  assert.equal((await GET(request(editor), undefined)).status, 403);
});

test("an error of the handler is not taken for a refusal", async () => {
  const { guard } = setUp();
  const GET = createGuarded(guard)(open, () => { throw new Error("broken"); });
  await assert.rejects(GET(request()), /broken/);
});
