// Signs a person in as a browser does: follows redirects, keeps cookies, submits the form of the page.

/** Opens an address and signs in if asked to; returns the address that the server sends the browser to. */
export async function signIn(address, { username, password }, cookies = new Map()) {
  const issuer = new URL(address).origin;
  let response = await visit(address, cookies);
  for (;;) {
    const location = response.headers.get("location");
    if (location) {
      const next = new URL(location, issuer);
      if (next.origin !== issuer) return next;
      response = await visit(next, cookies);
      continue;
    }
    const page = await response.text();
    const [, flow] = page.match(/name="flow" value="([^"]+)"/) ?? [];
    if (response.status !== 200 || !flow) throw new Error(`${response.status}: ${page}`);
    response = await visit(new URL("/login", issuer), cookies, new URLSearchParams({ flow, username, password }));
  }
}

/** Sends one request with the cookies of the browser, and keeps those of the answer. */
export async function visit(address, cookies, body) {
  const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
  if (body) Object.assign(headers, { origin: new URL(address).origin, "sec-fetch-site": "same-origin" });
  const response = await fetch(address, { method: body ? "POST" : "GET", body, headers, redirect: "manual" });
  for (const line of response.headers.getSetCookie()) {
    const [pair] = line.split(";");
    cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
  }
  return response;
}
