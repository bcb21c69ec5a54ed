import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { Guard, KeySet } from "rolecall";
import { ManualClock, TestIssuer } from "rolecall/testing";
import { setUp } from "./support.mjs";

const HEADER = { alg: "ES256", typ: "at+jwt", kid: "test" };
const code = (guard, token) => {
  try {
    guard.verify(token);
    return "ok";
  } catch (error) {
    return error.code ?? error;
  }
};

test("claims of the wrong type or out of range are refused", () => {
  const { guard, issuer } = setUp();
  const start = issuer.token("alice").claims.iat;
  const bad = {
    sub: ["", null, 7], iss: [null, "https://other.invalid"], aud: [[], null, 7, ["other"], "other"], client_id: [null, "", 7], jti: [null, "", 7],
    iat: [null, "1", -1, start + 31, start - 86401, true], exp: [null, "1", 253402300800], nbf: [null, start + 31], roles: [null, "admin", [1]],
    scope: [null, ["a"]], username: [null, 1], tenant: [null, 1], sid: [null, 1], rev: [-1, "1", 1.5, null], era: [null, 1], narrowed: [null, "true", 1],
    subject_kind: ["robot", null, 1], acr: [null, 1], step_up: [null, "a"], auth_time: [null, "1", -1],
    global: [null, [], { roles: null }, { scope: null }, { roles: [1] }],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) assert.equal(code(guard, issuer.token("alice").claim(name, value).sign()), "invalid_token", `${name}: ${JSON.stringify(value)}`);
  }
  for (const [name, value] of [["iat", start + 30], ["nbf", start + 30], ["aud", ["x", TestIssuer.URL]], ["amr", "pwd"], ["acr", "other"], ["exp", start + 1800.9], ["email", null]]) {
    assert.equal(code(guard, issuer.token("alice").claim(name, value).sign()), "ok", `${name}: ${JSON.stringify(value)}`);
  }
  for (const name of ["sub", "iss", "aud", "client_id", "jti", "iat", "exp"]) {
    const token = issuer.token("alice");
    delete token.claims[name];
    assert.equal(code(guard, token.sign()), "invalid_token", `without ${name}`);
  }
});

test("numbers are judged as they are written", () => {
  const { guard, issuer } = setUp();
  const claims = JSON.stringify(issuer.token("alice").claims);
  const start = issuer.token("alice").claims.iat;
  const signed = (from, to) => issuer.signRaw(HEADER, claims.replace(from, to));
  for (const [from, to, expected] of [
    [`"iat":${start}`, `"iat":${start}.75`, "ok"], [`"iat":${start}`, `"iat":${start / 1000}e3`, "ok"], [`"iat":${start}`, '"iat":-0', "invalid_token"],
    ['"rev":0', '"rev":1.0', "invalid_token"], ['"rev":0', '"rev":1e2', "invalid_token"], ['"rev":0', '"rev":9223372036854775807', "ok"],
    ['"rev":0', '"rev":9223372036854775808', "invalid_token"], ['"rev":0', '"rev":0,"rev":0', "invalid_token"], ['"rev":0', '"rev":0,"x":{"a":1,"\\u0061":1}', "invalid_token"],
  ]) assert.equal(code(guard, signed(from, to)), expected, to);
});

test("the form and the header of a token are strict", () => {
  const { guard, issuer } = setUp();
  const payload = JSON.stringify(issuer.token("alice").claims);
  const token = issuer.signRaw(HEADER, payload);
  const [header, body, signature] = token.split(".");
  assert.equal(code(guard, token), "ok");
  for (const odd of ["", ".", "..", token + ".", `.${token}`, `${header}.${body}`, `${token}.x`, `${header}.${body}.`, `${header}=.${body}.${signature}`, `${header}.${body}.${signature}A`,
    `${header}.${body} .${signature}`, `${header}.${body}.${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : "A"}`, "a".repeat(20_000), `${token}${" ".repeat(17_000)}`]) {
    assert.equal(code(guard, odd), "invalid_token", odd.slice(0, 40));
  }
  for (const change of [{ alg: "none" }, { alg: "HS256" }, { alg: "ES384" }, { alg: 1 }, { alg: undefined }, { typ: "JWT" }, { typ: undefined }, { typ: null }, { typ: "AT+JW\u212a" },
    { kid: "other" }, { kid: null }, { kid: undefined }, { crit: [] }, { b64: null }, { zip: "DEF" }, { enc: "x" }]) {
    assert.equal(code(guard, issuer.signRaw({ ...HEADER, ...change }, payload)), "invalid_token", JSON.stringify(change));
  }
  for (const change of [{ typ: "AT+JWT" }, { typ: "application/at+jwt" }, { jku: "https://evil.invalid", jwk: {} }]) {
    assert.equal(code(guard, issuer.signRaw({ ...HEADER, ...change }, payload)), "ok", JSON.stringify(change));
  }
});

test("a public key is never taken for a secret", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  assert.ok(privateKey);
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "a", alg: "RS256" }] });
  const guard = new Guard({ issuer: "https://a.invalid", jwks, clock: new ManualClock(0) });
  const input = [{ alg: "HS256", typ: "at+jwt", kid: "a" }, {}].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const mac = createHmac("sha256", publicKey.export({ type: "spki", format: "pem" })).update(input).digest("base64url");
  assert.equal(code(guard, `${input}.${mac}`), "invalid_token");
});

test("key sets that could be abused are refused as a whole", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = ec.publicKey.export({ format: "jwk" });
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
  const oct = { kty: "oct", k: Buffer.alloc(32, 1).toString("base64url"), alg: "HS256", kid: "s" };
  const okp = { kty: "OKP", crv: "Ed25519" };
  const faults = [
    [[{ ...jwk, kid: "a" }, { ...jwk, kid: "a" }], "duplicate_key_id"], [[jwk, { ...jwk, kid: "a" }], "missing_key_id"], [[{ ...jwk, kid: "a" }, oct], "mixed_set"],
    [[ec.privateKey.export({ format: "jwk" })], "private_key"], [[{ ...jwk, use: "enc" }], "wrong_use"], [[{ ...jwk, key_ops: ["sign"] }], "wrong_use"], [[{ ...jwk, key_ops: "verify" }], "malformed"],
    [[{ ...small, alg: "RS256" }], "weak"], [[{ ...small }], "ambiguous_algorithm"], [[{ ...jwk, alg: "ES384" }], "mismatched"], [[{ ...jwk, kid: "" }], "key_id"], [[{ ...jwk, x: `${jwk.x}=` }], "malformed"],
    [[{ ...oct, k: "AAAA" }], "short_secret"], [[{ ...okp, x: Buffer.alloc(32).toString("base64url") }], "weak"], [[{ ...okp, x: "AAAA" }], "mismatched"], [[{ ...jwk, y: jwk.x }], "mismatched"],
    [[{ kid: "a" }], "malformed"], ["x", "malformed"], [Array.from({ length: 101 }, (_, index) => ({ ...jwk, kid: `${index}` })), "too_many_keys"],
  ];
  for (const [keys, fault] of faults) {
    assert.throws(() => KeySet.fromJwks(JSON.stringify({ keys })), (error) => error.fault === fault || assert.fail(`${error.message}, not ${fault}`));
  }
  assert.throws(() => KeySet.fromJwks('{"keys":[],"keys":[]}'), /strict/);
  assert.equal(KeySet.fromJwks(JSON.stringify({ keys: [{ kty: "new" }, { ...jwk, alg: "ES999" }, { kty: "EC", crv: "P-999" }] })).size, 0);
  assert.throws(() => KeySet.fromFetchedJwks(JSON.stringify({ keys: [oct] })), /mixes/);
  assert.equal(KeySet.fromFetchedJwks(JSON.stringify({ keys: [{ ...jwk, kid: "a" }, { ...jwk, kid: "b", use: "enc" }] })).size, 1);
});

test("every algorithm verifies its own signatures and nobody else's", async () => {
  const { sign, constants, createSecretKey } = await import("node:crypto");
  const pairs = {
    ES256: ["ec", { namedCurve: "P-256" }], ES384: ["ec", { namedCurve: "P-384" }], ES512: ["ec", { namedCurve: "P-521" }], EdDSA: ["ed25519", {}],
    RS256: ["rsa", { modulusLength: 2048 }], PS384: ["rsa", { modulusLength: 2048 }], RS512: ["rsa", { modulusLength: 2048 }],
  };
  const clock = new ManualClock(1_000_000_000_000);
  const claims = { iss: "https://a.invalid", aud: "https://a.invalid", sub: "u", client_id: "c", jti: "j", iat: 1_000_000_000, exp: 1_000_001_000 };
  for (const [alg, [type, options]] of Object.entries(pairs)) {
    const { privateKey: key, publicKey } = generateKeyPairSync(type, options);
    const guard = new Guard({ issuer: claims.iss, clock, jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), alg }] }) });
    const input = [{ alg, typ: "at+jwt" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const bits = alg.slice(2);
    const padding = alg.startsWith("PS") ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
    const signature = sign(alg === "EdDSA" ? null : `sha${bits}`, Buffer.from(input), { key, dsaEncoding: "ieee-p1363", ...padding });
    assert.equal(code(guard, `${input}.${signature.toString("base64url")}`), "ok", alg);
    signature[5] ^= 1;
    assert.equal(code(guard, `${input}.${signature.toString("base64url")}`), "invalid_token", alg);
  }
  const secret = Buffer.alloc(48, 7);
  const guard = new Guard({ issuer: claims.iss, clock, secret: { algorithm: "HS384", key: secret } });
  const input = [{ alg: "HS384", typ: "at+jwt", kid: "any" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const mac = createHmac("sha384", createSecretKey(secret)).update(input).digest();
  assert.equal(code(guard, `${input}.${mac.toString("base64url")}`), "ok");
  assert.equal(code(guard, `${input}.${mac.subarray(1).toString("base64url")}`), "invalid_token");
});

test("tokens of a foreign issuer need no client id and no token id", () => {
  const { issuer } = setUp();
  const token = issuer.token("alice");
  for (const name of ["client_id", "jti", "rev", "era"]) delete token.claims[name];
  const foreign = (options) => new Guard({ issuer: TestIssuer.URL, clock: issuer.clock, live: issuer.live, ...options });
  issuer.live.replace("", []);
  assert.equal(code(foreign({}), token.sign()), "invalid_token");
  assert.equal(code(foreign({ foreign: true }), token.sign()), "ok");
  assert.equal(code(foreign({ foreign: true }), token.claim("rev", 0).sign()), "invalid_token", "one of rolecall's own");
});

test("a guard needs an issuer, an audience and one source of keys", () => {
  const secret = { algorithm: "HS256", key: "x".repeat(32) };
  for (const options of [{}, { issuer: "" }, { issuer: "https://a.invalid", audience: "", secret }, { issuer: "https://a.invalid", audience: [], secret }, { issuer: "https://a.invalid", secret, jwks: "{}" },
    { issuer: "https://a.invalid", secret: { algorithm: "HS256", key: "short" } }, { issuer: "https://a.invalid", jwks: '{"keys":[]}' }, { issuer: "http://a.invalid" }, { issuer: "https://a@a.invalid" }, { issuer: "a.invalid" },
    { issuer: "https://a.invalid", secret, maxStaleness: "x" }]) {
    assert.throws(() => new Guard(options), undefined, JSON.stringify(options));
  }
});
