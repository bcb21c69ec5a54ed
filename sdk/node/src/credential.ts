// Parses the `Authorization` header (RFC 6750 section 2.1, RFC 9110 section 11.4).
import { Denial } from "./denial.js";

const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** The values of all `Authorization` headers of a request, in order. */
export type AuthorizationValues = readonly string[];

/** Returns the token of the one `Authorization` header; throws a {@link Denial} otherwise. */
export function bearerToken(values: AuthorizationValues): string {
  const [value] = values;
  if (value === undefined) throw new Denial({ kind: "not_authenticated" });
  if (values.length > 1) throw new Denial({ kind: "two_credentials" });
  const space = value.indexOf(" ");
  const scheme = space < 0 ? value : value.slice(0, space);
  if (!/^[Bb][Ee][Aa][Rr][Ee][Rr]$/.test(scheme)) throw new Denial({ kind: "not_authenticated" });
  // RFC 9110 allows `1*SP` here, so no other white space is trimmed
  const token = value.slice(scheme.length).replace(/^ +/, "").replace(/ +$/, "");
  if (token === "") throw new Denial({ kind: "not_authenticated" });
  if (!TOKEN.test(token)) throw new Denial({ kind: "invalid_token" });
  return token;
}

/** Returns the values of all `Authorization` headers among Node's raw headers, which hide no second one. */
export function authorizationOf(rawHeaders: readonly string[]): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === 13 && name.toLowerCase() === "authorization") values.push(rawHeaders[index + 1] ?? "");
  }
  return values;
}
