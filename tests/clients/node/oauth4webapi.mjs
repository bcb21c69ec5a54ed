// usage: SETTING='{"issuer": .., "user": .., "shop": .., "api": ..}' node oauth4webapi.mjs
// oauth4webapi drives the OAuth endpoints as it comes. `test_node_clients.py` makes the clients and the user.
import assert from "node:assert/strict";
import test from "node:test";
import * as oauth from "oauth4webapi";

const { issuer, user, shop, app, job, api, stock, permissions } = JSON.parse(process.env.SETTING);
// plain HTTP, for a server on this machine
const http = { [oauth.allowInsecureRequests]: true };

const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...http });
const as = await oauth.processDiscoveryResponse(new URL(issuer), found);
const basic = (registered) => oauth.ClientSecretBasic(registered.client_secret);

async function logIn(registered, more = {}, authentication = basic(registered)) {
  const form = { username: user.username, password: user.password, ...more };
  const answer = await oauth.genericTokenEndpointRequest(as, registered, authentication, "password", form, http);
  return oauth.processGenericTokenEndpointResponse(as, registered, answer);
}

async function refresh(registered, token, authentication = basic(registered)) {
  const answer = await oauth.refreshTokenGrantRequest(as, registered, authentication, token.refresh_token, http);
  return oauth.processRefreshTokenResponse(as, registered, answer);
}

/** The library's own check of RFC 9068, for a request as a server of the application gets it. */
const verified = (token, audience) => oauth.validateJwtAccessToken(
  as, new Request("https://api.example/", { headers: { authorization: `Bearer ${token.access_token}` } }), audience, http);

test("the metadata says where everything is", () => {
  assert.equal(as.issuer, issuer);
  for (const name of ["token_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"]) {
    assert.ok(as[name].startsWith(`${issuer}/`), name);
  }
});

for (const method of ["ClientSecretBasic", "ClientSecretPost"]) {
  test(`a log-in is refreshed, verified and revoked: ${method}`, async () => {
    const proof = oauth[method](shop.client_secret);
    const first = await logIn(shop, {}, proof);
    const second = await refresh(shop, first, proof);
    const claims = await verified(second, issuer);
    assert.deepEqual([claims.sub, claims.client_id, claims.scope], [user.id, shop.client_id, permissions]);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, shop, proof, second.refresh_token, http));
    await assert.rejects(refresh(shop, second, proof), { error: "invalid_grant" });
  });
}

test("a public client needs no secret", async () => {
  const token = await refresh(app, await logIn(app, {}, oauth.None()), oauth.None());
  assert.equal((await verified(token, issuer)).client_id, app.client_id);
});

test("a client acts for itself, and its token passes the check of RFC 9068 for its audience alone", async () => {
  const answer = await oauth.clientCredentialsGrantRequest(as, job, basic(job), {}, http);
  const token = await oauth.processClientCredentialsResponse(as, job, answer);
  assert.equal((await verified(token, stock)).sub, job.client_id);
  await assert.rejects(verified(token, issuer));
});

test("errors have the names of the RFC", async () => {
  await assert.rejects(logIn(shop, { scope: "stock:burn" }), { error: "invalid_scope" });
  await assert.rejects(logIn(shop, { resource: "https://else.example" }), { error: "invalid_target" });
  await assert.rejects(logIn(shop, {}, oauth.ClientSecretPost("rcs_wrong")), { error: "invalid_client" });
  await assert.rejects(refresh(shop, { refresh_token: "rcr_made-up" }), { error: "invalid_grant" });
});

test("a refresh token that was replaced ends the session", async () => {
  const stolen = await logIn(shop);
  const third = await refresh(shop, await refresh(shop, stolen));
  await assert.rejects(refresh(shop, stolen), { error: "invalid_grant" });
  await assert.rejects(refresh(shop, third), { error: "invalid_grant" });
});

test("introspection tells what a token says until it is revoked", async () => {
  const token = await logIn(shop, { resource: stock });
  const ask = async () => oauth.processIntrospectionResponse(
    as, api, await oauth.introspectionRequest(as, api, basic(api), token.access_token, http));
  const seen = await ask();
  assert.deepEqual([seen.active, seen.username, seen.aud], [true, user.username, stock]);
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, shop, basic(shop), token.access_token, http));
  assert.deepEqual(await ask(), { active: false });
});
