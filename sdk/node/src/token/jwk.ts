// A strict parser for JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037).
import { createHash, createHmac, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { acceptsSignature, algorithmOfCurve, factsOf, isAlgorithm, type Algorithm } from "./algorithm.js";
import { decodeBase64url, encodeBase64url } from "./encoding.js";
import { KeyError } from "./errors.js";
import type { Json, JsonObject } from "./json.js";

/** The members that only a private key has (RFC 7518 sections 6.2.2 and 6.3.2). */
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth"];
const SUPPORTED = ["oct", "EC", "OKP", "RSA"];
/** The maximum length of a key id, in bytes. */
const MAX_KID_BYTES = 256;
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];
/** The encodings of points of low order of Curve25519. With such a key, one signature is valid for many messages. */
const LOW_ORDER = [
  `${"00".repeat(32)}`, `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`, `ed${"ff".repeat(30)}7f`, `ee${"ff".repeat(30)}7f`,
];

/** A key that verifies tokens of one algorithm. It is parsed and checked when it is loaded. */
export class VerifyingKey {
  /** Identifies algorithm, key id and key material. */
  readonly fingerprint: string;
  readonly #key: KeyObject;

  private constructor(readonly algorithm: Algorithm, readonly kid: string | undefined, key: KeyObject, parts: Buffer[]) {
    this.#key = key;
    const hash = createHash("sha256");
    for (const part of [Buffer.from(algorithm), Buffer.from(kid ?? ""), ...parts]) {
      hash.update(`${part.length}:`).update(part);
    }
    this.fingerprint = hash.digest("base64url");
  }

  /** Creates a key from a shared secret, which must be at least as long as the hash (RFC 7518 section 3.2). */
  static fromSecret(algorithm: Algorithm, kid: string | undefined, secret: Uint8Array): VerifyingKey {
    const least = factsOf(algorithm).macLength;
    if (least === undefined) throw new KeyError("mismatched", `the key is not a valid ${algorithm} key`);
    if (secret.length < least) {
      throw new KeyError("short_secret", `the secret has ${secret.length} bytes, ${algorithm} needs at least ${least}`);
    }
    const key = createSecretKey(secret);
    // a MAC instead of a plain hash, so that guessing the secret from it is no easier than from a token
    const tag = createHmac(factsOf(algorithm).hash ?? "", key).update("rolecall key fingerprint").digest();
    return new VerifyingKey(algorithm, checkedKid(kid), key, [tag]);
  }

  /** Creates a key from the parts of a public JWK. */
  static fromPublic(algorithm: Algorithm, kid: string | undefined, parts: Record<string, Buffer>): VerifyingKey {
    const { kty, curve } = factsOf(algorithm);
    const mismatched = () => new KeyError("mismatched", `the key is not a valid ${algorithm} key`);
    if (kty === "RSA") checkRsa(parts["n"] ?? Buffer.alloc(0), parts["e"] ?? Buffer.alloc(0));
    else if (Object.values(parts).some((part) => part.length !== curve?.[1])) throw mismatched();
    if (kty === "OKP" && hasLowOrder(parts["x"] ?? Buffer.alloc(0))) throw new KeyError("weak", "the key is too weak: a point of low order");
    const jwk: Record<string, string> = { kty, ...(curve && { crv: curve[0] }) };
    for (const [name, part] of Object.entries(parts)) jwk[name] = encodeBase64url(part);
    let key: KeyObject;
    try {
      key = createPublicKey({ key: jwk, format: "jwk" });
    } catch {
      throw mismatched();
    }
    return new VerifyingKey(algorithm, checkedKid(kid), key, Object.values(parts));
  }

  /** Returns true if `signature` is a valid signature of `message`. */
  accepts(message: Buffer, signature: Buffer): boolean {
    return acceptsSignature(this.algorithm, this.#key, message, signature);
  }
}

/** A JWK that was parsed but not checked. */
export class Jwk {
  constructor(readonly members: JsonObject) {}

  get kid(): string | undefined {
    return this.#string("kid");
  }

  get isSymmetric(): boolean {
    return this.members.get("kty") === "oct";
  }

  /** Checks the key and returns it, or `undefined` if its type or algorithm is not supported. */
  toKey(): VerifyingKey | undefined {
    const kty = this.#string("kty");
    if (kty === undefined) throw malformed("a key without `kty`");
    // RFC 7517 section 5: keys that are not understood are ignored
    if (!SUPPORTED.includes(kty)) return undefined;
    if (kty !== "oct" && PRIVATE.some((name) => this.members.has(name))) {
      throw new KeyError("private_key", "the key set contains a private key");
    }
    this.#checkUse();
    const algorithm = this.#algorithm(kty);
    if (!algorithm) return undefined;
    const kid = this.kid;
    if (kty === "oct") return VerifyingKey.fromSecret(algorithm, kid, this.#bytes("k"));
    const names = { EC: ["x", "y"], OKP: ["x"], RSA: ["n", "e"] }[kty] ?? [];
    const parts = Object.fromEntries(names.map((name) => [name, this.#bytes(name)]));
    return VerifyingKey.fromPublic(algorithm, kid, parts);
  }

  /** Checks that the key may verify signatures (RFC 7517 sections 4.2 and 4.3). */
  #checkUse(): void {
    const wrongUse = new KeyError("wrong_use", "the key is not for verifying signatures");
    if ((this.#string("use") ?? "sig") !== "sig") throw wrongUse;
    const operations = this.members.get("key_ops");
    if (operations === undefined) return;
    if (!isStrings(operations)) throw malformed("`key_ops` is not an array of strings");
    if (!operations.includes("verify") || !operations.every((one) => one === "verify" || one === "sign")) throw wrongUse;
  }

  /** INVARIANT: the algorithm comes from the key, never from a token. */
  #algorithm(kty: string): Algorithm | undefined {
    const candidates: Algorithm[] = [];
    const alg = this.#string("alg");
    if (alg !== undefined) {
      if (!isAlgorithm(alg)) return undefined;
      candidates.push(alg);
    }
    if (kty === "EC" || kty === "OKP") {
      const curve = this.#string("crv");
      if (curve === undefined) throw malformed("a key without `crv`");
      const algorithm = algorithmOfCurve(curve);
      if (!algorithm) return undefined;
      candidates.push(algorithm);
    }
    const [algorithm, other] = candidates;
    if (!algorithm) throw new KeyError("ambiguous_algorithm", "the algorithm of the key is ambiguous; add `alg` to it");
    if (factsOf(algorithm).kty !== kty || (other && other !== algorithm)) {
      throw new KeyError("mismatched", `the key is not a valid ${algorithm} key`);
    }
    return algorithm;
  }

  #string(name: string): string | undefined {
    const value = this.members.get(name);
    if (value === undefined || typeof value === "string") return value;
    throw malformed("a member of a key is not a string");
  }

  #bytes(name: string): Buffer {
    const text = this.#string(name);
    if (text === undefined) throw malformed("a member of a key is missing");
    const bytes = decodeBase64url(text);
    if (!bytes) throw malformed("a member of a key is not base64url");
    return bytes;
  }
}

export function malformed(what: string): KeyError {
  return new KeyError("malformed", `malformed JWK or JWK Set: ${what}`);
}

function isStrings(value: Json): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function checkedKid(kid: string | undefined): string | undefined {
  if (kid !== undefined && (kid === "" || Buffer.byteLength(kid) > MAX_KID_BYTES)) {
    throw new KeyError("key_id", "a key id must have 1 to 256 bytes");
  }
  return kid;
}

function hasLowOrder(x: Buffer): boolean {
  const y = Buffer.from(x);
  // the highest bit is the sign of the other coordinate
  y[31] = (y[31] ?? 0) & 0x7f;
  return LOW_ORDER.includes(y.toString("hex"));
}

function checkRsa(n: Buffer, e: Buffer): void {
  const weak = (what: string) => new KeyError("weak", `the key is too weak: ${what}`);
  const [first] = n;
  const last = n.at(-1);
  if (first === undefined || last === undefined) throw weak("no modulus");
  // RFC 7518 section 2: a Base64urlUInt has no leading zeros, so that each key has exactly one form
  if (first === 0 || !e[0]) throw malformed("a number with leading zeros");
  const bits = n.length * 8 - (Math.clz32(first) - 24);
  if (bits < 2048) throw weak("an RSA modulus under 2048 bits");
  if (bits > 8192) throw malformed("an RSA modulus over 8192 bits");
  const residue = (prime: number) => n.reduce((sum, byte) => (sum * 256 + byte) % prime, 0);
  if (last % 2 === 0 || PRIMES.some((prime) => residue(prime) === 0)) throw weak("an RSA modulus with a small factor");
  if (e.length > 5) throw malformed("an RSA exponent over 33 bits");
  const exponent = e.reduce((sum, byte) => sum * 256 + byte, 0);
  if (exponent < 65537 || exponent % 2 === 0) throw weak("an RSA exponent that is even or under 65537");
}
