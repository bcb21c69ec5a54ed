// usage: SETTING='{"issuer": .., "user": .., "shop": .., "app": .., "job": .., "api": ..}' node openid-client.mjs
// openid-client drives the OAuth endpoints as it comes. `test_node_clients.py` makes the clients and the user.
import assert from "node:assert/strict";
import test from "node:test";
import * as client from "openid-client";

const { issuer, user, shop, app, job, api, stock, permissions } = JSON.parse(process.env.SETTING);

/** A configuration from the metadata; plain HTTP is allowed for a server on this machine. */
function connect(registered, authentication = client.ClientSecretBasic(registered.client_secret)) {
  return client.discovery(new URL(issuer), registered.client_id, undefined, authentication, {
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
  test(`a log-in is refreshed, used and revoked: ${name}`, async () => {
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

  test(`a client acts for itself: ${name}`, async () => {
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

test("a scope narrows and stays narrow, and one token can be narrowed further", async () => {
  const config = await connect(shop);
  const [read] = permissions.split(" ");
  const whole = await logIn(config);
  const once = await client.refreshTokenGrant(config, whole.refresh_token, { scope: read });
  assert.equal(once.scope, read);
  assert.equal((await client.refreshTokenGrant(config, once.refresh_token)).scope, permissions);
  const narrow = await logIn(config, { scope: read });
  assert.equal(narrow.scope, read);
  assert.equal((await client.refreshTokenGrant(config, narrow.refresh_token)).scope, read);
});

for (const parameter of ["audience", "resource"]) {
  test(`a token is for whom it was asked for: ${parameter}`, async () => {
    const config = await connect(shop);
    const token = await logIn(config, { [parameter]: stock });
    assert.equal(claimsOf(token).aud, stock);
    const next = await client.refreshTokenGrant(config, token.refresh_token, { [parameter]: stock });
    assert.equal(claimsOf(next).aud, stock);
    await assert.rejects(logIn(config, { [parameter]: "https://else.example" }), { error: "invalid_target" });
  });
}

test("errors have the names of the RFC", async () => {
  const config = await connect(shop);
  await assert.rejects(logIn(config, { scope: "stock:burn" }), { error: "invalid_scope", status: 400 });
  await assert.rejects(client.clientCredentialsGrant(config), { error: "unauthorized_client" });
  await assert.rejects(client.genericGrantRequest(config, "urn:example:magic", {}), { error: "unsupported_grant_type" });
  await assert.rejects(client.refreshTokenGrant(config, "rcr_made-up"), { error: "invalid_grant" });
  const byForm = await connect(shop, client.ClientSecretPost("rcs_wrong"));
  await assert.rejects(logIn(byForm), { error: "invalid_client", status: 401 });
});

test("where the answer has a challenge, the library raises that, and the error is in the body", async () => {
  // RFC 6749 section 5.2 asks for one after a wrong secret by Basic; the tutorial's answer to a wrong password has one
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

test("a refresh token that was replaced ends the session", async () => {
  const config = await connect(shop);
  const stolen = await logIn(config);
  const second = await client.refreshTokenGrant(config, stolen.refresh_token);
  const third = await client.refreshTokenGrant(config, second.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, stolen.refresh_token), { error: "invalid_grant" });
  await assert.rejects(client.refreshTokenGrant(config, third.refresh_token), { error: "invalid_grant" });
  await assert.rejects(me(config, third), client.WWWAuthenticateChallengeError);
});

test("introspection tells what a token says until it is revoked", async () => {
  const config = await connect(shop);
  const token = await logIn(config, { audience: stock });
  const asker = await connect(api);
  const seen = await client.tokenIntrospection(asker, token.access_token);
  assert.deepEqual([seen.active, seen.username, seen.aud, seen.scope], [true, user.username, stock, permissions]);
  await client.tokenRevocation(config, token.access_token);
  assert.deepEqual(await client.tokenIntrospection(asker, token.access_token), { active: false });
  await assert.rejects(client.tokenIntrospection(await connect(job), token.access_token));
});
