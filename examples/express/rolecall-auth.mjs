// Verifies rolecall's access tokens (RFC 9068), and refuses revoked ones within a second.
import { createLocalJWKSet, jwtVerify } from "jose";
import { setTimeout as sleep } from "node:timers/promises";
const CLAIMS = { subject: "sub", client: "client_id", sid: "sid", jti: "jti", role: "roles" };
const TEXTS = ["sub", "client_id", "jti", "sid", "username", "scope", "tenant", "era"];
const [INVALID, ENDED] = ["The access token is not valid", "The access token has ended; refresh it"];
const [now, isText] = [() => performance.now() / 1000, (value) => typeof value === "string"];
/** The answer to send instead: 401 for a bad token, 503 while no decision is possible. */
export class Refused extends Error {
  constructor(reason) {
    super(reason ?? "stale");
    const challenge = `Bearer error="invalid_token", error_description="${reason}"`;
    Object.assign(this, reason
      ? { status: 401, detail: "Could not validate credentials", headers: { "WWW-Authenticate": challenge } }
      : { status: 503, detail: "cannot decide at the moment; try again", headers: { "Retry-After": "1" } });
  }
}
/** Checks for exact base64url, and for no two members with one name, of which another program may read the other one. */
function isStrict(part, index) {
  const bytes = Buffer.from(part, "base64url"), json = index < 2 ? `${bytes}` : "0"; // the signature is no JSON
  let members = json.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length; // with the whole as one
  JSON.parse(json, function (_, value) { members -= !Array.isArray(this); return value; });
  return members === 0 && bytes.toString("base64url") === part;
}
/** Holds the issuer's keys and, with a client that may read the feed, the revocations. */
export class Guard {
  #keys; #loading; #keysRequestedAt = -Infinity; #keysRevision;
  #era; #floors = new Map(); #freshAt = -Infinity; #cursor = ""; #pending = { floors: new Map() };
  constructor({ issuer, audience, clientId, clientSecret, maxStaleness = 30 }) {
    Object.assign(this, { issuer, audience: audience || issuer, maxStaleness });
    if ((this.client = clientId && [clientId, clientSecret].map(encodeURIComponent).join(":"))) this.#followFeed();
  }

  /** Returns the claims of `token`, or throws `Refused` with the status, detail and headers of the answer. */
  async verify(token) {
    if (this.client && now() - this.#freshAt > this.maxStaleness) throw new Refused();
    try {
      if (token.length > 16384 || !token.split(".").every(isStrict)) throw new Error("too long, or ambiguous");
      const { payload } = await jwtVerify(token, (...header) => this.#findKey(...header), {
        issuer: this.issuer, audience: this.audience, typ: "at+jwt", algorithms: ["ES256", "EdDSA", "RS256"],
        requiredClaims: ["sub", "client_id", "exp", "jti"], clockTolerance: 30, maxTokenAge: 86400,
      });
      const claims = { roles: [], scope: "", username: "", subject_kind: "user", rev: -1, ...payload };
      if (TEXTS.some((name) => name in claims && !isText(claims[name])) || !Number.isInteger(claims.rev)
        || !Array.isArray(claims.roles) || !claims.roles.every(isText) || !(claims.sub && claims.client_id && claims.jti)
        || !["user", "client"].includes(claims.subject_kind) || claims.exp - claims.iat > 86400) throw new Error("wrong type");
      if (claims.subject_kind === "client") claims.username = ""; // a client can be called like a user
      if (Math.floor(claims.exp) <= Date.now() / 1000 || (this.client && this.#isRevoked(claims))) throw new Refused(ENDED);
      return claims;
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(error.code === "ERR_JWT_EXPIRED" ? ENDED : INVALID);
    }
  }

  #isRevoked(claims) {
    return claims.era !== this.#era || Object.entries(CLAIMS).some(([kind, claim]) => [claims[claim]].flat()
      .some((name) => ["", claims.tenant ?? ""].some((of) => this.#floors.get(`${kind} ${name} ${of}`)?.revision > claims.rev)));
  }

  /** Known keys never wait; an unknown one triggers a reload, at most every 10 s. */
  async #findKey(header, token) {
    if (!this.#keys) await this.#loadKeys(1);
    else if (now() - this.#keysRequestedAt > 300) this.#loadKeys(300);
    if (!this.#keys) throw new Refused();
    return this.#keys(header, token).catch(() => this.#loadKeys(10)?.then(() => this.#keys(header, token)));
  }

  #loadKeys(interval = 0) {
    if (!this.#loading && now() - this.#keysRequestedAt >= interval) {
      this.#keysRequestedAt = now();
      this.#loading = this.#request("/.well-known/jwks.json")
        .then((set) => Boolean(this.#keys = createLocalJWKSet(set)))
        .catch((error) => console.warn("cannot load the keys, keeping the last good ones:", error.message))
        .finally(() => { this.#loading = undefined; });
    }
    return this.#loading;
  }

  /** Polls the feed for as long as the process runs, continuing after the last cursor. */
  async #followFeed() {
    const form = new URLSearchParams({ grant_type: "client_credentials", audience: this.issuer });
    for (let token, pause = 100; ;) {
      try {
        token ??= (await this.#request("/token", { authorization: `Basic ${btoa(this.client)}` }, form)).access_token;
        const [sentAt, longest] = [now(), this.maxStaleness / 6];
        const wait = sentAt - this.#freshAt > 3 * longest ? 1 : Math.max(1, Math.min(10, Math.floor(longest)));
        const path = `/api/feed?${new URLSearchParams({ after: this.#cursor, wait })}`;
        await this.#apply(await this.#request(path, { authorization: `Bearer ${token}` }, undefined, wait + 5), sentAt);
        pause = 100;
      } catch (error) {
        console.warn("cannot read the feed:", error.message);
        token = undefined;
        await sleep(pause = Math.min(pause * 2, 1000));
      }
    }
  }

  async #apply(answer, sentAt) {
    if (this.#pending.era !== answer.era) this.#pending = { era: answer.era, floors: new Map() };
    const floors = answer.era === this.#era ? this.#floors : this.#pending.floors;
    for (const { kind, key, tenant, revision, until } of answer.floors) {
      if (!(kind in CLAIMS) || Number.isNaN(Date.parse(until))) throw new Error(`unknown floor: ${kind}`); // do not miss it
      const name = `${kind} ${key} ${tenant ?? ""}`; // with a tenant: only its tokens
      if (!(floors.get(name)?.revision >= revision)) floors.set(name, { revision, until });
    }
    if ((this.#cursor = answer.cursor) && answer.more) return;
    [this.#era, this.#floors, this.#freshAt] = [answer.era, floors, Math.max(this.#freshAt, sentAt - answer.age_ms / 1000)];
    for (const [name, { until }] of floors) if (Date.parse(until) < Date.parse(answer.forget_before)) floors.delete(name);
    if (answer.keys_revision === this.#keysRevision || !(await this.#loadKeys())) return;
    this.#keysRevision = answer.keys_revision;
    setTimeout(() => this.#loadKeys(), 400); // another node may have answered that lags behind
  }

  async #request(path, headers = {}, body = undefined, seconds = 5) {
    const options = { method: body ? "POST" : "GET", headers, body, redirect: "error" };
    const answer = await fetch(this.issuer + path, { ...options, signal: AbortSignal.timeout(seconds * 1000) });
    if (!answer.ok) throw new Error(`${path.split("?")[0]} answers ${answer.status}`);
    return answer.json();
  }
}
