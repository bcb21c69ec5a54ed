// Compares the CPU of checking a token with the usual libraries, in turns in one run: `node bench/verify.mjs [rounds] [count]`.
// jose and express-jwt verify the token at each request, as the applications do that use them. The guard verifies a token once,
// and then looks up what may have changed.
import { createPublicKey } from "node:crypto";
import { expressjwt } from "express-jwt";
import { createLocalJWKSet, jwtVerify } from "jose";
import { role } from "rolecall";
import { TestIssuer } from "rolecall/testing";

const issuer = new TestIssuer();
const token = issuer.token("alice").roles("admin").permissions("items:read", "items:write").sign();
const { URL: url } = TestIssuer;
const admin = role("admin");

function withJose() {
  const keys = createLocalJWKSet(issuer.jwks());
  const currentDate = new Date(issuer.clock.now());
  const options = { issuer: url, audience: url, typ: "at+jwt", algorithms: ["ES256"], clockTolerance: 0, currentDate };
  return async () => (await jwtVerify(token, keys, options)).payload.roles.includes("admin");
}

function withExpressJwt() {
  const [jwk] = issuer.jwks().keys;
  const middleware = expressjwt({
    secret: createPublicKey({ key: jwk, format: "jwk" }), algorithms: ["ES256"], issuer: url, audience: url,
    clockTimestamp: issuer.clock.now() / 1000,
  });
  return async () => {
    const request = { headers: { authorization: `Bearer ${token}` } };
    await new Promise((resolve, reject) => middleware(request, {}, (error) => (error ? reject(error) : resolve())));
    return request.auth.roles.includes("admin");
  };
}

function withGuard(guard, sent) {
  return () => guard.verify(sent).has(admin);
}

/** Returns the microseconds of CPU that a check takes. */
async function cpu(checks, count) {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index += 1) {
    for (const check of checks) {
      const found = check();
      // a guard answers at once, and waiting for it would cost more than the answer
      if ((typeof found === "boolean" ? found : await found) !== true) throw new Error("refused");
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count / checks.length;
}

const [rounds = 9, count = 2000] = process.argv.slice(2).map(Number);
const known = withGuard(issuer.guard(), token);
const first = () => {
  const guard = issuer.guard();
  return Array.from({ length: Math.ceil(count / 10) }, (_, index) => withGuard(guard, issuer.token(`user${index}`).roles("admin").sign()));
};
const [jose, expressJwt] = [withJose(), withExpressJwt()];
const rows = {
  "jose": () => cpu([jose], count),
  "express-jwt": () => cpu([expressJwt], count),
  "rolecall, a token for the first time": () => cpu(first(), 1),
  "rolecall, a token again": () => cpu([known], 20 * count),
};
const samples = Object.fromEntries(Object.keys(rows).map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const [name, measure] of Object.entries(rows)) samples[name].push(await measure());
}
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const base = median(samples.jose);
for (const [name, values] of Object.entries(samples)) {
  console.log(`${name}: ${median(values).toFixed(2)} us, ${(median(values) / base).toFixed(4)} of jose`);
}
