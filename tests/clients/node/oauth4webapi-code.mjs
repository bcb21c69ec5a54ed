// usage: SETTINGS='{"issuer": .., "user": .., "web": .., "page": ..}' node oauth4webapi-code.mjs
// oauth4webapi, unmodified, with OpenID Connect. `test_node_clients.py` creates the clients and the user.
import assert from "node:assert/strict";
import test from "node:test";
import * as oauth from "oauth4webapi";
import { signIn, visit } from "./sign-in.mjs";

const { issuer, user, web, page, redirectUri, afterLogout } = JSON.parse(process.env.SETTINGS);
// allows plain HTTP, since the server is on this machine
const http = { [oauth.allowInsecureRequests]: true };
const METHODS = {
  web: [web, oauth.ClientSecretBasic(web.client_secret)],
  "web by form": [web, oauth.ClientSecretPost(web.client_secret)],
  page: [page, oauth.None()],
};

const as = await oauth.processDiscoveryResponse(
  new URL(issuer), await oauth.discoveryRequest(new URL(issuer), { algorithm: "oidc", ...http }));

async function ask(client, more = {}) {
  const pending = {
    verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(),
  };
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({
    response_type: "code", client_id: client.client_id, redirect_uri: redirectUri, scope: "openid profile email roles",
    state: pending.state, nonce: pending.nonce, code_challenge_method: "S256",
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier), ...more,
  });
  return { ...pending, address };
}

async function exchange(client, authentication, pending, answer, checks = {}) {
  const parameters = oauth.validateAuthResponse(as, client, answer, pending.state);
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, authentication, parameters, redirectUri, pending.verifier, http);
  return oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: pending.nonce, requireIdToken: true, ...checks });
}

async function complete(client, authentication, cookies, more) {
  const pending = await ask(client, more);
  const tokens = await exchange(client, authentication, pending, await signIn(pending.address, user, cookies));
  return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

const refresh = async (client, authentication, token) => oauth.processRefreshTokenResponse(
  as, client, await oauth.refreshTokenGrantRequest(as, client, authentication, token.refresh_token, http));

test("the metadata is for OpenID Connect, and promises the issuer in each answer", () => {
  assert.equal(as.issuer, issuer);
  assert.equal(as.authorization_response_iss_parameter_supported, true);
  assert.deepEqual(as.code_challenge_methods_supported, ["S256"]);
});

for (const [name, [client, authentication]] of Object.entries(METHODS)) {
  test(`a person signs in, and the tokens are refreshed: ${name}`, async () => {
    const { tokens, claims } = await complete(client, authentication);
    assert.deepEqual([claims.iss, claims.sub, claims.aud], [issuer, user.id, client.client_id]);
    const about = await oauth.processUserInfoResponse(
      as, client, claims.sub, await oauth.userInfoRequest(as, client, tokens.access_token, http));
    assert.equal(about.preferred_username, user.username);
    assert.deepEqual(about.roles, ["user"]);
    const next = await refresh(client, authentication, tokens);
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    assert.equal(oauth.getValidatedIdTokenClaims(next).sub, user.id);
  });
}

test("the signature of the ID token is valid", async () => {
  const pending = await ask(web);
  const parameters = oauth.validateAuthResponse(as, web, await signIn(pending.address, user), pending.state);
  const authentication = oauth.ClientSecretBasic(web.client_secret);
  const response = await oauth.authorizationCodeGrantRequest(
    as, web, authentication, parameters, redirectUri, pending.verifier, http);
  await oauth.processAuthorizationCodeResponse(as, web, response, { expectedNonce: pending.nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, response, http);
});

test("max_age is kept to", async () => {
  const pending = await ask(web, { max_age: "300" });
  const answer = await signIn(pending.address, user);
  await exchange(web, oauth.ClientSecretBasic(web.client_secret), pending, answer, { maxAge: 300 });
});

test("an answer of another server, or without an issuer, is refused by the library", async () => {
  const pending = await ask(page);
  const answer = await signIn(pending.address, user);
  for (const iss of [undefined, "https://evil.example", `${issuer}/`]) {
    const forged = new URL(answer);
    forged.searchParams.delete("iss");
    if (iss) forged.searchParams.set("iss", iss);
    assert.throws(() => oauth.validateAuthResponse(as, page, forged, pending.state));
  }
  assert.ok(oauth.validateAuthResponse(as, page, answer, pending.state).get("code"));
});

test("an error has the code of the specification, and the issuer", async () => {
  const pending = await ask(page, { prompt: "none" });
  const answer = await signIn(pending.address, user);
  assert.throws(() => oauth.validateAuthResponse(as, page, answer, pending.state), (error) => {
    assert.equal(error.error, "login_required");
    return error instanceof oauth.AuthorizationResponseError;
  });
});

test("an ID token with another nonce is refused by the library", async () => {
  const pending = await ask(page);
  const answer = await signIn(pending.address, user);
  await assert.rejects(exchange(page, oauth.None(), { ...pending, nonce: "another" }, answer), /nonce/);
});

test("a code that is used twice ends the session", async () => {
  const pending = await ask(page);
  const answer = await signIn(pending.address, user);
  const tokens = await exchange(page, oauth.None(), pending, answer);
  await assert.rejects(exchange(page, oauth.None(), pending, answer), { error: "invalid_grant" });
  await assert.rejects(refresh(page, oauth.None(), tokens), { error: "invalid_grant" });
});

test("a log-out by the application ends the session of the browser", async () => {
  const cookies = new Map();
  const { tokens } = await complete(page, oauth.None(), cookies);
  const silent = async () => (await signIn((await ask(page, { prompt: "none" })).address, user, cookies)).searchParams;
  assert.ok((await silent()).get("code"));
  const address = new URL(as.end_session_endpoint);
  address.search = new URLSearchParams({
    id_token_hint: tokens.id_token, post_logout_redirect_uri: afterLogout, state: "abc" });
  const left = await visit(address, cookies);
  assert.equal(left.headers.get("location"), `${afterLogout}?state=abc`);
  assert.equal((await silent()).get("error"), "login_required");
  await assert.rejects(refresh(page, oauth.None(), tokens), { error: "invalid_grant" });
});
