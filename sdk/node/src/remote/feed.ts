// Reads the issuer's feed of revocations and updates the guard's state.
import type { Clock } from "../clock.js";
import { FLOOR_KINDS, type Floor, type FloorKind } from "../floors.js";
import { questionAt, type LiveState } from "../live.js";
import type { Revision } from "../token/claims.js";
import type { Json, JsonObject } from "../token/json.js";
import type { ClientToken } from "./client-token.js";
import { formEncoded } from "./client-token.js";
import { Failure } from "./failure.js";
import type { HttpAnswer, Transport } from "./http.js";
import { parseDocument, TIMEOUT, type Issuer } from "./metadata.js";
import { parseTime } from "./time.js";

/** The maximum length of an answer; one with the largest number of floors is shorter. */
const MAX_BYTES = 16 * 1024 * 1024;
/** The longest time for which the issuer may hold a request, in seconds. */
const MAX_WAIT_SECONDS = 10;
/** The longest pause between requests that are not held, so that revocations are read within a second. */
const MAX_PAUSE = 250;
/** The time that an answer may be late, beyond the time for which the issuer holds the request. */
const LATE = 2000;
/** The pause after an answer, so that an issuer that always answers at once does not keep the guard busy. */
const MIN_PAUSE = 10;
/** The pause between requests while a token asks for the newest revision. */
const ASKED_PAUSE = 100;
const PRUNE_INTERVAL = 60_000;
/** The longest lifetime of a token that a guard accepts. */
const MAX_LIFETIME = 24 * 60 * 60 * 1000;
const MAX_I64 = 2n ** 63n - 1n;
const MIN_I64 = -(2n ** 63n);

/** What the reader needs of the guard. */
export interface FeedContext {
  issuer: Issuer;
  state: LiveState;
  clock: Clock;
  transport: Transport;
  maxStaleness: number;
  signal: AbortSignal;
  keysChanged(): void;
  recordAnswer(cursor: string, policyRevision: Revision): void;
}

interface FeedAnswer {
  cursor: string;
  era: string;
  ageMs: number;
  floors: Floor[];
  policyRevision: Revision;
  revision: Revision | undefined;
  forgetBefore: string | undefined;
  keysRevision: Revision | undefined;
  more: boolean;
}

/** Returns the time for which the issuer is asked to hold a request, in seconds: several must fit into the staleness. */
function waitWithin(maxStaleness: number): number {
  return Math.min(Math.floor(maxStaleness / 6000), MAX_WAIT_SECONDS);
}

/** Returns the greatest age of the state while the issuer answers, in milliseconds. */
export function usualAge(maxStaleness: number): number {
  return Math.min(waitWithin(maxStaleness) * 1000 + LATE, maxStaleness);
}

/** The position in the feed. */
export class FeedReader {
  #cursor = "";
  /** An era and the floors of it that were read so far, while the whole state of a new era is being read. */
  #pending: { era: string; floors: Floor[] } | undefined;
  #keysRevision: Revision | undefined;
  #prunedAt = 0;

  constructor(readonly context: FeedContext) {}

  /** Returns the pause after an answer, in milliseconds. */
  get pause(): number {
    const { state, maxStaleness } = this.context;
    if (state.isAsked) return ASKED_PAUSE;
    return waitWithin(maxStaleness) > 0 ? MIN_PAUSE : Math.min(maxStaleness / 6, MAX_PAUSE);
  }

  get #wait(): number {
    const { state, maxStaleness } = this.context;
    if (state.isAsked) return 0;
    const wait = waitWithin(maxStaleness);
    // even an answer without news makes the state fresh
    return state.age > maxStaleness / 2 ? Math.min(wait, 1) : wait;
  }

  /** Sends one request with `token` and applies the answer; a question ends a request that the issuer holds. */
  async read(client: ClientToken, token: string): Promise<void> {
    const { state, clock, signal } = this.context;
    const sentAt = clock.monotonic();
    const wait = this.#wait;
    const request = new AbortController();
    const stop = () => request.abort();
    let isAsked = false;
    const unsubscribe = state.onQuestion(() => {
      isAsked = wait > 0;
      if (isAsked) stop();
    });
    signal.addEventListener("abort", stop);
    try {
      this.receive(await this.#request(token, wait, request.signal), sentAt);
    } catch (error) {
      if (isAsked && request.signal.aborted) return;
      const failure = Failure.of(error);
      // the token may be the reason, so the next attempt uses a new one
      if (failure.isRefusal) client.forget(token);
      throw failure;
    } finally {
      unsubscribe();
      signal.removeEventListener("abort", stop);
    }
  }

  #request(token: string, wait: number, signal: AbortSignal): Promise<HttpAnswer> {
    const { issuer, transport } = this.context;
    return transport({
      method: "GET",
      url: issuer.urlOf(`/api/feed?after=${formEncoded(this.#cursor)}&wait=${wait}`),
      headers: { accept: "application/json", authorization: `Bearer ${token}` },
      limit: MAX_BYTES,
      timeout: wait * 1000 + TIMEOUT,
      signal,
    });
  }

  /** Applies an answer to the state; `sentAt` is the monotonic time at which the request was sent. */
  receive({ status, body }: Pick<HttpAnswer, "status" | "body">, sentAt: number): void {
    if (status !== 200) throw Failure.status("the request for the feed", status);
    const { state, clock } = this.context;
    const answer = parseAnswer(body);
    this.#applyFloors(answer);
    this.#cursor = answer.cursor;
    if (this.#keysRevision !== answer.keysRevision) {
      this.#keysRevision = answer.keysRevision;
      this.context.keysChanged();
    }
    const now = clock.monotonic();
    if (!answer.more) {
      // INVARIANT: the node may have answered from what it knew when the request was sent, so the state is at least as
      // old as the request
      state.markFresh(answer.ageMs + Math.max(0, now - sentAt));
      // questions are numbered by their time; only the earlier ones are answered
      if (answer.revision !== undefined) state.answer(questionAt(sentAt - answer.ageMs), answer.revision);
    }
    if (now - this.#prunedAt >= PRUNE_INTERVAL) {
      this.#prunedAt = now;
      // the issuer's time, since this clock may be wrong
      const { forgetBefore } = answer;
      state.prune(forgetBefore === undefined ? clock.now() - MAX_LIFETIME : (parseTime(forgetBefore) ?? 0));
    }
    this.context.recordAnswer(this.#cursor, answer.policyRevision);
  }

  #applyFloors({ era, floors, more }: FeedAnswer): void {
    const { state } = this.context;
    if (era === state.era) {
      this.#pending = undefined;
      state.raise(floors);
      return;
    }
    // the era is replaced only once all of its floors are known
    const known = this.#pending?.era === era ? this.#pending.floors : [];
    const all = known.concat(floors);
    this.#pending = more ? { era, floors: all } : undefined;
    if (!more) state.replace(era, all);
  }
}

function parseAnswer(body: Uint8Array): FeedAnswer {
  const members = parseDocument(body, "feed");
  const floors = members.get("floors");
  const ageMs = members.get("age_ms");
  const more = members.get("more") ?? (members.has("more") ? null : false);
  if (!Array.isArray(floors) || (typeof ageMs !== "number" && typeof ageMs !== "bigint") || ageMs < 0 || typeof more !== "boolean") {
    throw Failure.malformed("feed");
  }
  return {
    cursor: text(members, "cursor"),
    era: text(members, "era"),
    ageMs: Number(ageMs),
    floors: floors.map(parseFloor),
    policyRevision: revision(members.get("policy_revision")),
    revision: optional(members.get("revision"), revision),
    forgetBefore: members.get("forget_before") == null ? undefined : text(members, "forget_before"),
    keysRevision: optional(members.get("keys_revision"), revision),
    more,
  };
}

function parseFloor(value: Json): Floor {
  if (!(value instanceof Map)) throw Failure.malformed("feed");
  const kind = text(value, "kind");
  const until = parseTime(text(value, "until"));
  // INVARIANT: an unknown kind makes the whole answer invalid, so that no revocation is ignored
  if (!isKind(kind) || until === undefined) throw Failure.malformed("feed");
  const tenant = value.get("tenant") == null ? "" : text(value, "tenant");
  // a floor for no tenant is one for all tokens
  return { kind, key: text(value, "key"), tenant: tenant === "" ? undefined : tenant, revision: revision(value.get("revision")), until };
}

function isKind(kind: string): kind is FloorKind {
  return (FLOOR_KINDS as readonly string[]).includes(kind);
}

function text(members: JsonObject, name: string): string {
  const value = members.get(name);
  if (typeof value !== "string") throw Failure.malformed("feed");
  return value;
}

function revision(value: Json | undefined): Revision {
  if (typeof value === "number" || (typeof value === "bigint" && value <= MAX_I64 && value >= MIN_I64)) return value;
  throw Failure.malformed("feed");
}

function optional<T>(value: Json | undefined, parse: (value: Json) => T): T | undefined {
  return value === undefined || value === null ? undefined : parse(value);
}
