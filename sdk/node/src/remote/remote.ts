// Follows an issuer in another process: its keys and its feed of revocations.
import type { Clock } from "../clock.js";
import type { LiveState } from "../live.js";
import type { Log } from "../log.js";
import type { Revision } from "../token/claims.js";
import { Backoff } from "./backoff.js";
import { ClientToken } from "./client-token.js";
import { Failure } from "./failure.js";
import { FeedReader } from "./feed.js";
import { createTransport, type Transport } from "./http.js";
import { KeyLoader } from "./keys.js";
import { Issuer } from "./metadata.js";
import { Wakeup } from "./wakeup.js";

export { usualAge } from "./feed.js";

const [FIRST_KEYS_RETRY, MAX_KEYS_RETRY] = [100, 5000];
const [FIRST_FEED_RETRY, MAX_FEED_RETRY] = [50, 2000];
/** The longest wait after a refusal, which does not go away until someone changes the client. */
const MAX_RETRY_REFUSED = 15_000;
/** The time after which keys are loaded a second time after the feed reported a change: another node may lag behind. */
const SECOND_LOAD = 400;

export interface RemoteOptions {
  issuer: string;
  client: readonly [string, string] | undefined;
  state: LiveState;
  clock: Clock;
  log: Log;
  insecureHttp: boolean;
  maxStaleness: number;
  transport: Transport | undefined;
}

/** The progress of a guard that follows an issuer. */
export interface RemoteStatus {
  /** True if the last request to the feed succeeded. */
  connected: boolean;
  cursor: string | undefined;
  policyRevision: Revision | undefined;
  keyLoads: number;
  feedAnswers: number;
  failures: number;
  /** The reason for the last failure, until the same kind of request succeeds. */
  lastFailure: string | undefined;
}

/** Follows an issuer until it is stopped. Requests to the application never wait for it. */
export class Remote {
  readonly #options: RemoteOptions;
  readonly #client: ClientToken | undefined;
  readonly #stop = new AbortController();
  readonly #keysWakeup = new Wakeup();
  readonly #feedWakeup = new Wakeup();
  readonly keys: KeyLoader;
  readonly feed: FeedReader;
  readonly #transport: Transport;
  #keysChanged = false;
  #connected = false;
  #cursor: string | undefined;
  #policyRevision: Revision | undefined;
  #feedAnswers = 0;
  #failures = 0;
  #keysFailure: string | undefined;
  #feedFailure: string | undefined;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#client = options.client && new ClientToken(options.client);
    this.#transport = options.transport ?? createTransport();
    const { state, clock, maxStaleness } = options;
    const issuer = new Issuer(options.issuer, options.insecureHttp);
    const context = { issuer, state, clock, transport: this.#transport, signal: this.#stop.signal };
    this.keys = new KeyLoader(context);
    this.keys.onRequest = () => this.#keysWakeup.wake();
    this.feed = new FeedReader({
      ...context,
      maxStaleness,
      keysChanged: () => {
        this.#keysChanged = true;
        this.#keysWakeup.wake();
      },
      recordAnswer: (cursor, policyRevision) => this.#recordAnswer(cursor, policyRevision),
    });
  }

  start(): void {
    void this.#followKeys();
    if (this.#client) void this.#followFeed(this.#client);
  }

  stop(): void {
    this.#stop.abort();
    this.#keysWakeup.wake();
    this.#feedWakeup.wake();
  }

  requestKeys(): boolean {
    return this.keys.request();
  }

  status(): RemoteStatus {
    return {
      connected: this.#connected,
      cursor: this.#cursor,
      policyRevision: this.#policyRevision,
      keyLoads: this.keys.loads,
      feedAnswers: this.#feedAnswers,
      failures: this.#failures,
      lastFailure: this.#keysFailure ?? this.#feedFailure,
    };
  }

  /** Loads the keys: when they are old, when a token has an unknown key, and when the feed reports a change. */
  async #followKeys(): Promise<void> {
    const backoff = new Backoff(FIRST_KEYS_RETRY);
    while (!this.#stop.signal.aborted) {
      const freshFor = await this.#loadKeys();
      if (freshFor !== undefined) backoff.reset();
      else this.keys.forgetMetadata();
      await this.#keysWakeup.sleep(freshFor ?? backoff.next(MAX_KEYS_RETRY));
      // at once after each change, since a compromised key is removed shortly after the rotation; once more at the end
      while (this.#keysChanged && !this.#stop.signal.aborted) {
        this.#keysChanged = false;
        await this.#loadKeys();
        await this.#keysWakeup.sleep(SECOND_LOAD);
      }
    }
  }

  async #loadKeys(): Promise<number | undefined> {
    const isFirst = this.keys.loads === 0;
    try {
      const freshFor = await this.keys.load();
      if (isFirst || this.#keysFailure !== undefined) this.#log("info", "the issuer's keys are loaded");
      this.#keysFailure = undefined;
      return freshFor;
    } catch (error) {
      const { message } = Failure.of(error);
      if (this.#stop.signal.aborted) return undefined;
      this.#failures += 1;
      // logged only when the reason changes
      if (this.#keysFailure !== message) this.#log("warn", "the issuer's keys cannot be loaded", message);
      this.#keysFailure = message;
      return undefined;
    }
  }

  async #followFeed(client: ClientToken): Promise<void> {
    const backoff = new Backoff(FIRST_FEED_RETRY);
    const { clock, issuer } = this.#options;
    const source = {
      issuer, clock, transport: this.#transport, signal: this.#stop.signal, metadata: () => this.keys.metadata(),
    };
    while (!this.#stop.signal.aborted) {
      try {
        await this.feed.read(client, await client.get(source));
        backoff.reset();
        await this.#feedWakeup.sleep(this.feed.pause);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const failure = Failure.of(error);
        this.#recordFeedFailure(failure);
        await this.#feedWakeup.sleep(backoff.next(failure.isRefusal ? MAX_RETRY_REFUSED : MAX_FEED_RETRY));
      }
    }
  }

  #recordAnswer(cursor: string, policyRevision: Revision): void {
    this.#feedAnswers += 1;
    [this.#cursor, this.#policyRevision, this.#feedFailure] = [cursor, policyRevision, undefined];
    if (!this.#connected) this.#log("info", "connected to the issuer's feed");
    this.#connected = true;
  }

  #recordFeedFailure({ message }: Failure): void {
    this.#failures += 1;
    this.#connected = false;
    if (this.#feedFailure !== message) this.#log("warn", "the issuer's feed cannot be read", message);
    this.#feedFailure = message;
  }

  #log(level: "info" | "warn", message: string, failure?: string): void {
    try {
      this.#options.log({ level, message, issuer: this.#options.issuer, ...(failure !== undefined && { failure }) });
    } catch (error) {
      // a log that fails must not end the reading of the feed
      console.error("rolecall: the log of the guard failed", error);
    }
  }
}
