// Loads the issuer's keys and keeps them current.
import type { Clock } from "../clock.js";
import type { LiveState } from "../live.js";
import { KeyError } from "../token/errors.js";
import { decodeUtf8 } from "../token/json.js";
import { KeySet, MAX_JWKS_BYTES } from "../token/keys.js";
import { Failure } from "./failure.js";
import type { HttpAnswer, Transport } from "./http.js";
import { get, type Issuer, type Metadata } from "./metadata.js";

/** The limits of `max-age`, and the time after which keys are loaded again without one, in seconds. */
const [MIN_AGE, MAX_AGE, DEFAULT_AGE] = [60, 3600, 300];
/** The minimum time between two loads of the keys because of tokens with unknown keys. */
const LOAD_INTERVAL = 10_000;

/** What the loader needs of the guard. */
export interface KeysContext {
  issuer: Issuer;
  state: LiveState;
  clock: Clock;
  transport: Transport;
  signal: AbortSignal;
}

/** Loads the keys once at a time, and decides when a token with an unknown key may cause a load. */
export class KeyLoader {
  #metadata: Metadata | undefined;
  readonly #waiting = new Set<(metadata: Metadata) => void>();
  #isLoading = false;
  /** True if a token has asked for keys since the last attempt to load them. */
  #isRequested = false;
  #triedAt: number | undefined;
  #loadedAt: number | undefined;
  loads = 0;
  /** Called when a token with an unknown key requests a load. */
  onRequest: (() => void) | undefined;

  constructor(readonly context: KeysContext) {}

  /** Resolves once the metadata is loaded. */
  metadata(): Promise<Metadata> {
    if (this.#metadata) return Promise.resolve(this.#metadata);
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Forgets the URLs, which may have changed. */
  forgetMetadata(): void {
    this.#metadata = undefined;
  }

  /**
   * Requests a load of the keys for a token with an unknown key, unless they were loaded recently.
   *
   * Returns true if keys are being loaded or will be, so that the caller should try again.
   */
  request(): boolean {
    const now = this.context.clock.monotonic();
    const isRecent = (at: number | undefined) => at !== undefined && now < at + LOAD_INTERVAL;
    if (this.#isLoading) return true;
    if (isRecent(this.#loadedAt)) return false;
    // one notification is enough for all requests until the next attempt
    if (!isRecent(this.#triedAt) && !this.#isRequested) {
      this.#isRequested = true;
      this.onRequest?.();
    }
    return true;
  }

  /** Loads the keys and returns the time for which they are fresh, in milliseconds. A failure keeps the last keys. */
  async load(): Promise<number> {
    [this.#isLoading, this.#isRequested, this.#triedAt] = [true, false, this.context.clock.monotonic()];
    try {
      return await this.#load();
    } finally {
      this.#isLoading = false;
    }
  }

  async #load(): Promise<number> {
    const { issuer, transport, state, clock, signal } = this.context;
    if (!this.#metadata) {
      const metadata = await issuer.discover(transport, signal);
      this.#metadata = metadata;
      for (const resolve of this.#waiting) resolve(metadata);
      this.#waiting.clear();
    }
    const answer = await get(transport, this.#metadata.jwks, MAX_JWKS_BYTES, signal);
    if (answer.status !== 200) throw Failure.status("the request for the keys", answer.status);
    const keys = parseKeys(answer.body);
    if (keys.size === 0) throw new Failure("the JWK Set has no key that verifies tokens");
    state.setKeys(keys);
    this.loads += 1;
    this.#loadedAt = clock.monotonic();
    return freshFor(answer.headers) * 1000;
  }
}

function parseKeys(body: Uint8Array): KeySet {
  try {
    return KeySet.fromFetchedJwks(decodeUtf8(body));
  } catch (error) {
    if (error instanceof KeyError) throw new Failure(`the JWK Set was refused: ${error.message}`);
    throw Failure.malformed("JWK Set");
  }
}

/** Returns the `max-age` of the answer (RFC 9111 section 5.2.2.1), within its limits. */
export function freshFor(headers: HttpAnswer["headers"]): number {
  const values = [headers["cache-control"] ?? []].flat();
  for (const directive of values.flatMap((value) => value.split(","))) {
    const match = /^\s*max-age\s*=\s*"?(\d+)"?\s*$/i.exec(directive);
    if (match) return Math.min(Math.max(Number(match[1]), MIN_AGE), MAX_AGE);
  }
  return DEFAULT_AGE;
}
