// usage: SETTINGS='{"issuer": .., "user": .., "web": .., "page": ..}' node openid-client-code.mjs
// openid-client, unmodified, with OpenID Connect. `test_node_clients.py` creates the clients and the user.
import assert from "node:assert/strict";
import test from "node:test";
import * as client from "openid-client";
import { signIn, visit } from "./sign-in.mjs";

const { issuer, user, web, page, redirectUri, afterLogout } = JSON.parse(process.env.SETTINGS);

/** A configuration from nothing but the issuer, the id and the secret. */
const connect = (registration, authentication) => client.discovery(
  new URL(issuer), registration.client_id, undefined, authentication, { execute: [client.allowInsecureRequests] });

const METHODS = {
  "client_secret_basic": [web, client.ClientSecretBasic(web.client_secret)],
  "client_secret_post": [web, client.ClientSecretPost(web.client_secret)],
  "none": [page, client.None()],
};

async function ask(config, more = {}) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(),
    expectedNonce: client.randomNonce(), idTokenExpected: true,
  };
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope: "openid profile roles", state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier), code_challenge_method: "S256", ...more,
  });
  return { address, checks };
}

async function complete(config, cookies, more) {
  const { address, checks } = await ask(config, more);
  return client.authorizationCodeGrant(config, await signIn(address, user, cookies), checks);
}

for (const [name, [registration, authentication]] of Object.entries(METHODS)) {
  test(`a person signs in, the tokens are refreshed and revoked: ${name}`, async () => {
    const config = await connect(registration, authentication);
    // checks the signature of the ID token as well
    client.enableNonRepudiationChecks(config);
    const tokens = await complete(config);
    assert.equal(tokens.claims().sub, user.id);
    const about = await client.fetchUserInfo(config, tokens.access_token, user.id);
    assert.deepEqual([about.preferred_username, about.groups], [user.username, ["user"]]);
    const next = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(next.claims().auth_time, tokens.claims().auth_time);
    await client.tokenRevocation(config, next.refresh_token);
    await assert.rejects(client.refreshTokenGrant(config, next.refresh_token), { error: "invalid_grant" });
    await assert.rejects(client.fetchUserInfo(config, next.access_token, user.id), client.WWWAuthenticateChallengeError);
  });
}

test("the answer by a form is as good", async () => {
  const config = await connect(web, client.ClientSecretBasic(web.client_secret));
  const { address, checks } = await ask(config, { response_mode: "form_post" });
  const cookies = new Map();
  await complete(config, cookies);
  const form = await (await visit(address, cookies)).text();
  const fields = [...form.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)].map(([, name, value]) => [
    name, value.replaceAll("&#x2f;", "/").replaceAll("&amp;", "&")]);
  const request = new Request(redirectUri, { method: "POST", body: new URLSearchParams(fields) });
  assert.equal((await client.authorizationCodeGrant(config, request, checks)).claims().sub, user.id);
});

test("a recent sign-in can be asked for", async () => {
  const config = await connect(page, client.None());
  const { address, checks } = await ask(config, { max_age: "300" });
  await client.authorizationCodeGrant(config, await signIn(address, user), { ...checks, maxAge: 300 });
});

test("errors have the codes of the specification", async () => {
  const config = await connect(page, client.None());
  for (const [more, error] of [
    [{ prompt: "none" }, "login_required"], [{ scope: "openid \"" }, "invalid_scope"],
    [{ resource: "https://else.example" }, "invalid_target"], [{ response_mode: "fragment" }, "invalid_request"],
  ]) {
    const { address, checks } = await ask(config, more);
    const answer = await signIn(address, user);
    await assert.rejects(client.authorizationCodeGrant(config, answer, checks), (refused) => {
      assert.equal(refused.error, error);
      return refused instanceof client.AuthorizationResponseError;
    });
  }
});

test("the state, the issuer and the verifier of an answer are checked", async () => {
  const config = await connect(page, client.None());
  const { address, checks } = await ask(config);
  const answer = await signIn(address, user);
  await assert.rejects(client.authorizationCodeGrant(config, answer, { ...checks, expectedState: "another" }));
  const forged = new URL(answer);
  forged.searchParams.set("iss", "https://evil.example");
  await assert.rejects(client.authorizationCodeGrant(config, forged, checks));
  const other = client.randomPKCECodeVerifier();
  await assert.rejects(
    client.authorizationCodeGrant(config, answer, { ...checks, pkceCodeVerifier: other }), { error: "invalid_grant" });
});

test("the log-out address ends the session", async () => {
  const config = await connect(web, client.ClientSecretBasic(web.client_secret));
  const cookies = new Map();
  const tokens = await complete(config, cookies);
  const address = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: afterLogout });
  assert.equal((await visit(address, cookies)).headers.get("location"), afterLogout);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
});
