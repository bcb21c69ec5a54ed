// Runs the conformance files that every package of rolecall agrees on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import express from "express";
import { Denial, Guard, allOf, anyOf, authenticated, forTenant, fresh, inTenant, open, optional, permission, role } from "rolecall";
import { guarded } from "rolecall/express";
import { assertAccessMatrix, ManualClock } from "rolecall/testing";
import { authorizationOf } from "../dist/esm/credential.js";

const FOLDER = new URL("../../conformance/", import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

/** Builds a rule as the files write it. */
export function parseRule(rule) {
  if (typeof rule === "string") return { public: open, optional, authenticated }[rule];
  const [[kind, value]] = Object.entries(rule);
  switch (kind) {
    case "role": return role(value);
    case "permission": return permission(value);
    case "any": return anyOf(...value.map(parseRule));
    case "all": return allOf(...value.map(parseRule));
    case "for_tenant": return forTenant(parseRule(value));
    case "in_tenant": return inTenant(parseRule(value));
    case "fresh": return fresh(parseRule(value.rule), value.seconds);
    default: return assert.fail(`unknown rule ${kind}`);
  }
}

function buildGuard({ issuer, audiences, jwks, secret, foreign }, now) {
  return new Guard({
    issuer, audience: audiences, clock: new ManualClock(now * 1000), log: () => undefined,
    ...(jwks && { jwks: JSON.stringify(jwks) }), ...(foreign && { foreign }),
    ...(secret && { secret: { algorithm: secret.algorithm, key: Buffer.from(secret.base64, "base64") } }),
  });
}

const seconds = (date) => (date === undefined ? null : date.getTime() / 1000);
const byBytes = (names) => [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

function shown(caller) {
  if (caller === undefined) return null;
  return {
    subject: caller.subject, kind: caller.kind, username: caller.username, client_id: caller.clientId, token_id: caller.tokenId,
    roles: [...caller.roles], permissions: [...caller.permissions],
    global_roles: byBytes(caller.roles.filter((one) => caller.hasGlobalRole(one))),
    global_permissions: byBytes(caller.permissions.filter((one) => caller.hasGlobalPermission(one))),
    tenant: caller.tenant ?? null, session: caller.session ?? null, narrowed: caller.narrowed, rev: Number(caller.rev), era: caller.era,
    issued_at: seconds(caller.issuedAt), expires_at: seconds(caller.expiresAt), auth_time: seconds(caller.authTime),
    acr: caller.acr, methods: [...caller.methods], audience: caller.audience, claims: JSON.parse(JSON.stringify(caller.otherClaims)),
  };
}

function decide(guard, row) {
  try {
    const caller = guard.admit(parseRule(row.rule), authorizationOf(row.headers.flat()), row.tenant ?? undefined);
    return { status: 200, www_authenticate: null, body: null, principal: shown(caller) };
  } catch (error) {
    if (!(error instanceof Denial)) throw error;
    const { status, headers, body } = error.answer;
    return { status, www_authenticate: headers["www-authenticate"] ?? null, body, principal: null };
  }
}

for (const name of ["tokens.json", "rules.json"]) {
  const { format, guards, rows, now = 1893456000 } = read(name);
  test(`each of the ${rows.length} rows of ${name} is decided as the crate decides it`, () => {
    assert.equal(format, 1);
    assert.ok(rows.length > 100);
    const shared = Object.fromEntries(Object.entries(guards).map(([id, guard]) => [id, buildGuard(guard, now)]));
    const faults = [];
    for (const row of rows) {
      const { status, www_authenticate, body, principal } = row;
      const expected = { status, www_authenticate, body, principal };
      for (const guard of [buildGuard(guards[row.guard], now), shared[row.guard], shared[row.guard]]) {
        try {
          assert.deepEqual(decide(guard, row), expected);
        } catch (error) {
          faults.push(`${row.id}: ${error.message}`);
          break;
        }
      }
    }
    assert.deepEqual(faults, []);
  });
}

test("rules have the text, the scope and the names of the crate", () => {
  const { rules } = read("rules.json");
  assert.ok(rules.length > 5);
  for (const { rule, text, scope, names } of rules) {
    const parsed = parseRule(rule);
    assert.deepEqual([String(parsed), parsed.scope ?? null, parsed.names], [text, scope, names]);
  }
});

test("every refusal is answered byte for byte", () => {
  const { rows } = read("answers.json");
  assert.ok(rows.length > 5);
  const kinds = { internal: "unguarded", insufficient_user_authentication: "step_up", forbidden: "forbidden" };
  for (const row of rows) {
    const reason = { kind: kinds[row.code] ?? row.code, scope: row.scope ?? undefined, acr: row.acr ?? undefined, maxAge: row.max_age ?? undefined };
    const { explanation } = row;
    const { answer } = new Denial(reason, explanation ?? {});
    assert.deepEqual([answer.status, answer.headers["www-authenticate"] ?? null, answer.body], [row.status, row.www_authenticate, row.body], row.id ?? row.code);
    const expected = Object.fromEntries(row.headers);
    assert.deepEqual(answer.headers, expected, row.id ?? row.code);
  }
});

test("the application has the access matrix of the crate", async () => {
  const { routes, roles } = read("app/routes.json");
  const build = (guard) => {
    const app = guarded(express(), guard);
    for (const { method, path, rule } of routes) {
      app[method.toLowerCase()](path.replace(/\{(\w+)\}/g, ":$1"), parseRule(rule), () => assert.fail("a handler ran"));
    }
    return app;
  };
  await assertAccessMatrix(new URL("app/access.lock", FOLDER).pathname, roles, build);
});

/** Runs a script of the feed: the test gives the answers, and nothing runs by itself. */
async function runScript({ guard: own = {}, tokens, steps }, { issuer, audiences }, now) {
  const clock = new ManualClock(now * 1000);
  let next;
  const transport = async ({ url }) => {
    const body = url.includes("/.well-known/") ? JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: `${issuer}/token` }) : next?.body;
    if (body === undefined) throw Object.assign(new Error("the connection broke"), { name: "Failure" });
    return { status: url.includes("/.well-known/") ? 200 : next.status, headers: {}, body: Buffer.from(body) };
  };
  const guard = new Guard({
    issuer, audience: audiences, client: ["id", "secret"], clock, transport, log: () => undefined, isManual: true,
    maxStaleness: (own.max_staleness_ms ?? 30_000) / 1000,
  });
  const isUsable = async (use) => use().then(() => true, (error) => error.name === "Failure" ? false : assert.fail(error));
  for (const [index, step] of steps.entries()) {
    const title = `step ${index}: ${JSON.stringify(step).slice(0, 200)}`;
    if ("jwks" in step) {
      next = step.jwks ?? undefined;
      const used = await isUsable(() => guard.remote.keys.load());
      if (step.usable !== undefined) assert.equal(used, step.usable, title);
    } else if ("feed" in step) {
      const sentAt = clock.monotonic() - (step.took_ms ?? 0);
      const used = step.feed !== null && await isUsable(async () => guard.remote.feed.receive({ ...step.feed, body: Buffer.from(step.feed.body) }, sentAt));
      if (step.usable !== undefined) assert.equal(used, step.usable, title);
    } else if ("advance_ms" in step) clock.advance(step.advance_ms);
    else if ("set_now" in step) clock.set(step.set_now * 1000);
    else if ("check" in step) {
      const row = { rule: "authenticated", headers: [["authorization", `Bearer ${tokens[step.check.token]}`]], tenant: null };
      // the guard does not wait for news here
      guard.news = () => undefined;
      const { status, www_authenticate } = decide(guard, row);
      assert.deepEqual([status, www_authenticate], [step.status, step.www_authenticate], title);
    } else assert.fail(title);
  }
}

test("each script of the feed leads to the same answers", async () => {
  const { format, guard, tokens, scripts, now } = read("feed.json");
  assert.equal(format, 1);
  assert.ok(scripts.length >= 60);
  const faults = [];
  for (const script of scripts) {
    await runScript({ ...script, tokens: { ...tokens, ...script.tokens } }, guard, now).catch((error) => faults.push(`${script.id}: ${error.message}`));
  }
  assert.deepEqual(faults, []);
});
