// Verifies access tokens: signature, type and claims.
import { parseClaims, type Claims } from "./claims.js";
import { ExpiredToken, InvalidToken } from "./errors.js";
import { verifyJws } from "./jws.js";
import type { KeySet } from "./keys.js";

/** The longest lifetime of a token that is accepted, in seconds. */
const MAX_LIFETIME = 24 * 60 * 60;
/** The time by which the clocks of issuer and guard may differ, in seconds. It is for `iat` and `nbf` alone. */
export const LEEWAY = 30;

export interface VerifierOptions {
  issuer: string;
  audiences: readonly string[];
  isForeign: boolean;
}

/** Verifies an access token at `now`, in milliseconds since 1970. */
export function verifyToken(options: VerifierOptions, keys: KeySet, token: string, now: number): Claims {
  const { typ, payload, key } = verifyJws(keys, token);
  if (!["at+jwt", "application/at+jwt"].includes(asciiLower(typ ?? ""))) throw new InvalidToken("typ");
  const claims = parseClaims(payload, key, options.isForeign);
  if (claims.iss !== options.issuer) throw new InvalidToken("issuer");
  const audiences = [claims.aud].flat();
  if (!options.audiences.some((one) => audiences.includes(one))) throw new InvalidToken("audience");
  const latest = now + LEEWAY * 1000;
  if (claims.iat * 1000 > latest || (claims.nbf ?? 0) * 1000 > latest) throw new InvalidToken("not_yet_valid");
  if (claims.exp - claims.iat > MAX_LIFETIME) throw new InvalidToken("lifetime");
  if (now >= claims.exp * 1000) throw new ExpiredToken();
  return claims;
}

/** Unlike `toLowerCase`, this maps no other letter, such as the Kelvin sign, to one of ASCII. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
