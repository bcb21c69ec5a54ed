import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";
import { Guard } from "rolecall";
import { LiveState, ManualClock, TestIssuer } from "rolecall/testing";
import { FeedReader } from "../dist/esm/remote/feed.js";
import { createTransport } from "../dist/esm/remote/http.js";
import { freshFor, KeyLoader } from "../dist/esm/remote/keys.js";
import { Issuer } from "../dist/esm/remote/metadata.js";
import { parseTime } from "../dist/esm/remote/time.js";
import { ClientToken } from "../dist/esm/remote/client-token.js";
import { Backoff } from "../dist/esm/remote/backoff.js";
import { scripted, serve } from "./support.mjs";

const ISSUER = "https://test.invalid";
const METADATA = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, token_endpoint: `${ISSUER}/token`, extra: [[[]]] };
const answer = (more = {}) => ({ cursor: "c1", era: "test", age_ms: 0, floors: [], policy_revision: 1, ...more });
const floor = (more = {}) => ({ kind: "subject", key: "alice", revision: 8, until: "2031-01-01T00:00:00Z", ...more });

function feed(answers, options = {}) {
  const clock = new ManualClock(Date.UTC(2030, 0, 1));
  const state = new LiveState(clock);
  const { transport, requests } = scripted(answers);
  const changes = [];
  const reader = new FeedReader({
    issuer: new Issuer(ISSUER, false), state, clock, transport, maxStaleness: 30_000, signal: new AbortController().signal,
    keysChanged: () => changes.push("keys"), recordAnswer: () => undefined, ...options,
  });
  const client = new ClientToken(["id", "secret"]);
  return { clock, state, requests, changes, reader, read: () => reader.read(client, "token") };
}

const inOrder = (list) => () => list.shift();

test("answers raise floors, mark the state as fresh and move the cursor", async () => {
  const { state, clock, read, requests, changes } = feed(inOrder([
    answer({ keys_revision: 1 }), answer({ cursor: "c 2", floors: [floor()], age_ms: 500, keys_revision: 1 }), answer({ keys_revision: 2 }),
  ]));
  assert.equal(state.isKnown, false);
  await read();
  assert.deepEqual([state.era, state.age, state.floorCount], ["test", 0, 0]);
  clock.advance(3000);
  await read();
  assert.deepEqual([state.age, state.floorCount], [500, 1]);
  await read();
  assert.deepEqual(changes, ["keys", "keys"]);
  assert.deepEqual(requests.map(({ url }) => url.split("/api/")[1]), ["feed?after=&wait=1", "feed?after=c1&wait=5", "feed?after=c+2&wait=5"]);
  assert.equal(requests[0].headers.authorization, "Bearer token");
  assert.equal(requests[1].timeout, 10_000);
});

test("the age of an answer counts from its request", async () => {
  const { state, clock, read } = feed(() => {
    clock.advance(4000);
    return answer({ age_ms: 100 });
  });
  await read();
  assert.equal(state.age, 4100);
});

test("an answer that is not understood changes nothing", async () => {
  const bad = [
    answer({ floors: [floor({ kind: "planet" })] }), answer({ floors: [floor({ until: "soon" })] }), answer({ floors: [floor({ revision: 1.5 })] }), answer({ floors: [floor({ key: null })] }),
    answer({ floors: [null] }), answer({ floors: null }), answer({ era: 1 }), answer({ age_ms: -1 }), answer({ age_ms: 0.5 }), answer({ cursor: undefined }), answer({ more: null }), answer({ more: 1 }),
    answer({ policy_revision: "1" }), answer({ revision: "1" }), answer({ forget_before: 1 }), [], "x", Buffer.from('{"era":"a","era":"b"}'), Buffer.from("\ufeff{}"), { status: 503, body: answer() }, { status: 302, body: answer() },
  ];
  const { state, read } = feed(inOrder([answer({ floors: [floor()] }), ...bad, answer()]));
  await read();
  for (const one of bad) await assert.rejects(read(), (error) => error.name === "Failure", JSON.stringify(one));
  assert.equal(state.floorCount, 1);
  await read();
});

test("a new era replaces the old one once all of its floors are read", async () => {
  const { state, read } = feed(inOrder([
    answer({ floors: [floor()] }), answer({ era: "next", more: true, floors: [floor({ key: "a" })] }), answer({ era: "next", more: true, floors: [floor({ key: "b" })] }),
    answer({ era: "next", floors: [floor({ key: "c" })] }),
  ]));
  await read();
  for (const expected of ["test", "test", "next"]) {
    await read();
    assert.equal(state.era, expected);
  }
  assert.equal(state.floorCount, 3);
});

test("an unfinished answer does not make the state fresh", async () => {
  const { state, read } = feed(inOrder([answer({ more: true }), answer()]));
  await read();
  assert.equal(state.isKnown, false);
  await read();
  assert.equal(state.isKnown, true);
});

test("floors are forgotten by the issuer's time, and kept by a clock that is wrong", async () => {
  const { state, read, clock } = feed(inOrder([
    answer({ floors: [floor({ until: "2030-01-01T00:30:00Z" })] }), answer({ forget_before: "2030-01-01T00:10:00Z" }), answer({ forget_before: "2030-01-01T00:30:00Z" }),
  ]));
  await read();
  clock.set(Date.UTC(2040, 0, 1));
  clock.advance(60_000);
  await read();
  assert.equal(state.floorCount, 1);
  clock.advance(60_000);
  await read();
  assert.equal(state.floorCount, 0);
});

test("a token from beyond the newest revision ends the request that is held", async () => {
  let held;
  const { state, read, requests } = feed((_, { signal }) => new Promise((resolve, reject) => {
    if (requests.length === 1) return resolve(answer({ revision: 5 }));
    if (requests.length > 2) return resolve(answer({ revision: 5 }));
    held = true;
    signal.addEventListener("abort", () => reject(new Error("aborted")));
  }));
  await read();
  const reading = read();
  assert.ok(held);
  const question = { number: 0 };
  assert.equal(typeof state.standing(9, question), "number");
  await reading;
  await read();
  assert.match(requests[2].url, /wait=0$/);
  assert.equal(typeof state.standing(9, question), "number", "read at the very moment of asking");
});

test("a refused client asks for another token next time, an outage does not", async () => {
  const { transport } = scripted({ "/token": { access_token: "a", expires_in: 1800 } });
  const clock = new ManualClock(0);
  const { requests, transport: counting } = scripted((path) => (path === "/token" ? { access_token: `t${requests.length}`, expires_in: 100 } : undefined));
  const client = new ClientToken(["a:b", "c d"]);
  const source = { issuer: ISSUER, clock, transport: counting, signal: new AbortController().signal, metadata: async () => ({ jwks: "", token: `${ISSUER}/token` }) };
  assert.equal(await client.get(source), "t1");
  assert.equal(await client.get(source), "t1");
  client.forget("other");
  assert.equal(await client.get(source), "t1");
  client.forget("t1");
  assert.equal(await client.get(source), "t2");
  clock.advance(80_000);
  assert.equal(await client.get(source), "t3", "before it expires");
  assert.equal(requests[0].headers.authorization, `Basic ${Buffer.from("a%3Ab:c+d").toString("base64")}`);
  assert.equal(requests[0].body, "grant_type=client_credentials&audience=https%3A%2F%2Ftest.invalid");
  assert.ok(transport);
});

function loader(answers) {
  const clock = new ManualClock(0);
  const state = new LiveState(clock);
  const { transport, requests } = scripted(answers);
  const keys = new KeyLoader({ issuer: new Issuer(ISSUER, false), state, clock, transport, signal: new AbortController().signal });
  let asked = 0;
  keys.onRequest = () => { asked += 1; };
  return { clock, state, keys, requests, asked: () => asked };
}
const JWKS = { keys: new TestIssuer().live.keys.keys.length ? [{ kty: "OKP", crv: "Ed25519", kid: "a", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] : [] };

test("a failed load keeps the last keys", async () => {
  const good = { "/.well-known/oauth-authorization-server": METADATA, "/jwks": JWKS };
  const answers = { ...good };
  const { keys, state } = loader((path) => answers[path]);
  await keys.load();
  assert.equal(state.keys.size, 1);
  for (const bad of [{ status: 500, body: JWKS }, { keys: [] }, { keys: "x" }, new Error("down"), { keys: [{ ...JWKS.keys[0], d: "AA" }] }, { keys: [{ kty: "oct", k: "a".repeat(44), alg: "HS256" }] }, Buffer.from('{"keys":[],"keys":[]}'), Buffer.from([0xff])]) {
    answers["/jwks"] = bad;
    await assert.rejects(keys.load());
    assert.equal(state.keys.size, 1);
  }
});

test("strangers' unknown keys cause at most one load in ten seconds", async () => {
  const { keys, clock, asked } = loader({ "/.well-known/oauth-authorization-server": METADATA, "/jwks": JWKS });
  await keys.load();
  for (let index = 0; index < 100; index += 1) assert.equal(keys.request(), false, "loaded a moment ago: the token is invalid");
  assert.equal(asked(), 0);
  clock.advance(10_000);
  for (let index = 0; index < 100; index += 1) assert.equal(keys.request(), true);
  assert.equal(asked(), 1);
  const loading = keys.load();
  assert.equal(keys.request(), true);
  await loading;
  assert.equal(keys.request(), false);
});

test("metadata is of the very issuer, and never leads from TLS to plain http", async () => {
  for (const [metadata, message] of [
    [{ ...METADATA, issuer: `${ISSUER}/` }, /another issuer/], [{ ...METADATA, jwks_uri: "http://test.invalid/jwks" }, /not https/], [{ ...METADATA, jwks_uri: "/jwks" }, /not https/],
    [{ ...METADATA, token_endpoint: "file:///etc" }, /not https/], [{ issuer: ISSUER }, /cannot be parsed/], [{ status: 301, body: METADATA }, /301/],
  ]) await assert.rejects(loader({ "/.well-known/oauth-authorization-server": metadata }).keys.load(), message);
  const openid = loader({ "/.well-known/openid-configuration": METADATA, "/jwks": JWKS });
  await openid.keys.load();
  assert.equal(openid.requests.length, 3);
  assert.deepEqual(new Issuer("https://a.invalid/realms/one", false).metadataUrls(), ["https://a.invalid/.well-known/oauth-authorization-server/realms/one", "https://a.invalid/realms/one/.well-known/openid-configuration"]);
});

test("an issuer without TLS must be local or allowed", () => {
  for (const name of ["http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost", "https://login.example", "https://login.example/realms/one"]) assert.doesNotThrow(() => new Issuer(name, false), name);
  for (const name of ["http://login.example", "http://127.0.0.1.login.example", "http://localhost.example", "ftp://127.0.0.1", "login.example", "/login", "https://", "https://a@login.example", "http://127.0.0.1@login.example", "https://login.example?a", "https://login.example#a"]) {
    assert.throws(() => new Issuer(name, false), TypeError, name);
  }
  assert.doesNotThrow(() => new Issuer("http://login.example", true));
});

test("max-age is kept within its limits", () => {
  for (const [header, seconds] of [["max-age=120", 120], ["public, max-age=\"600\"", 600], ["max-age=1", 60], ["max-age=999999", 3600], ["no-store", 300], [undefined, 300], ["s-maxage=100", 300]]) {
    assert.equal(freshFor({ "cache-control": header }), seconds, header);
  }
});

test("times are those of RFC 3339", () => {
  assert.equal(parseTime("2026-11-23T10:00:00.25Z"), Date.UTC(2026, 10, 23, 10) + 250);
  assert.equal(parseTime("2026-11-23t12:00:00.123456789+02:00"), Date.UTC(2026, 10, 23, 10) + 123.456);
  for (const text of ["", "soon", "2026-11-23", "2026-11-23T10:00:00", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T25:00:00Z", "1e3"]) assert.equal(parseTime(text), undefined, text);
});

test("waits double, are random, and have a limit", () => {
  const backoff = new Backoff(100);
  for (let nth = 0; nth < 40; nth += 1) {
    const full = Math.min(100 * 2 ** Math.min(nth, 16), 2000);
    const wait = backoff.next(2000);
    assert.ok(wait <= full && wait >= full / 2, `${nth}: ${wait}`);
  }
  backoff.reset();
  assert.ok(backoff.next(2000) <= 100);
});

test("answers are limited in length and time, and redirects are not followed", async (t) => {
  let visits = 0;
  const port = await serve(t, (request, response) => {
    visits += 1;
    if (request.url === "/redirect") response.writeHead(302, { location: "/" }).end();
    else if (request.url === "/long") response.end("x".repeat(2000));
    else if (request.url !== "/silent") response.end(`${request.method} ${request.headers.authorization}`);
  });
  const transport = createTransport();
  const get = (path, more = {}) => transport({ method: "GET", url: `http://127.0.0.1:${port}${path}`, headers: {}, limit: 1000, timeout: 5000, ...more });
  assert.equal((await get("/redirect")).status, 302);
  assert.equal(visits, 1);
  assert.equal(Buffer.from((await get("/", { headers: { authorization: "Bearer x" } })).body).toString(), "GET Bearer x");
  await assert.rejects(get("/long"), /too long/);
  await assert.rejects(get("/silent", { timeout: 50 }), /in time/);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(get("/silent", { signal: controller.signal }), /given up/);
  await assert.rejects(transport({ method: "GET", url: "http://127.0.0.1:1/", headers: {}, limit: 10, timeout: 1000 }), /cannot be reached/);
});

test("a guard follows an issuer over HTTP, survives its outage and learns of a revocation at once", async (t) => {
  const issuer = new TestIssuer();
  const { privateKey, publicKey } = (await import("node:crypto")).generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "live", alg: "ES256" };
  let [floors, held, isDown] = [[], undefined, false];
  let origin = "";
  const port = await serve(t, (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://a.invalid");
    const json = (body) => response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    if (isDown) return response.writeHead(503).end();
    if (pathname.startsWith("/.well-known")) return json({ issuer: origin, jwks_uri: `${origin}/jwks`, token_endpoint: `${origin}/token` });
    if (pathname === "/jwks") return json({ keys: [jwk] });
    if (pathname === "/token") return json({ access_token: "t", expires_in: 60 });
    const reply = () => json(answer({ cursor: "c", floors }));
    if (searchParams.get("after") === "") return reply();
    held = reply;
  });
  origin = `http://127.0.0.1:${port}`;
  const guard = new Guard({ issuer: origin, client: ["id", "secret"], log: () => undefined });
  t.after(() => guard.close());
  const token = issuer.token("alice").claim("iss", origin).claim("aud", origin).claim("iat", Math.floor(Date.now() / 1000)).claim("exp", Math.floor(Date.now() / 1000) + 600);
  const { sign } = await import("node:crypto");
  const input = [{ alg: "ES256", typ: "at+jwt", kid: "live" }, token.claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const text = `${input}.${sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  assert.throws(() => guard.verify(text), (error) => error.status === 503, "before anything is loaded");
  await guard.ready();
  assert.equal(guard.verify(text).username, "alice");
  const caller = guard.verify(text);
  const lost = caller.lost();
  while (!held) await new Promise((resolve) => setImmediate(resolve));
  floors = [floor({ until: new Date(Date.now() + 3.6e6).toISOString() })];
  held();
  await lost;
  assert.throws(() => guard.verify(text), (error) => error.code === "ended_token");
  isDown = true;
  assert.equal(guard.status().connected, true);
  assert.equal(guard.status().floors, 1);
});

test("a guard alone does not keep the process running", async (t) => {
  const { execFile } = await import("node:child_process");
  const port = await serve(t, http.createServer(() => undefined));
  const program = `import { Guard } from "rolecall"; new Guard({ issuer: "http://127.0.0.1:${port}", client: ["a", "b"] }); setTimeout(() => {}, 100);`;
  await new Promise((resolve, reject) => {
    execFile(process.execPath, ["--input-type=module", "-e", program], { cwd: import.meta.dirname ?? process.cwd(), timeout: 20_000 }, (error) => (error ? reject(error) : resolve()));
  });
});
