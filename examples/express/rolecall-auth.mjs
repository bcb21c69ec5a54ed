// Verifies rolecall's access tokens (RFC 9068), and refuses those that have ended, within a second.
import { createLocalJWKSet, jwtVerify } from "jose";
import { setTimeout as sleep } from "node:timers/promises";

const CLAIMS = { subject: "sub", client: "client_id", sid: "sid", jti: "jti", role: "roles" };
const [INVALID, ENDED] = ["The access token is not valid", "The access token has ended; refresh it"];
const now = () => performance.now() / 1000;
/** What to answer with; 503 where nobody can tell at the moment. */
export class Refused extends Error {
  constructor(why) {
    super(why ?? "stale");
    this.status = why ? 401 : 503;
    this.detail = why ? "Could not validate credentials" : "cannot decide at the moment; try again";
    const challenge = `Bearer error="invalid_token", error_description="${why}"`;
    this.headers = why ? { "WWW-Authenticate": challenge } : { "Retry-After": "1" };
  }
}

/** Knows the issuer's keys, and, as a client that may read the feed, also what was taken away. */
export class Guard {
  #keys; #loading; #keysAsked = -Infinity; #keysRevision;
  #era; #floors = new Map(); #freshAt = -Infinity; #cursor = ""; #coming = { floors: new Map() };

  constructor({ issuer, audience, clientId, clientSecret, maxStaleness = 30 }) {
    Object.assign(this, { issuer, audience: audience || issuer, maxStaleness });
    if (clientId) {
      this.client = [clientId, clientSecret].map(encodeURIComponent).join(":");
      this.#follow();
    }
  }

  /** The claims of `token`; throws `Refused` with the status, text and headers to answer with. */
  async verify(token) {
    if (this.client && now() - this.#freshAt > this.maxStaleness) throw new Refused();
    try {
      if (token.length > 16384) throw new Error("too long");
      const { payload } = await jwtVerify(token, (...header) => this.#key(...header), {
        issuer: this.issuer, audience: this.audience, typ: "at+jwt", algorithms: ["ES256", "EdDSA", "RS256"],
        requiredClaims: ["sub", "client_id", "exp", "jti"], clockTolerance: 30, maxTokenAge: 86400,
      });
      const claims = { roles: [], scope: "", ...payload };
      if (claims.exp <= Date.now() / 1000 || (this.client && this.#hasEnded(claims))) throw new Refused(ENDED);
      return claims;
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(error.code === "ERR_JWT_EXPIRED" ? ENDED : INVALID);
    }
  }

  #hasEnded(claims) {
    return claims.era !== this.#era || Object.entries(CLAIMS).some(([kind, claim]) => [claims[claim]].flat()
      .some((name) => this.#floors.get(`${kind} ${name}`)?.revision > (claims.rev ?? -1)));
  }

  /** Known keys never wait; an unknown one makes one request, at most every 10 s. */
  async #key(header, token) {
    if (!this.#keys) await this.#loadKeys(1);
    else if (now() - this.#keysAsked > 300) this.#loadKeys(300);
    if (!this.#keys) throw new Refused();
    return this.#keys(header, token).catch(() => this.#loadKeys(10)?.then(() => this.#keys(header, token)));
  }

  #loadKeys(interval = 0) {
    if (!this.#loading && now() - this.#keysAsked >= interval) {
      this.#keysAsked = now();
      this.#loading = this.#ask("/.well-known/jwks.json")
        .then((set) => Boolean(this.#keys = createLocalJWKSet(set)))
        .catch((error) => console.warn("the keys cannot be loaded, the last good ones stay:", error.message))
        .finally(() => { this.#loading = undefined; });
    }
    return this.#loading;
  }

  /** Reads the feed for as long as the process lives, each time from where it was. */
  async #follow() {
    const form = new URLSearchParams({ grant_type: "client_credentials", audience: this.issuer });
    for (let token, pause = 100; ;) {
      try {
        token ??= (await this.#ask("/token", { authorization: `Basic ${btoa(this.client)}` }, form)).access_token;
        const [sentAt, longest] = [now(), this.maxStaleness / 6];
        const isOld = sentAt - this.#freshAt > 3 * longest; // soon fresh again, though there be nothing new
        const wait = isOld ? 1 : Math.max(1, Math.min(10, Math.floor(longest)));
        const path = `/api/feed?${new URLSearchParams({ after: this.#cursor, wait })}`;
        await this.#take(await this.#ask(path, { authorization: `Bearer ${token}` }, undefined, wait + 5), sentAt);
        pause = 100;
      } catch (error) {
        console.warn("the feed cannot be read:", error.message);
        token = undefined;
        await sleep(pause = Math.min(pause * 2, 1000));
      }
    }
  }

  async #take(answer, sentAt) {
    const whole = answer.era !== this.#era;
    if (this.#coming.era !== answer.era) this.#coming = { era: answer.era, floors: new Map() };
    const floors = whole ? this.#coming.floors : this.#floors;
    for (const { kind, key, revision, until } of answer.floors) {
      // a kind that is not known: better an error than a loss unheard
      if (!(kind in CLAIMS) || Number.isNaN(Date.parse(until))) throw new Error(`floor of ${kind}`);
      if (!(floors.get(`${kind} ${key}`)?.revision >= revision)) floors.set(`${kind} ${key}`, { revision, until });
    }
    this.#cursor = answer.cursor;
    if (answer.more) return;
    [this.#era, this.#floors] = [answer.era, floors];
    for (const [name, { until }] of floors) if (Date.parse(until) < Date.now() - 60000) floors.delete(name);
    this.#freshAt = Math.max(this.#freshAt, sentAt - answer.age_ms / 1000);
    if (answer.keys_revision !== this.#keysRevision && await this.#loadKeys()) {
      this.#keysRevision = answer.keys_revision;
      setTimeout(() => this.#loadKeys(), 400); // perhaps another node answered, which hears of it later
    }
  }

  async #ask(path, headers = {}, body = undefined, seconds = 5) {
    const answer = await fetch(this.issuer + path, {
      method: body ? "POST" : "GET", headers, body, redirect: "error", signal: AbortSignal.timeout(seconds * 1000),
    });
    if (!answer.ok) throw new Error(`${path.split("?")[0]} answers ${answer.status}`);
    return answer.json();
  }
}
