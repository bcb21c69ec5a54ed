// Signs in with the authorization code flow and PKCE. The tokens are in variables only: other pages, and scripts that run
// here later, cannot find them in a storage.
const config = await (await fetch("config.json")).json();
const metadata = await (await fetch(`${config.issuer}/.well-known/openid-configuration`)).json();
const redirectUri = new URL("/", location).href;
const element = (id) => document.getElementById(id);

let tokens;
let user;
let timer;

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/**
 * Goes to the sign-in page. With `prompt: "none"` the server answers at once, with an error if nobody is signed in.
 *
 * `after` is what this page goes on with. It belongs to this one request: whoever gives up does not find the action done
 * after a later sign-in.
 */
async function signIn(more = {}, after = {}) {
  const pending = { state: random(), nonce: random(), verifier: random(), after };
  // this tab has to remember them until the answer comes; they are worth nothing afterwards
  sessionStorage.setItem("pending", JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  location.assign(`${metadata.authorization_endpoint}?${new URLSearchParams({
    response_type: "code", client_id: config.client_id, redirect_uri: redirectUri, scope: "openid profile roles",
    state: pending.state, nonce: pending.nonce,
    code_challenge: base64url(digest), code_challenge_method: "S256", ...more,
  })}`);
}

/** Reads the answer in the address of the page, and returns what the page goes on with. */
async function finishSignIn(answer) {
  const pending = JSON.parse(sessionStorage.getItem("pending"));
  sessionStorage.removeItem("pending");
  // the code must not stay in the history
  history.replaceState(null, "", redirectUri);
  // an answer to a request of somebody else, or of another server (RFC 9207)
  if (answer.get("state") !== pending?.state || answer.get("iss") !== metadata.issuer) {
    throw new Error("This is no answer to a request of this page.");
  }
  if (answer.has("error")) {
    // a stronger sign-in that is refused ends nothing: the user is signed in as before, and the action stays refused
    if (pending.after.action) return signIn({ prompt: "none" }, { refusal: pending.after.refusal });
    sessionStorage.removeItem("signed-in");
    if (answer.get("error") === "login_required") return {};
    throw new Error(answer.get("error_description") ?? answer.get("error"));
  }
  await requestTokens({
    grant_type: "authorization_code", code: answer.get("code"), redirect_uri: redirectUri, code_verifier: pending.verifier,
  }, pending.nonce);
  return pending.after;
}

async function requestTokens(form, nonce) {
  const body = new URLSearchParams({ ...form, client_id: config.client_id });
  const response = await fetch(metadata.token_endpoint, { method: "POST", body });
  const received = await response.json();
  if (!response.ok) throw new Error(received.error_description);
  user = readIdToken(received.id_token, nonce);
  tokens = received;
  sessionStorage.setItem("signed-in", "yes");
  // before the access token expires; the refresh token is another one each time
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(forget), received.expires_in * 800);
}

/** The claims of an ID token. It came straight from the issuer, so its signature need not be checked (OIDC Core 3.1.3.7). */
function readIdToken(token, nonce) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  const claims = JSON.parse(new TextDecoder().decode(bytes));
  const isMine = claims.iss === metadata.issuer && claims.aud === config.client_id && claims.exp > Date.now() / 1000;
  const isAnswer = nonce ? claims.nonce === nonce : claims.sub === user.sub;
  if (!isMine || !isAnswer) throw new Error("The ID token is for somebody else.");
  return claims;
}

let refreshing;
function refresh() {
  // one at a time: a refresh token works once, and a second use ends the session
  refreshing ??= requestTokens({ grant_type: "refresh_token", refresh_token: tokens.refresh_token })
    .finally(() => { refreshing = undefined; });
  return refreshing;
}

const fetchWithToken = (url, method) => fetch(url, { method, headers: { Authorization: `Bearer ${tokens.access_token}` } });

/** The request of another sign-in that would lift a refusal, or nothing. */
function wantedSignIn(response) {
  const challenge = response.headers.get("WWW-Authenticate") ?? "";
  const value = (name) => challenge.match(new RegExp(`[ ,]${name}="([^"]*)"`))?.[1];
  const wanted = {};
  // a newer or a stronger one (RFC 9470)
  if (response.status === 401 && value("error") === "insufficient_user_authentication") {
    Object.assign(wanted, { acr_values: value("acr_values"), max_age: value("max_age") });
  }
  // or one that reaches what the roles of the user need: the server knows them, and asks nobody in vain
  if (response.status === 403 && value("error") === "insufficient_scope") wanted.acr_values = "aal2 phr";
  const entries = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return entries.length ? Object.fromEntries(entries) : undefined;
}

/** Calls with the access token, and once more with a new one if it has just expired. */
async function call(url, method = "GET") {
  const response = await fetchWithToken(url, method);
  if (response.status !== 401 || wantedSignIn(response)) return response;
  await refresh();
  return fetchWithToken(url, method);
}

/**
 * Loads or deletes the items, after another sign-in if that is what lacks. `asked` is what the user has just come back
 * from: nothing is asked for twice, so a sign-in that is not enough ends with the refusal.
 */
async function act(action, asked = {}) {
  const response = await call("items/", action === "delete" ? "DELETE" : "GET");
  if (response.ok) {
    element("answer").textContent =
      action === "delete" ? "The items are deleted." : JSON.stringify(await response.json(), null, 1);
    return;
  }
  const refusal = `${response.status}: ${(await response.json()).detail}`;
  const wanted = wantedSignIn(response);
  if (wanted && Object.keys(wanted).some((name) => !(name in asked))) {
    const all = { ...asked, ...wanted };
    await signIn(all, { action, asked: all, refusal, sub: user.sub });
    return;
  }
  element("answer").textContent = refusal;
}

/** Ends the session at the server, and with it those of other applications in this browser. */
function signOut() {
  const { id_token } = tokens;
  forget();
  location.assign(`${metadata.end_session_endpoint}?${new URLSearchParams({
    id_token_hint: id_token, client_id: config.client_id, post_logout_redirect_uri: redirectUri,
  })}`);
}

function forget() {
  clearTimeout(timer);
  tokens = user = undefined;
  sessionStorage.removeItem("signed-in");
  element("answer").textContent = "";
  return show();
}

async function show(problem) {
  let status = "Nobody is signed in.";
  if (tokens) {
    const about = await (await call(metadata.userinfo_endpoint)).json();
    status = `Signed in as ${about.preferred_username}, roles: ${about.roles?.join(", ") || "none"}.`;
  }
  element("status").textContent = problem ?? status;
  element("sign-in").hidden = Boolean(tokens);
  for (const id of ["load", "delete", "refresh", "sign-out"]) element(id).hidden = !tokens;
}

const run = (action) => () => action().catch((error) => {
  // a refresh that is refused means that the session has ended
  forget();
  element("status").textContent = `Signed out: ${error.message}`;
});
element("sign-in").onclick = () => signIn();
for (const action of ["load", "delete"]) element(action).onclick = run(() => act(action));
element("refresh").onclick = run(async () => { await refresh(); await show(); });
element("sign-out").onclick = signOut;

try {
  const answer = new URLSearchParams(location.search);
  let after = {};
  if (answer.has("state")) after = await finishSignIn(answer) ?? {};
  // a reload forgets the tokens; the session in the browser gives new ones without a page
  else if (sessionStorage.getItem("signed-in")) await signIn({ prompt: "none" });
  await show();
  // somebody else may have signed in, who has asked for nothing
  if (tokens && after.action && after.sub === user.sub) await act(after.action, after.asked);
  else if (after.refusal) element("answer").textContent = after.refusal;
} catch (error) {
  await show(error.message);
}
