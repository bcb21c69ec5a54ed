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

/** Goes to the sign-in page. With `prompt: "none"` the server answers at once, with an error if nobody is signed in. */
async function signIn(more = {}) {
  const pending = { state: random(), nonce: random(), verifier: random() };
  // this tab has to remember them until the answer comes; they are worth nothing afterwards
  sessionStorage.setItem("pending", JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  location.assign(`${metadata.authorization_endpoint}?${new URLSearchParams({
    response_type: "code", client_id: config.client_id, redirect_uri: redirectUri, scope: "openid profile roles",
    state: pending.state, nonce: pending.nonce,
    code_challenge: base64url(digest), code_challenge_method: "S256", ...more,
  })}`);
}

/** Reads the answer in the address of the page. */
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
    sessionStorage.removeItem("signed-in");
    if (answer.get("error") === "login_required") return;
    throw new Error(answer.get("error_description") ?? answer.get("error"));
  }
  await requestTokens({
    grant_type: "authorization_code", code: answer.get("code"), redirect_uri: redirectUri, code_verifier: pending.verifier,
  }, pending.nonce);
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

/** What a refusal asks for in another sign-in (RFC 9470), or nothing. */
function wantedSignIn(response) {
  const challenge = response.headers.get("WWW-Authenticate") ?? "";
  if (response.status !== 401 || !challenge.includes('error="insufficient_user_authentication"')) return undefined;
  const value = (name) => challenge.match(new RegExp(`${name}="([^"]*)"`))?.[1];
  const wanted = { acr_values: value("acr_values"), max_age: value("max_age") };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

/** Calls with the access token, and once more with a new one if it has just expired. */
async function call(url, method = "GET") {
  const response = await fetchWithToken(url, method);
  if (response.status !== 401 || wantedSignIn(response)) return response;
  await refresh();
  return fetchWithToken(url, method);
}

async function loadItems() {
  const response = await call("items/");
  const body = await response.json();
  element("answer").textContent = response.ok ? JSON.stringify(body, null, 1) : `${response.status}: ${body.detail}`;
}

/** Deletes the items, which takes a recent sign-in. With `isAgain` the user has just come back from one. */
async function deleteItems(isAgain = false) {
  const response = await call("items/", "DELETE");
  const wanted = wantedSignIn(response);
  if (wanted && !isAgain) {
    // once: a sign-in that is not enough is not asked for again and again
    sessionStorage.setItem("again", "delete");
    await signIn(wanted);
    return;
  }
  const problem = response.ok ? undefined : (await response.json()).detail;
  element("answer").textContent = problem ? `${response.status}: ${problem}` : "The items are deleted.";
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
element("load").onclick = run(loadItems);
element("delete").onclick = run(() => deleteItems());
element("refresh").onclick = run(async () => { await refresh(); await show(); });
element("sign-out").onclick = signOut;

try {
  const answer = new URLSearchParams(location.search);
  if (answer.has("state")) await finishSignIn(answer);
  // a reload forgets the tokens; the session in the browser gives new ones without a page
  else if (sessionStorage.getItem("signed-in")) await signIn({ prompt: "none" });
  await show();
  const again = sessionStorage.getItem("again");
  sessionStorage.removeItem("again");
  if (tokens && again === "delete") await deleteItems(true);
} catch (error) {
  await show(error.message);
}
