// What the adapters for the Fetch API share.
import type { Answer } from "./denial.js";

/** Splits what `Headers` joins: a token has no comma, and no scheme follows one in a single credential. */
export function authorizationOfHeaders(headers: Headers): string[] {
  const value = headers.get("authorization");
  if (value === null) return [];
  return /,\s*[!#$%&'*+.^_`|~\w-]+ /.test(value) ? value.split(/,\s*/) : [value];
}

/** Converts an answer to a response of the Fetch API. */
export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}
