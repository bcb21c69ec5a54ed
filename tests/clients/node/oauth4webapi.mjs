// usage: SETTINGS='{"issuer": .., "user": .., "shop": .., "api": ..}' node oauth4webapi.mjs
// oauth4webapi, unmodified, with the OAuth endpoints. `test_node_clients.py` creates the clients and the user.
import assert from "node:assert/strict";
import test from "node:test";
import * as oauth from "oauth4webapi";

const { issuer, user, shop, app, job, api, stock, permissions } = JSON.parse(process.env.SETTINGS);
// allows plain HTTP, since the server is on this machine
const http = { [oauth.allowInsecureRequests]: true };

const metadata = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...http });
const as = await oauth.processDiscoveryResponse(new URL(issuer), metadata);
const basic = (client) => oauth.ClientSecretBasic(client.client_secret);

async function logIn(client, more = {}, authentication = basic(client)) {
  const form = { username: user.username, password: user.password, ...more };
  const response = await oauth.genericTokenEndpointRequest(as, client, authentication, "password", form, http);
  return oauth.processGenericTokenEndpointResponse(as, client, response);
}

async function refresh(client, token, authentication = basic(client)) {
  const response = await oauth.refreshTokenGrantRequest(as, client, authentication, token.refresh_token, http);
  return oauth.processRefreshTokenResponse(as, client, response);
}

/** The library's own check of RFC 9068, on a request to a resource server. */
const verify = (token, audience) => oauth.validateJwtAccessToken(
  as, new Request("https://api.example/", { headers: { authorization: `Bearer ${token.access_token}` } }), audience, http);

test("the metadata contains the URL of each endpoint", () => {
  assert.equal(as.issuer, issuer);
  for (const name of ["token_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"]) {
    assert.ok(as[name].startsWith(`${issuer}/`), name);
  }
});

for (const method of ["ClientSecretBasic", "ClientSecretPost"]) {
  test(`a login can be refreshed, verified and revoked: ${method}`, async () => {
    const authentication = oauth[method](shop.client_secret);
    const first = await logIn(shop, {}, authentication);
    const second = await refresh(shop, first, authentication);
    const claims = await verify(second, issuer);
    assert.deepEqual([claims.sub, claims.client_id, claims.scope], [user.id, shop.client_id, permissions]);
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, shop, authentication, second.refresh_token, http));
    await assert.rejects(refresh(shop, second, authentication), { error: "invalid_grant" });
  });
}

test("a public client needs no secret", async () => {
  const token = await refresh(app, await logIn(app, {}, oauth.None()), oauth.None());
  assert.equal((await verify(token, issuer)).client_id, app.client_id);
});

test("a client gets a token for itself, which is valid only for its audience", async () => {
  const response = await oauth.clientCredentialsGrantRequest(as, job, basic(job), {}, http);
  const token = await oauth.processClientCredentialsResponse(as, job, response);
  assert.equal((await verify(token, stock)).sub, job.client_id);
  await assert.rejects(verify(token, issuer));
});

test("errors have the codes of the RFC", async () => {
  await assert.rejects(logIn(shop, { scope: "stock:burn" }), { error: "invalid_scope" });
  await assert.rejects(logIn(shop, { resource: "https://else.example" }), { error: "invalid_target" });
  await assert.rejects(logIn(shop, {}, oauth.ClientSecretPost("rcs_wrong")), { error: "invalid_client" });
  await assert.rejects(refresh(shop, { refresh_token: "rcr_made-up" }), { error: "invalid_grant" });
});

test("reusing a refresh token ends the session", async () => {
  const stolen = await logIn(shop);
  const third = await refresh(shop, await refresh(shop, stolen));
  await assert.rejects(refresh(shop, stolen), { error: "invalid_grant" });
  await assert.rejects(refresh(shop, third), { error: "invalid_grant" });
});

test("introspection returns the claims until the token is revoked", async () => {
  const token = await logIn(shop, { resource: stock });
  const introspect = async () => oauth.processIntrospectionResponse(
    as, api, await oauth.introspectionRequest(as, api, basic(api), token.access_token, http));
  const claims = await introspect();
  assert.deepEqual([claims.active, claims.username, claims.aud], [true, user.username, stock]);
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, shop, basic(shop), token.access_token, http));
  assert.deepEqual(await introspect(), { active: false });
});
