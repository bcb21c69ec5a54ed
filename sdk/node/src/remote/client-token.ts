// The access token with which the guard calls the issuer.
import type { Clock } from "../clock.js";
import { Failure } from "./failure.js";
import type { Transport } from "./http.js";
import { parseDocument, TIMEOUT, type Metadata } from "./metadata.js";

const MAX_ANSWER = 64 * 1024;
/** The lifetime that is assumed for a token without `expires_in`, in seconds. */
const DEFAULT_LIFETIME = 60;

/** What a client token needs of the guard. */
export interface TokenSource {
  issuer: string;
  clock: Clock;
  transport: Transport;
  signal: AbortSignal;
  /** Resolves once the metadata is loaded. */
  metadata(): Promise<Metadata>;
}

/** The client of the guard, and its current access token. */
export class ClientToken {
  readonly #basic: string;
  #current: { text: string; renewAt: number } | undefined;

  constructor([id, secret]: readonly [string, string]) {
    // both parts are form-encoded (RFC 6749 section 2.3.1)
    this.#basic = `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64")}`;
  }

  /** Returns the current token, or requests one. */
  async get(source: TokenSource): Promise<string> {
    const now = source.clock.monotonic();
    if (!this.#current || now >= this.#current.renewAt) this.#current = await this.#fetch(source);
    return this.#current.text;
  }

  /** Forgets a token that the issuer has refused, unless there is another one by now. */
  forget(refused: string): void {
    if (this.#current?.text === refused) this.#current = undefined;
  }

  /** Requests an access token for the issuer itself (RFC 6749 section 4.4). */
  async #fetch({ issuer, clock, transport, signal, metadata }: TokenSource): Promise<{ text: string; renewAt: number }> {
    const { token: url } = await metadata();
    if (url === undefined) throw new Failure("the metadata has no token endpoint");
    const sentAt = clock.monotonic();
    const answer = await transport({
      method: "POST",
      url,
      headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded", authorization: this.#basic },
      body: new URLSearchParams({ grant_type: "client_credentials", audience: issuer }).toString(),
      limit: MAX_ANSWER,
      timeout: TIMEOUT,
      signal,
    });
    if (answer.status !== 200) throw Failure.status("the request for a token", answer.status);
    const document = parseDocument(answer.body, "token");
    const text = document.get("access_token");
    const lifetime = document.get("expires_in") ?? DEFAULT_LIFETIME;
    if (typeof text !== "string" || typeof lifetime !== "number" || lifetime < 0) throw Failure.malformed("token");
    return { text, renewAt: sentAt + lifetime * 800 };
  }
}

/** Encodes text as in `application/x-www-form-urlencoded`. */
export function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
