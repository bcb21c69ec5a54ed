// The reasons for which a request is refused, and the answers for them (RFC 6750, RFC 9457, RFC 9470).
import { toResponse } from "./fetch.js";
import type { Acr } from "./token/claims.js";

/** The reason for which a request is refused. */
export type DenialReason =
  | { kind: "not_authenticated" | "invalid_token" | "ended_token" | "two_credentials" | "unavailable" | "unguarded" }
  | { kind: "forbidden"; scope: string | undefined }
  | { kind: "step_up"; acr: Acr | undefined; maxAge: number | undefined };

/** An answer that any framework can send. */
export interface Answer {
  readonly status: number;
  /** The headers, with lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const FACTS = {
  not_authenticated: [401, "not_authenticated", "Not authenticated", "Bearer"],
  invalid_token: [401, "invalid_token", "Could not validate credentials", `Bearer error="invalid_token", error_description="The access token is not valid"`],
  ended_token: [401, "ended_token", "Could not validate credentials", `Bearer error="invalid_token", error_description="The access token has ended; refresh it"`],
  two_credentials: [400, "two_credentials", "Send one credential", `Bearer error="invalid_request"`],
  forbidden: [403, "forbidden", "Operation not permitted", undefined],
  step_up: [401, "insufficient_user_authentication", "Sign in again: this needs a stronger or newer sign-in", undefined],
  unavailable: [503, "unavailable", "cannot decide at the moment; try again", undefined],
  unguarded: [500, "internal", "internal error", undefined],
} as const;

const TITLES: Record<number, string> = {
  400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 405: "Method Not Allowed", 500: "Internal Server Error",
  503: "Service Unavailable",
};

/** The longest scope in a challenge, in bytes: whole names are left out beyond it. */
const MAX_SCOPE = 1024;

const BRAND = Symbol.for("rolecall.denial");

/** The error with which a request is refused; adapters send its {@link Denial.answer}. */
export class Denial extends Error {
  readonly [BRAND] = true;

  /** Recognizes a denial also if this package was loaded twice, as ESM and as CommonJS. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
  }

  readonly status: number;
  /** The last part of the problem's `type`. */
  readonly code: string;
  readonly detail: string;
  /** The value of `WWW-Authenticate`, if the answer has one. */
  readonly challenge: string | undefined;
  readonly reason: DenialReason;
  /** The members that explain the refusal: the rule of the route and the roles of the caller. */
  readonly explanation: Readonly<Record<string, unknown>>;

  constructor(reason: DenialReason, explanation: Readonly<Record<string, unknown>> = {}) {
    const [status, code, detail, challenge] = FACTS[reason.kind];
    super(detail);
    this.name = "Denial";
    this.reason = reason;
    this.explanation = explanation;
    [this.status, this.code, this.detail] = [status, code, detail];
    if (reason.kind === "forbidden") this.challenge = insufficientScope(reason.scope);
    else if (reason.kind === "step_up") this.challenge = insufficientAuthentication(reason.acr, reason.maxAge);
    else this.challenge = challenge;
  }

  /** Returns the same denial with the rule of the route and the roles of the caller. */
  explained(rule: string, roles: readonly string[]): Denial {
    return new Denial(this.reason, { rule, roles });
  }

  /** Returns the answer to send. */
  get answer(): Answer {
    const headers: Record<string, string> = {};
    if (this.challenge !== undefined) headers["www-authenticate"] = this.challenge;
    if (this.reason.kind === "unavailable") headers["retry-after"] = "1";
    return problem(this.status, this.code, this.detail, this.explanation, headers);
  }

  /** Returns the answer for the Fetch API; Hono sends it for a denial that a handler throws. */
  getResponse(): Response {
    return toResponse(this.answer);
  }
}

/** Builds a problem document, whose members are ordered by name. */
export function problem(
  status: number,
  code: string,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const own = { type: `urn:rolecall:problem:${code}`, title: TITLES[status] ?? "Error", status, detail };
  const sorted = Object.entries({ ...members, ...own }).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    status,
    // a cache must not give the answer for one caller's credentials to another caller
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
    body: JSON.stringify(Object.fromEntries(sorted)),
  };
}

/** Returns the answer for a method that the path does not have. */
export function methodNotAllowed(allow: string): Answer {
  return problem(405, "method_not_allowed", "Method Not Allowed", {}, { allow });
}

function insufficientAuthentication(acr: Acr | undefined, maxAge: number | undefined): string {
  const values = [`error="insufficient_user_authentication"`];
  if (acr !== undefined) values.push(`acr_values="${acr}"`);
  if (maxAge !== undefined) values.push(`max_age="${maxAge}"`);
  return `Bearer ${values.join(", ")}`;
}

function insufficientScope(scope: string | undefined): string {
  const bare = `Bearer error="insufficient_scope"`;
  const names = scope === undefined ? "" : firstNames(scope);
  // a valid scope needs no escaping; an invalid one could end the quoted string
  const isScope = names.split(" ").every((name) => /^[!#-[\]-~]+$/.test(name));
  return isScope ? `${bare}, scope="${names}"` : bare;
}

function firstNames(scope: string): string {
  const bytes = Buffer.from(scope);
  if (bytes.length <= MAX_SCOPE) return scope;
  const end = bytes.subarray(0, MAX_SCOPE + 1).lastIndexOf(" ");
  return end < 0 ? "" : bytes.subarray(0, end).toString();
}
