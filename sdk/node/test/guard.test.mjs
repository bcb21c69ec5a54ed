import assert from "node:assert/strict";
import test from "node:test";
import { allOf, anyOf, authenticated, Denial, forTenant, fresh, inTenant, open, optional, permission, role, Rule } from "rolecall";
import { TestIssuer } from "rolecall/testing";
import { authorizationOf, bearerToken } from "../dist/esm/credential.js";
import { authorizationOfHeaders } from "../dist/esm/fetch.js";
import { FLOOR_KINDS, Floors } from "../dist/esm/floors.js";
import { setUp } from "./support.mjs";

const code = (action) => {
  try {
    action();
    return "ok";
  } catch (error) {
    if (!(error instanceof Denial)) throw error;
    return error.code;
  }
};

test("exactly one Authorization header with exactly one token is read", () => {
  const parsed = (...values) => {
    let token;
    const result = code(() => { token = bearerToken(values); });
    return token ?? result;
  };
  for (const [value, expected] of [["Bearer abc", "abc"], ["bearer abc", "abc"], ["BEARER   abc  ", "abc"], ["Bearer abc==", "abc=="], ["Bearer", "not_authenticated"], ["Bearer  ", "not_authenticated"],
    ["Basic abc", "not_authenticated"], ["Bearerabc", "not_authenticated"], ["Bearer\tabc", "not_authenticated"], ["", "not_authenticated"], ["Bearer a b", "invalid_token"], ["Bearer a,b", "invalid_token"],
    ["Bearer \tabc", "invalid_token"], ["Bearer =", "invalid_token"], ["Bearer a=b", "invalid_token"], ["Bearer é", "invalid_token"]]) {
    assert.equal(parsed(value), expected, JSON.stringify(value));
  }
  assert.equal(parsed("Bearer a", "Basic b"), "two_credentials");
  assert.equal(parsed(), "not_authenticated");
  assert.deepEqual(authorizationOf(["Host", "x", "authorization", "a", "AUTHORIZATION", "b"]), ["a", "b"]);
  const headers = new Headers([["authorization", "Bearer a"], ["authorization", "Bearer b"]]);
  assert.equal(authorizationOfHeaders(headers).length, 2);
});

test("a floor refuses older tokens with its subject, client, role, session or id, and with its tenant", () => {
  const { guard, issuer } = setUp();
  const keys = { subject: "alice", client: "rolecall", role: "admin", sid: "session-alice", jti: "test-alice" };
  const until = Infinity;
  for (const kind of FLOOR_KINDS) {
    issuer.live.replace("test", []);
    const token = issuer.token("alice").roles("admin").rev(7).sign();
    const inTenant = issuer.token("alice").roles("admin").rev(7).tenant("acme").sign();
    const verdicts = () => [token, inTenant].map((one) => code(() => guard.verify(one)));
    assert.deepEqual(verdicts(), ["ok", "ok"]);
    issuer.live.raise([{ kind, key: keys[kind], revision: 7, until }, { kind, key: "other", revision: 9, until }]);
    assert.deepEqual(verdicts(), ["ok", "ok"], `${kind}: a floor at the revision of the token`);
    issuer.live.raise([{ kind, key: keys[kind], tenant: "acme", revision: 8, until }]);
    assert.deepEqual(verdicts(), ["ok", "ended_token"], kind);
    issuer.live.raise([{ kind, key: keys[kind], revision: 8, until }]);
    assert.deepEqual(verdicts(), ["ended_token", "ended_token"], kind);
  }
  assert.throws(() => issuer.live.raise([{ kind: "planet", key: "x", revision: 1, until }]), /unknown kind/);
});

test("floors agree with a list of them", () => {
  let seed = 7;
  const random = (limit) => (seed = (seed * 48271) % 2147483647) % limit;
  const pick = (...of) => of[random(of.length)];
  for (let round = 0; round < 3000; round += 1) {
    const list = Array.from({ length: random(6) }, () => ({ kind: pick(...FLOOR_KINDS), key: pick("a", "b"), tenant: pick(undefined, "x", "y"), revision: random(5), until: random(5) }));
    const floors = new Floors();
    for (const floor of list) floors.raise(floor);
    const token = { sub: pick("a", "b"), clientId: pick("a", "b"), roles: [pick("a", "b", "c")], sid: pick(undefined, "a"), jti: pick("a", "b"), tenant: pick(undefined, "x"), rev: random(5) };
    const values = { subject: [token.sub], client: [token.clientId], role: token.roles, sid: [token.sid], jti: [token.jti] };
    const expected = list.some((one) => values[one.kind].includes(one.key) && token.rev < one.revision && [undefined, token.tenant].includes(one.tenant));
    assert.equal(floors.refuses(token), expected, JSON.stringify({ list, token }));
    floors.prune(9);
    assert.deepEqual([floors.size, floors.refuses(token)], [0, false]);
  }
});

test("a token of another era has ended, and one beyond the newest revision after an answer", async () => {
  const { guard, issuer } = setUp();
  const token = issuer.token("alice").rev(9).sign();
  assert.equal(code(() => guard.verify(token)), "ok");
  issuer.live.noteRevision(5);
  assert.equal(code(() => guard.verify(token)), "ok", "another node may have issued it a moment ago");
  const waiting = guard.admit(authenticated, [`Bearer ${token}`]);
  assert.ok(waiting instanceof Promise);
  issuer.live.answer(2, 5);
  await assert.rejects(waiting, (error) => error.code === "ended_token");
  issuer.live.answer(3, 20);
  assert.equal(code(() => guard.verify(token)), "ended_token", "it stays refused");
  issuer.live.replace("next", []);
  assert.equal(code(() => guard.verify(issuer.token("alice").claim("era", "test").sign())), "ended_token");
  assert.equal(code(() => guard.verify(issuer.token("alice").claim("era", "next").sign())), "ok");
});

test("a state that is too old refuses with 503, or warns once if that is accepted", () => {
  const { issuer } = setUp();
  const lines = [];
  const [strict, lax] = [issuer.guard(), issuer.guard({ onStale: "accept", log: (line) => lines.push(line.message) })];
  const token = issuer.token("alice").sign();
  issuer.clock.advance(30_000);
  assert.equal(code(() => strict.verify(token)), "ok");
  issuer.clock.advance(1);
  assert.equal(code(() => strict.verify(token)), "unavailable");
  assert.equal(code(() => strict.verify("nonsense")), "unavailable");
  assert.deepEqual([code(() => lax.verify(token)), code(() => lax.verify(token))], ["ok", "ok"]);
  assert.equal(lines.filter((line) => line.includes("is stale:")).length, 1);
  issuer.live.markFresh();
  assert.equal(code(() => strict.verify(token)), "ok");
  assert.deepEqual(new Denial({ kind: "unavailable" }).answer, {
    status: 503,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", "retry-after": "1" },
    body: '{"detail":"cannot decide at the moment; try again","status":503,"title":"Service Unavailable","type":"urn:rolecall:problem:unavailable"}',
  });
});

test("the cache is bounded, and never outlives the key, the expiry or the clock", () => {
  const { issuer } = setUp();
  const guard = issuer.guard({ cacheCapacity: 3, maxStaleness: 1e6 });
  const token = issuer.token("alice").sign();
  const verdict = () => code(() => guard.verify(token));
  assert.equal(verdict(), "ok");
  assert.equal(verdict(), "ok");
  assert.deepEqual(guard.cacheUse, { entries: 1, hits: 1, misses: 1 });
  for (let index = 0; index < 20; index += 1) guard.verify(issuer.token(`u${index}`).sign());
  assert.equal(guard.cacheUse.entries, 3);
  const { keys } = issuer.live;
  assert.equal(verdict(), "ok", "in the cache again");
  issuer.live.setKeys(new TestIssuer().live.keys);
  assert.equal(verdict(), "invalid_token", "the key was removed");
  issuer.live.setKeys(keys);
  assert.equal(verdict(), "ok");
  const start = issuer.clock.now();
  issuer.clock.set(start - 31_000);
  assert.equal(verdict(), "invalid_token", "not valid yet");
  issuer.clock.set(start + 1800_000);
  assert.equal(verdict(), "ended_token");
  issuer.clock.set(start);
  assert.equal(verdict(), "ok");
});

test("the cache forgets the token that was used least recently", () => {
  const { issuer } = setUp();
  const guard = issuer.guard({ cacheCapacity: 4 });
  const tokens = ["a", "b", "c", "d", "e"].map((name) => issuer.token(name).sign());
  for (const token of [...tokens.slice(0, 4), tokens[0], tokens[4]]) guard.verify(token);
  const { misses } = guard.cacheUse;
  guard.verify(tokens[0]);
  assert.equal(guard.cacheUse.misses, misses, "used a moment ago");
  guard.verify(tokens[1]);
  assert.equal(guard.cacheUse.misses, misses + 1, "forgotten");
  const none = issuer.guard({ cacheCapacity: 0 });
  none.verify(tokens[0]);
  assert.equal(none.cacheUse.entries, 0);
});

test("rules agree with a model", () => {
  const names = ["role:a", "b:b", "role:c"];
  const leaf = (name) => (name.startsWith("role:") ? role(name.slice(5)) : permission(name));
  const holder = (held) => ({
    tenant: undefined, hasRole: () => false, hasPermission: () => false, isFresh: () => true,
    hasGlobalRole: (name) => held.includes(`role:${name}`), hasGlobalPermission: (name) => held.includes(name),
  });
  const sets = Array.from({ length: 8 }, (_, bits) => names.filter((_, index) => bits & (1 << index)));
  for (const held of sets) {
    const [a, b, c] = names.map((name) => held.includes(name));
    const [ra, rb, rc] = names.map(leaf);
    for (const [rule, expected] of [[ra, a], [anyOf(ra, rb), a || b], [allOf(ra, rb, rc), a && b && c], [anyOf(allOf(ra, rb), rc), (a && b) || c], [allOf(anyOf(ra, rc), rb), (a || c) && b]]) {
      assert.equal(rule.admits(holder(held)), expected, `${rule} with ${held}`);
    }
  }
});

test("rules have the text, the scope and the names of the crate", () => {
  const [a, b] = [role("a"), permission("b:b")];
  for (const [rule, text, scope] of [
    [a, "role:a", "role:a"], [anyOf(a, b), "any of (role:a, b:b)", "role:a"], [allOf(a, b), "all of (role:a, b:b)", "role:a b:b"], [allOf(a, allOf(a, b)), "all of (role:a, all of (role:a, b:b))", "role:a b:b"],
    [forTenant(a), "role:a in the path's tenant", "role:a"], [inTenant(a), "role:a in the token's tenant", "role:a"], [fresh(a, 60), "role:a, signed in within 60 s", "role:a"],
    [open, "public", undefined], [optional, "optional", undefined], [authenticated, "authenticated", undefined],
  ]) assert.deepEqual([String(rule), rule.scope], [text, scope]);
  assert.deepEqual(anyOf(a, allOf(a, b)).names, ["role:a", "b:b"]);
  assert.equal(fresh(forTenant(a), 9).maxAge, 9);
});

test("names that no policy can have, and rules around public ones, are refused", () => {
  for (const name of ["", "Admin", "a b", "-a", "a".repeat(65), "ä", "a\n"]) assert.throws(() => role(name), TypeError, name);
  for (const name of ["", "a", "a:", ":b", "role:x", "a:b:c", "a:*"]) assert.throws(() => permission(name), TypeError, name);
  for (const wrap of [forTenant, inTenant, (rule) => fresh(rule, 1), (rule) => anyOf(rule), (rule) => allOf(rule)]) {
    for (const rule of [open, optional, "admin", undefined]) assert.throws(() => wrap(rule), TypeError);
  }
  assert.throws(() => anyOf(), TypeError);
  assert.throws(() => anyOf(allOf(anyOf(role("a"), role("b")), role("c"))), /at most 2 deep/);
  assert.throws(() => allOf(forTenant(role("a")), role("b")), TypeError);
  assert.throws(() => fresh(role("a"), -1), TypeError);
  assert.equal(Rule.isRule({ node: { kind: "public" } }), false);
});

test("what is held in a tenant satisfies only rules about the tenant", () => {
  const { guard, issuer } = setUp();
  const caller = guard.verify(issuer.token("alice").roles("editor").permissions("a:b").tenant("acme").globalRoles("user").sign());
  assert.deepEqual([caller.hasRole("editor"), caller.has(role("editor")), caller.has(inTenant(role("editor"))), caller.has(role("user")), caller.has(permission("a:b"))], [true, false, true, true, false]);
  // a role that is only in `global` could not be revoked
  const odd = guard.verify(issuer.token("bob").tenant("acme").claim("global", { roles: ["admin"], scope: "x:y" }).sign());
  assert.deepEqual([odd.has(role("admin")), odd.has(permission("x:y"))], [false, false]);
  assert.throws(() => caller.require(role("admin")), (error) => error.status === 403 && error.challenge.includes('scope="role:admin"'));
});

test("a role above the session's assurance asks for a step-up, of a user alone", () => {
  const { issuer } = setUp();
  const policy = { permissions: { "pay:all": "" }, roles: { payer: { acr: "aal2", permissions: ["pay:*"] } } };
  const guard = issuer.guard({ policy });
  const challenge = (token, rule) => {
    try {
      guard.admit(rule, [token.bearer()]);
    } catch (error) {
      return [error.status, error.challenge];
    }
    return "ok";
  };
  const token = () => issuer.token("alice").stepUp("payer");
  const needed = 'Bearer error="insufficient_user_authentication", acr_values="aal2"';
  assert.deepEqual(challenge(token(), role("payer")), [401, needed]);
  assert.deepEqual(challenge(token(), permission("pay:all")), [401, needed]);
  assert.deepEqual(challenge(token().signedInAgo(100), fresh(role("payer"), 60)), [401, `${needed}, max_age="60"`]);
  assert.deepEqual(challenge(token().client(), role("payer")), [403, 'Bearer error="insufficient_scope", scope="role:payer"']);
  assert.deepEqual(challenge(token().acr("aal2"), role("payer")), [403, 'Bearer error="insufficient_scope", scope="role:payer"'], "the next token has it");
  assert.deepEqual(challenge(issuer.token("alice"), role("payer")), [403, 'Bearer error="insufficient_scope", scope="role:payer"']);
});

test("permissions are derived from the policy for tokens without a scope", () => {
  const { issuer } = setUp();
  const roles = { editor: { juniors: ["reader"], permissions: ["items:write"] }, reader: { permissions: ["items:*"] } };
  const guard = issuer.guard({ policy: { permissions: ["items:read"], roles } });
  const token = issuer.token("alice").roles("editor");
  delete token.claims.scope;
  assert.deepEqual(guard.verify(token.sign()).permissions, ["items:read", "items:write"]);
  assert.deepEqual(guard.verify(issuer.token("bob").roles("editor").sign()).permissions, []);
});

test("a client has no user name, and lost() resolves when the token is revoked", async () => {
  const { guard, issuer } = setUp();
  assert.equal(guard.verify(issuer.token("svc").client().claim("username", "admin").sign()).username, "");
  const caller = guard.verify(issuer.token("alice").claim("email", "a@b.invalid").sign());
  assert.deepEqual([caller.isLost, caller.email, caller.emailVerified, caller.claim("constructor")], [false, "a@b.invalid", false, undefined]);
  const lost = caller.lost();
  issuer.live.raise([{ kind: "subject", key: "alice", revision: 1, until: Infinity }]);
  await lost;
  assert.equal(caller.isLost, true);
});

test("a scope in a challenge is cut at a whole name, and never ends its quotes", () => {
  const challenge = (scope) => new Denial({ kind: "forbidden", scope }).challenge;
  const bare = 'Bearer error="insufficient_scope"';
  const long = Array.from({ length: 200 }, (_, index) => `items:op-${index}`).join(" ");
  const names = challenge(long).slice(bare.length + ', scope="'.length, -1);
  assert.ok(names.length <= 1024 && long.startsWith(`${names} `), names);
  for (const scope of [undefined, "", 'a" b', "a\\b", "é", "a  b", "x".repeat(2000)]) assert.equal(challenge(scope), bare);
});
