// usage: SETTINGS='{"issuer": .., "user": .., "shop": .., "app": .., "job": .., "api": ..}' node openid-client.mjs
// openid-client, unmodified, with the OAuth endpoints. `test_node_clients.py` creates the clients and the user.
import assert from "node:assert/strict";
import test from "node:test";
import * as client from "openid-client";

const { issuer, user, shop, app, job, api, stock, permissions } = JSON.parse(process.env.SETTINGS);

/** A configuration from the metadata; allows plain HTTP, since the server is on this machine. */
function connect(registration, authentication = client.ClientSecretBasic(registration.client_secret)) {
  return client.discovery(new URL(issuer), registration.client_id, undefined, authentication, {
    algorithm: "oauth2", execute: [client.allowInsecureRequests],
  });
}

const logIn = (config, more = {}) => client.genericGrantRequest(config, "password", {
  username: user.username, password: user.password, ...more,
});

const claimsOf = (token) => JSON.parse(Buffer.from(token.access_token.split(".")[1], "base64url"));

const me = (config, token) =>
  client.fetchProtectedResource(config, token.access_token, new URL("/api/me", issuer), "GET");

const METHODS = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost };

for (const [name, method] of Object.entries(METHODS)) {
  test(`a login can be refreshed, used and revoked: ${name}`, async () => {
    const config = await connect(shop, method(shop.client_secret));
    const first = await logIn(config);
    assert.equal(first.scope, permissions);
    assert.equal((await (await me(config, first)).json()).username, user.username);
    const second = await client.refreshTokenGrant(config, first.refresh_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
    assert.equal(claimsOf(second).client_id, shop.client_id);
    await client.tokenRevocation(config, second.refresh_token);
    await assert.rejects(client.refreshTokenGrant(config, second.refresh_token), { error: "invalid_grant" });
    const ended = await me(config, second).catch((error) => error);
    assert.equal(ended.cause[0].parameters.error, "invalid_token");
    assert.match(ended.cause[0].parameters.error_description, /has ended/);
  });

  test(`a client gets a token for itself: ${name}`, async () => {
    const token = await client.clientCredentialsGrant(await connect(job, method(job.client_secret)));
    assert.equal(token.refresh_token, undefined);
    const claims = claimsOf(token);
    assert.deepEqual([claims.sub, claims.aud, claims.subject_kind], [job.client_id, stock, "client"]);
  });
}

test("a public client needs no secret", async () => {
  const config = await connect(app, client.None());
  const token = await client.refreshTokenGrant(config, (await logIn(config)).refresh_token);
  assert.equal(claimsOf(token).client_id, app.client_id);
  await client.tokenRevocation(config, token.access_token, { token_type_hint: "access_token" });
  await assert.rejects(me(config, token), client.WWWAuthenticateChallengeError);
});

test("a scope narrowed at login stays narrow, and one narrowed at refresh does not", async () => {
  const config = await connect(shop);
  const [read] = permissions.split(" ");
  const full = await logIn(config);
  const once = await client.refreshTokenGrant(config, full.refresh_token, { scope: read });
  assert.equal(once.scope, read);
  assert.equal((await client.refreshTokenGrant(config, once.refresh_token)).scope, permissions);
  const narrow = await logIn(config, { scope: read });
  assert.equal(narrow.scope, read);
  assert.equal((await client.refreshTokenGrant(config, narrow.refresh_token)).scope, read);
});

for (const parameter of ["audience", "resource"]) {
  test(`a token has the requested audience: ${parameter}`, async () => {
    const config = await connect(shop);
    const token = await logIn(config, { [parameter]: stock });
    assert.equal(claimsOf(token).aud, stock);
    const next = await client.refreshTokenGrant(config, token.refresh_token, { [parameter]: stock });
    assert.equal(claimsOf(next).aud, stock);
    await assert.rejects(logIn(config, { [parameter]: "https://else.example" }), { error: "invalid_target" });
  });
}

test("errors have the codes of the RFC", async () => {
  const config = await connect(shop);
  await assert.rejects(logIn(config, { scope: "stock:burn" }), { error: "invalid_scope", status: 400 });
  await assert.rejects(client.clientCredentialsGrant(config), { error: "unauthorized_client" });
  await assert.rejects(client.genericGrantRequest(config, "urn:example:magic", {}), { error: "unsupported_grant_type" });
  await assert.rejects(client.refreshTokenGrant(config, "rcr_made-up"), { error: "invalid_grant" });
  const byForm = await connect(shop, client.ClientSecretPost("rcs_wrong"));
  await assert.rejects(logIn(byForm), { error: "invalid_client", status: 401 });
});

test("the library raises the challenge of a response, and the error is in the body", async () => {
  // RFC 6749 section 5.2 requires a challenge after a wrong secret in Basic; the tutorial has one for a wrong password
  const byBasic = await logIn(await connect(shop, client.ClientSecretBasic("rcs_wrong"))).catch((error) => error);
  assert.ok(byBasic instanceof client.WWWAuthenticateChallengeError);
  assert.equal(byBasic.cause[0].scheme, "basic");
  assert.equal((await byBasic.response.json()).error, "invalid_client");
  const wrong = await logIn(await connect(shop), { password: "no" }).catch((error) => error);
  assert.ok(wrong instanceof client.WWWAuthenticateChallengeError);
  assert.equal(wrong.status, 401);
  const body = await wrong.response.json();
  assert.deepEqual([body.error, body.detail], ["invalid_grant", "Incorrect username or password"]);
});

test("reusing a refresh token ends the session", async () => {
  const config = await connect(shop);
  const stolen = await logIn(config);
  const second = await client.refreshTokenGrant(config, stolen.refresh_token);
  const third = await client.refreshTokenGrant(config, second.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, stolen.refresh_token), { error: "invalid_grant" });
  await assert.rejects(client.refreshTokenGrant(config, third.refresh_token), { error: "invalid_grant" });
  await assert.rejects(me(config, third), client.WWWAuthenticateChallengeError);
});

test("introspection returns the claims until the token is revoked", async () => {
  const config = await connect(shop);
  const token = await logIn(config, { audience: stock });
  const introspector = await connect(api);
  const claims = await client.tokenIntrospection(introspector, token.access_token);
  assert.deepEqual([claims.active, claims.username, claims.aud, claims.scope], [true, user.username, stock, permissions]);
  await client.tokenRevocation(config, token.access_token);
  assert.deepEqual(await client.tokenIntrospection(introspector, token.access_token), { active: false });
  await assert.rejects(client.tokenIntrospection(await connect(job), token.access_token));
});
