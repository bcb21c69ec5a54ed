// Verifies the form, algorithm and signature of a token (RFC 7515), but not its claims.
import { decodeBase64url } from "./encoding.js";
import { isAlgorithm } from "./algorithm.js";
import { InvalidToken } from "./errors.js";
import { parseObject, type JsonObject } from "./json.js";
import type { KeySet } from "./keys.js";

/** The maximum length of a token, in bytes. A longer token is refused before it is parsed. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/** The header members that would change the meaning of the payload, and are not supported (RFC 7515 section 4.1.11). */
const EXTENSIONS = ["crit", "b64", "zip", "enc"];

export interface VerifiedJws {
  typ: string | undefined;
  payload: Buffer;
  /** The fingerprint of the key that verified the signature. */
  key: string;
}

/** Verifies the signature of `token` with the key that its `kid` names; header members that contain keys are never used. */
export function verifyJws(keys: KeySet, token: string): VerifiedJws {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw new InvalidToken("too_long");
  const parts = token.split(".", 4);
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    throw new InvalidToken("form");
  }
  const members = parseHeader(decode(header));
  const alg = stringOf(members, "alg");
  if (alg === undefined) throw new InvalidToken("header");
  const [typ, kid] = [stringOf(members, "typ"), stringOf(members, "kid")];
  if (EXTENSIONS.some((name) => members.has(name))) throw new InvalidToken("critical");
  if (!isAlgorithm(alg)) throw new InvalidToken("algorithm");
  const key = keys.select(kid);
  // INVARIANT: the algorithm is the key's; that of the token can only agree (RFC 8725 section 3.1)
  if (key.algorithm !== alg) throw new InvalidToken("algorithm");
  if (!key.accepts(Buffer.from(`${header}.${payload}`), decode(signature))) throw new InvalidToken("signature");
  return { typ, payload: decode(payload), key: key.fingerprint };
}

function decode(part: string): Buffer {
  const bytes = decodeBase64url(part);
  if (!bytes) throw new InvalidToken("encoding");
  return bytes;
}

function parseHeader(bytes: Buffer): JsonObject {
  try {
    return parseObject(bytes);
  } catch {
    throw new InvalidToken("header");
  }
}

function stringOf(members: JsonObject, name: string): string | undefined {
  const value = members.get(name);
  if (value === undefined || typeof value === "string") return value;
  throw new InvalidToken("header");
}
