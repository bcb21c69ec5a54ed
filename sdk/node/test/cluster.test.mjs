import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:net";
import { once } from "node:events";
import test from "node:test";
import { send, serve } from "./support.mjs";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

test("each worker of a cluster follows the issuer and refuses what was revoked", async (t) => {
  const { privateKey: key, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256" };
  const waiting = new Set();
  let [floors, isRevoked, origin] = [[], false, ""];
  const issuerPort = await serve(t, (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://a.invalid");
    const json = (body) => response.end(JSON.stringify(body));
    if (pathname.startsWith("/.well-known")) return json({ issuer: origin, jwks_uri: `${origin}/jwks`, token_endpoint: `${origin}/token` });
    if (pathname === "/jwks") return json({ keys: [jwk] });
    if (pathname === "/token") return json({ access_token: "t", expires_in: 600 });
    const reply = () => json({ cursor: isRevoked ? "2" : "1", era: "e", age_ms: 0, floors, policy_revision: 1 });
    if (searchParams.get("after") === (isRevoked ? "2" : "1")) waiting.add(reply);
    else reply();
  });
  origin = `http://127.0.0.1:${issuerPort}`;
  const port = await freePort();
  const program = fork(new URL("cluster-program.mjs", import.meta.url).pathname, [origin, String(port)]);
  t.after(() => program.disconnect());
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: origin, aud: origin, sub: "u", client_id: "c", jti: "j", iat: now, exp: now + 600, roles: ["admin"], scope: "", rev: 1, era: "e" };
  const input = [{ alg: "ES256", typ: "at+jwt", kid: "k" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const token = `${input}.${sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  const call = () => send(port, "GET", "/items", { headers: [["Authorization", `Bearer ${token}`]] }).catch(() => ({ status: 0 }));
  const within = async (seconds, done) => {
    for (const until = Date.now() + seconds * 1000; ;) {
      if (await done()) return;
      assert.ok(Date.now() < until, "not in time");
    }
  };
  const workers = new Set();
  await within(60, async () => {
    const { status, body } = await call();
    if (status === 200) workers.add(body);
    return workers.size === 2 && waiting.size === 2;
  });
  isRevoked = true;
  floors = [{ kind: "subject", key: "u", revision: 2, until: "2099-01-01T00:00:00Z" }];
  for (const reply of waiting) reply();
  // connections alternate between the workers
  let refused = 0;
  await within(20, async () => {
    refused = (await call()).status === 401 ? refused + 1 : 0;
    return refused === 6;
  });
});
