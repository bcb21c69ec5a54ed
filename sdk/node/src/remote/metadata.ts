// Discovers the URLs of an issuer: authorization server metadata (RFC 8414), or else OpenID Connect Discovery.
import { isIP } from "node:net";
import { parseObject, type JsonObject } from "../token/json.js";
import { Failure } from "./failure.js";
import type { HttpAnswer, Transport } from "./http.js";

const MAX_BYTES = 64 * 1024;
export const TIMEOUT = 5000;
/** The nesting that is read in documents of which most members are ignored. */
export const DOCUMENT_DEPTH = 128;

/** The URLs that a guard needs. */
export interface Metadata {
  jwks: string;
  token: string | undefined;
}

/** An issuer with a valid URL. */
export class Issuer {
  readonly #url: URL;

  constructor(readonly name: string, readonly insecureHttp: boolean) {
    if (/[?#@]/.test(name)) throw new TypeError("keys cannot be loaded from the issuer: its URL has a query, a fragment or a user name");
    if (!URL.canParse(name) || !/^https?:\/\/[^/]/i.test(name)) throw new TypeError("keys cannot be loaded from the issuer: it is not a URL");
    this.#url = new URL(name);
    if (!this.#isSecure && !this.#allowsHttp(this.#url)) {
      throw new TypeError("keys cannot be loaded from the issuer: its URL is not https; set `insecureHttp` to allow that on a trusted network");
    }
  }

  get #isSecure(): boolean {
    return this.#url.protocol === "https:";
  }

  /** Returns the URL of a path below the issuer. */
  urlOf(path: string): string {
    return `${this.name.replace(/\/+$/, "")}${path}`;
  }

  /** Checks that a URL from the metadata is as secure as the issuer's own. */
  checkUrl(url: string): string {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    // metadata that was loaded over TLS must not lead to plain http
    const isAllowed = parsed?.protocol === "https:" || (parsed && !this.#isSecure && this.#allowsHttp(parsed));
    if (!isAllowed) throw new Failure("a URL of the issuer is not https, and plain http is not allowed");
    return url;
  }

  #allowsHttp(url: URL): boolean {
    return url.protocol === "http:" && (this.insecureHttp || isLoopback(url.hostname));
  }

  /** RFC 8414 section 3.1 inserts the well-known part before the issuer's path, OpenID Connect appends it. */
  metadataUrls(): [string, string] {
    const path = this.#url.pathname.replace(/\/+$/, "");
    const root = this.name.replace(/\/+$/, "");
    const origin = path !== "" && root.endsWith(path) ? root.slice(0, -path.length) : root;
    return [`${origin}/.well-known/oauth-authorization-server${path}`, this.urlOf("/.well-known/openid-configuration")];
  }

  /** Loads the URLs of the issuer's keys and token endpoint. */
  async discover(transport: Transport, signal: AbortSignal): Promise<Metadata> {
    const [first, second] = this.metadataUrls();
    let answer = await get(transport, first, MAX_BYTES, signal);
    if (answer.status === 404) answer = await get(transport, second, MAX_BYTES, signal);
    if (answer.status !== 200) throw Failure.status("the request for the metadata", answer.status);
    const document = parseDocument(answer.body, "metadata");
    const [issuer, jwks, token] = ["issuer", "jwks_uri", "token_endpoint"].map((name) => document.get(name) ?? undefined);
    if (typeof issuer !== "string" || typeof jwks !== "string" || (token !== undefined && typeof token !== "string")) {
      throw Failure.malformed("metadata");
    }
    // RFC 8414 section 3.3: the issuer must be identical, so that no server can act for another one
    if (issuer !== this.name) throw new Failure("the metadata names another issuer");
    return { jwks: this.checkUrl(jwks), token: token === undefined ? undefined : this.checkUrl(token) };
  }
}

/** Sends a `GET` request that no cache answers, since a cache must not hide that a key was removed. */
export function get(transport: Transport, url: string, limit: number, signal: AbortSignal): Promise<HttpAnswer> {
  const headers = { accept: "application/json", "cache-control": "no-cache" };
  return transport({ method: "GET", url, headers, limit, timeout: TIMEOUT, signal });
}

export function parseDocument(body: Uint8Array, what: string): JsonObject {
  try {
    return parseObject(body, DOCUMENT_DEPTH);
  } catch {
    throw Failure.malformed(what);
  }
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
