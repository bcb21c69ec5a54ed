// The keys with which tokens are verified.
import { InvalidToken, KeyError } from "./errors.js";
import { Jwk, malformed, type VerifyingKey } from "./jwk.js";
import { parseJson, type Json } from "./json.js";

/** The maximum length of a JWK Set, in bytes. */
export const MAX_JWKS_BYTES = 256 * 1024;
/** The maximum number of keys in a set. */
export const MAX_KEYS = 100;

/**
 * The keys with which tokens are verified. A set is immutable and checked when it is created.
 *
 * A token is verified only with the key that its `kid` names. If a set has a single key without an id, that key verifies
 * tokens with any `kid` and without one.
 */
export class KeySet {
  static readonly EMPTY = new KeySet([]);
  readonly #fingerprints: Set<string>;

  constructor(readonly keys: readonly VerifyingKey[]) {
    if (keys.length > MAX_KEYS) throw tooMany();
    if (keys.length > 1 && keys.some((key) => key.kid === undefined)) {
      throw new KeyError("missing_key_id", "each key in a set of several keys needs a key id");
    }
    checkDistinct(keys.map((key) => key.kid));
    checkMix(keys.map((key) => key.algorithm.startsWith("HS")));
    this.#fingerprints = new Set(keys.map((key) => key.fingerprint));
  }

  /**
   * Creates a set from a JWK Set (RFC 7517 section 5). Keys with an unknown `kty`, `crv` or `alg` are ignored; anything
   * that could weaken the other keys makes the whole set invalid.
   */
  static fromJwks(json: string): KeySet {
    return read(json, (jwk) => jwk.toKey());
  }

  /** As `fromJwks`, for a set that was fetched: keys for other purposes are ignored, and shared secrets are refused. */
  static fromFetchedJwks(json: string): KeySet {
    return read(json, (jwk) => {
      if (jwk.isSymmetric) throw mixed();
      try {
        return jwk.toKey();
      } catch (error) {
        if (error instanceof KeyError && ["wrong_use", "ambiguous_algorithm"].includes(error.fault)) return undefined;
        throw error;
      }
    });
  }

  get size(): number {
    return this.keys.length;
  }

  /** Returns true if the set contains the key: the same algorithm, id and key material. */
  contains(fingerprint: string): boolean {
    return this.#fingerprints.has(fingerprint);
  }

  /** Returns the only key that may verify a token with this `kid`. */
  select(kid: string | undefined): VerifyingKey {
    const [only] = this.keys;
    if (only && this.keys.length === 1 && only.kid === undefined) return only;
    const key = kid === undefined ? undefined : this.keys.find((one) => one.kid === kid);
    if (!key) throw new InvalidToken("unknown_key");
    return key;
  }
}

function read(json: string, toKey: (jwk: Jwk) => VerifyingKey | undefined): KeySet {
  if (Buffer.byteLength(json) > MAX_JWKS_BYTES) throw malformed("a JWK Set over 256 KiB");
  const jwks = parseJwks(json);
  if (jwks.length > MAX_KEYS) throw tooMany();
  checkDistinct(jwks.map((jwk) => jwk.kid));
  checkMix(jwks.map((jwk) => jwk.isSymmetric));
  return new KeySet(jwks.map(toKey).filter((key) => key !== undefined));
}

function parseJwks(json: string): Jwk[] {
  let set: Json;
  try {
    set = parseJson(json);
  } catch {
    throw malformed("not strict JSON");
  }
  if (!(set instanceof Map)) throw malformed("not a JSON object");
  const keys = set.get("keys");
  if (!Array.isArray(keys)) throw malformed("`keys` is not an array of objects");
  return keys.map((members) => {
    if (!(members instanceof Map)) throw malformed("`keys` is not an array of objects");
    return new Jwk(members);
  });
}

function checkDistinct(kids: (string | undefined)[]): void {
  const present = kids.filter((kid) => kid !== undefined);
  if (new Set(present).size < present.length) {
    throw new KeyError("duplicate_key_id", "two keys have the same key id");
  }
}

/** Refuses a set with both symmetric and asymmetric keys: a public key could then be abused as a secret. */
function checkMix(isSymmetric: boolean[]): void {
  if (new Set(isSymmetric).size > 1) throw mixed();
}

function mixed(): KeyError {
  return new KeyError("mixed_set", "the key set mixes symmetric with asymmetric keys");
}

function tooMany(): KeyError {
  return new KeyError("too_many_keys", "the key set has too many keys");
}
