// Verifies access tokens and applies access rules.
import { createHash } from "node:crypto";
import { BoundedCache } from "./cache.js";
import { systemClock, type Clock } from "./clock.js";
import { bearerToken, type AuthorizationValues } from "./credential.js";
import { Denial } from "./denial.js";
import { LiveState } from "./live.js";
import type { Log } from "./log.js";
import { writeLog } from "./log.js";
import { Policy, type PolicyDocument } from "./policy.js";
import { Principal, type Checks } from "./principal.js";
import type { Transport } from "./remote/http.js";
import { Remote, usualAge, type RemoteStatus } from "./remote/remote.js";
import type { Rule } from "./rule.js";
import type { Algorithm } from "./token/algorithm.js";
import type { Claims } from "./token/claims.js";
import { ExpiredToken, InvalidToken } from "./token/errors.js";
import { MAX_TOKEN_BYTES } from "./token/jws.js";
import { VerifyingKey } from "./token/jwk.js";
import { KeySet } from "./token/keys.js";
import { LEEWAY, verifyToken, type VerifierOptions } from "./token/verifier.js";

/** The longest wait for the newest revision, in milliseconds. */
const MAX_ANSWER_WAIT = 1000;
const CACHE_CAPACITY = 10_000;
const MAX_STALENESS_SECONDS = 30;

/** How a guard finds its issuer, and which tokens it accepts. */
export interface GuardOptions {
  /** The issuer, exactly as in `iss`. Without `jwks`, `secret` and `live`, keys are loaded from it. */
  issuer: string;
  /** The audience, or several. By default the issuer, which is what a server gives to tokens without one. */
  audience?: string | readonly string[];
  /** The id and secret of a client that may read the feed; with it, the guard refuses revoked tokens within a second. */
  client?: readonly [id: string, secret: string];
  /** A JWK Set, as JSON, in place of the issuer's. */
  jwks?: string;
  /** A secret that is shared with the issuer, in place of a JWK Set. */
  secret?: { algorithm: Algorithm; key: Uint8Array | string };
  /** A state that changes while the guard runs, in place of the issuer's feed. */
  live?: LiveState;
  /** The policy, for tokens without a `scope` and for step-up. */
  policy?: PolicyDocument;
  /** Accepts tokens without `client_id` and `jti`, which RFC 9068 requires, of an issuer that is not rolecall. */
  foreign?: boolean;
  /** The age at which the state is too old to decide, in seconds: 30 by default. */
  maxStaleness?: number;
  /** `"accept"` continues with an old state, so that revoked access may still work. */
  onStale?: "refuse" | "accept";
  /** The number of verified tokens that are remembered: 10 000 by default. */
  cacheCapacity?: number;
  /** Allows plain http to an issuer that is not on this machine, on a trusted network. */
  insecureHttp?: boolean;
  /** The source of time, for tests. */
  clock?: Clock;
  /** Sends the requests to the issuer, for tests. */
  transport?: Transport;
  /** Receives the log lines; by default warnings go to the console. */
  log?: Log;
  /** @internal The requests to the issuer are made by the test. */
  isManual?: boolean;
}

/** The health of a guard, for a health page or metrics. */
export interface GuardStatus extends Partial<RemoteStatus> {
  keys: number;
  cachedTokens: number;
  floors: number;
  /** The seconds since revocations were last known to be complete; missing if the guard does not learn about them. */
  ageSeconds?: number;
}

interface Entry {
  principal: Principal;
  expiresAt: number;
  /** The time from which the token is valid, so that it is verified again if the clock is set back. */
  validFrom: number;
  /** The policy from which the permissions were derived, if the token has no `scope`. */
  derivedFrom: Policy | undefined;
  claims: Claims;
}

/** Verifies access tokens and applies access rules. */
export class Guard {
  readonly clock: Clock;
  readonly #verifier: VerifierOptions;
  /** Keys that change, if they are not fixed. */
  readonly #state: LiveState | undefined;
  readonly #fixedKeys: KeySet | undefined;
  /** True if the state has floors, so that revocations are known. */
  readonly #isLive: boolean;
  readonly #policy: Policy | undefined;
  readonly #cache: BoundedCache<Entry>;
  /** @internal */
  readonly remote: Remote | undefined;
  readonly #checks: Checks;
  readonly #maxStaleness: number;
  readonly #acceptsStale: boolean;
  readonly #log: Log;
  #hasWarnedOfStale = false;
  #hits = 0;
  #misses = 0;

  constructor(options: GuardOptions) {
    const { issuer, audience = issuer, maxStaleness = MAX_STALENESS_SECONDS } = options;
    if (typeof issuer !== "string" || issuer === "") throw new TypeError("no issuer: set `issuer` to the URL whose tokens the guard accepts");
    const audiences = [audience].flat();
    if (audiences.length === 0 || audiences.some((one) => typeof one !== "string" || one === "")) {
      throw new TypeError("no audience: set `audience`, so that tokens for other APIs are refused");
    }
    if (!(maxStaleness >= 0)) throw new TypeError("`maxStaleness` is a number of seconds");
    this.clock = options.clock ?? systemClock;
    this.#log = options.log ?? writeLog;
    this.#verifier = { issuer, audiences, isForeign: options.foreign ?? false };
    this.#policy = options.policy && new Policy(options.policy);
    this.#cache = new BoundedCache(options.cacheCapacity ?? CACHE_CAPACITY);
    this.#maxStaleness = maxStaleness * 1000;
    this.#acceptsStale = options.onStale === "accept";
    if (this.#acceptsStale) this.#log({ level: "warn", message: "the guard accepts tokens while its state is stale (onStale: accept)" });
    this.#fixedKeys = fixedKeys(options);
    this.#isLive = Boolean(options.live ?? options.client);
    if (options.live) this.#state = options.live;
    else if (!this.#fixedKeys) this.#state = new LiveState(this.clock);
    if (this.#state && !options.live) {
      this.#state.setUsualAge(usualAge(this.#maxStaleness));
      this.remote = new Remote({
        issuer, client: options.client, state: this.#state, clock: this.clock, log: this.#log,
        insecureHttp: options.insecureHttp ?? false, maxStaleness: this.#maxStaleness, transport: options.transport,
      });
      if (!options.isManual) this.remote.start();
    }
    this.#checks = {
      now: () => this.clock.now(),
      policy: () => this.#currentPolicy(),
      isLost: (claims, question) => {
        if (this.clock.now() >= claims.exp * 1000 || !this.#isFresh()) return true;
        if (!this.#keys.contains(claims.key)) return true;
        return this.#isLive && (this.#state?.hasEnded(claims) === true || this.#state?.standing(claims.rev, question) === "beyond");
      },
      changing: this.#state,
    };
  }

  get #keys(): KeySet {
    return this.#fixedKeys ?? this.#state?.keys ?? KeySet.EMPTY;
  }

  #currentPolicy(): Policy | undefined {
    return (this.#isLive ? this.#state?.policy : undefined) ?? this.#policy;
  }

  /** The policy that the guard knows, if any. */
  get policy(): Policy | undefined {
    return this.#currentPolicy();
  }

  /** Returns false if the state is stale, unless the guard is configured to accept that. */
  #isFresh(): boolean {
    const state = this.#isLive ? this.#state : undefined;
    if (!state) return true;
    if (state.age <= this.#maxStaleness) {
      this.#hasWarnedOfStale = false;
      return true;
    }
    // INVARIANT: a state that was never loaded is refused, since it is not merely old
    if (!this.#acceptsStale || !state.isKnown) return false;
    if (!this.#hasWarnedOfStale) {
      // once each time the state becomes stale, not once for each request
      this.#hasWarnedOfStale = true;
      this.#log({ level: "warn", message: "the guard's state is stale: revoked access may still work", ageSeconds: Math.floor(state.age / 1000) });
    }
    return true;
  }

  /**
   * Verifies an access token at once; throws a {@link Denial}.
   *
   * A token with a higher revision than the guard knows of is accepted, and the guard asks for the newest revision.
   * {@link verifyCurrent} waits for the answer, as routes do.
   */
  verify(token: string): Principal {
    // checked first, so that nothing long is hashed or cached
    if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw new Denial({ kind: "invalid_token" });
    if (!this.#isFresh()) throw new Denial({ kind: "unavailable" });
    const now = this.clock.now();
    const { principal, claims, expiresAt } = this.#findOrVerify(token, now);
    // INVARIANT: everything that can change after a token was verified is checked on every request
    const state = this.#isLive ? this.#state : undefined;
    const hasEnded = now >= expiresAt || (state !== undefined && (state.hasEnded(claims) || state.standing(claims.rev, principal.question) === "beyond"));
    if (hasEnded) throw new Denial({ kind: "ended_token" });
    return principal;
  }

  /** Verifies an access token as routes do, for code outside of them: it waits, at most a second, for news it needs. */
  async verifyCurrent(token: string): Promise<Principal> {
    const principal = this.verify(token);
    const news = this.news(principal);
    if (!news) return principal;
    await news;
    return this.verify(token);
  }

  /** Waits until it is known if the token is above the newest revision; `undefined` if there is nothing to wait for. */
  news(principal: Principal): Promise<void> | undefined {
    const state = this.#isLive ? this.#state : undefined;
    if (!state) return undefined;
    const standing = state.standing(principal.rev, principal.question);
    const question = typeof standing === "number" ? standing : state.askIfOld();
    if (question === undefined) return undefined;
    // without an answer in time, the age of the state limits how long the token is accepted
    return state.answered(question, MAX_ANSWER_WAIT).then((isAnswered) => {
      if (!isAnswered) state.noteSilence();
    });
  }

  /** Identifies the caller by the values of all `Authorization` headers; throws a {@link Denial}. */
  authenticate(authorization: AuthorizationValues): Principal {
    return this.verify(bearerToken(authorization));
  }

  /**
   * Applies `rule` to a request with these `Authorization` headers, on a path that names `tenant`.
   *
   * Returns the caller, `undefined` if the rule needs none, or a promise where the guard waits for news. Throws (or
   * rejects with) a {@link Denial}.
   */
  admit<C>(rule: Rule<C>, authorization: AuthorizationValues, tenant?: string): C | Promise<C> {
    const principal = this.#admitOnce(rule, authorization, tenant);
    const news = principal && this.news(principal);
    if (!news) return principal as C;
    return news.then(() => this.#admitOnce(rule, authorization, tenant) as C);
  }

  #admitOnce(rule: Rule, authorization: AuthorizationValues, tenant: string | undefined): Principal | undefined {
    if (rule.node.kind === "public") return undefined;
    if (rule.node.kind === "optional" && !namesBearer(authorization)) return undefined;
    const principal = this.authenticate(authorization);
    if (rule.admits(principal, tenant)) return principal;
    throw principal.refusal(rule, tenant).explained(rule.toString(), principal.roles);
  }

  /** Resolves when the guard can decide: its keys and, with a client, the feed are loaded. */
  async ready(timeoutSeconds = 30): Promise<void> {
    const isReady = () => this.#keys.size > 0 && this.#isFresh();
    if (isReady()) return;
    const state = this.#state;
    await new Promise<void>((resolve, reject) => {
      const check = () => isReady() && finish();
      // the state is marked as fresh after its last change, so a change alone does not show it
      const interval = setInterval(check, 20);
      const unwatch = state?.watch(check);
      const fail = () => finish(new Error(`the guard could not load the state of its issuer: ${this.status().lastFailure ?? "no answer"}`));
      const timer = setTimeout(fail, timeoutSeconds * 1000);
      const finish = (error?: Error) => {
        clearTimeout(timer);
        clearInterval(interval);
        unwatch?.();
        if (error) reject(error);
        else resolve();
      };
    });
  }

  /** Returns the health of the guard. */
  status(): GuardStatus {
    const state = this.#isLive ? this.#state : undefined;
    return {
      keys: this.#keys.size,
      cachedTokens: this.#cache.size,
      floors: state?.floorCount ?? 0,
      ...(state?.isKnown && { ageSeconds: state.age / 1000 }),
      ...this.remote?.status(),
    };
  }

  /** The use of the cache of verified tokens. */
  get cacheUse(): { entries: number; hits: number; misses: number } {
    return { entries: this.#cache.size, hits: this.#hits, misses: this.#misses };
  }

  /** Stops following the issuer. A guard that is not closed does not keep the process running. */
  close(): void {
    this.remote?.stop();
  }

  #findOrVerify(token: string, now: number): Entry {
    const digest = createHash("sha256").update(token).digest("base64");
    const policy = this.#currentPolicy();
    const known = this.#cache.get(digest);
    if (known) {
      const hasPermissions = known.derivedFrom === undefined ? known.claims.scope !== undefined || policy === undefined : known.derivedFrom === policy;
      if (this.#keys.contains(known.claims.key) && now >= known.validFrom && hasPermissions) {
        if (now >= known.expiresAt) this.#cache.delete(digest);
        this.#hits += 1;
        return known;
      }
      this.#cache.delete(digest);
    }
    this.#misses += 1;
    if (this.#keys.size === 0) throw new Denial({ kind: "unavailable" });
    const claims = this.#verifyNew(token, now);
    const derivedFrom = claims.scope === undefined ? policy : undefined;
    const entry = {
      principal: new Principal(claims, derivedFrom, this.#checks),
      expiresAt: claims.exp * 1000,
      validFrom: (Math.max(claims.iat, claims.nbf ?? 0) - LEEWAY) * 1000,
      derivedFrom,
      claims,
    };
    this.#cache.set(digest, entry);
    return entry;
  }

  #verifyNew(token: string, now: number): Claims {
    try {
      return verifyToken(this.#verifier, this.#keys, token, now);
    } catch (error) {
      if (error instanceof ExpiredToken) throw new Denial({ kind: "ended_token" });
      if (!(error instanceof InvalidToken)) throw error;
      if (error.reason === "unknown_key" && this.remote?.requestKeys()) throw new Denial({ kind: "unavailable" });
      this.#log({ level: "debug", message: "an access token is not valid", reason: error.reason });
      throw new Denial({ kind: "invalid_token" });
    }
  }
}

function fixedKeys({ jwks, secret, live, client }: GuardOptions): KeySet | undefined {
  const sources = [jwks, secret, live, client].filter((source) => source !== undefined);
  if (sources.length > 1) throw new TypeError("two sources of keys: set only one of `jwks`, `secret`, `live` and `client`");
  let keys: KeySet | undefined;
  if (jwks !== undefined) keys = KeySet.fromJwks(jwks);
  else if (secret) keys = new KeySet([VerifyingKey.fromSecret(secret.algorithm, undefined, Buffer.from(secret.key as Uint8Array))]);
  if (keys?.size === 0) throw new TypeError("no keys: the JWK Set has no key that verifies tokens");
  return keys;
}

/** Returns false if a request has no token: without one, a rule may admit it as anonymous. */
function namesBearer(authorization: AuthorizationValues): boolean {
  try {
    bearerToken(authorization);
    return true;
  } catch (error) {
    return !(error instanceof Denial && error.reason.kind === "not_authenticated");
  }
}
