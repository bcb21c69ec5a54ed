// Hands the answer of a sign-in to the page that began it in another window, and closes this one.
const answer = new URLSearchParams(window.location.search);
const begun = window.opener?.swaggerUIRedirectOauth2;
if (begun) {
  const isOurs = answer.get("state") === begun.state;
  const code = answer.get("code");
  if (isOurs && code) {
    delete begun.state;
    begun.auth.code = code;
    begun.callback({ auth: begun.auth, redirectUrl: begun.redirectUrl });
  } else {
    const error = isOurs ? (answer.get("error_description") ?? answer.get("error")) : "the answer is for another sign-in";
    begun.errCb({ authId: begun.auth.name, source: "auth", level: "error", message: error ?? "no code was sent" });
  }
  window.close();
}
