// The signature algorithms that are supported.
import { constants, createHmac, timingSafeEqual, verify, type KeyObject } from "node:crypto";

/** A signature algorithm (RFC 7518 section 3.1, RFC 8037). */
export type Algorithm = keyof typeof ALGORITHMS;

type Kty = "oct" | "EC" | "OKP" | "RSA";

export interface AlgorithmFacts {
  kty: Kty;
  hash: string | undefined;
  /** The curve, and the length of a coordinate in bytes. */
  curve?: readonly [string, number];
  /** The length of the hash of an HMAC, in bytes. */
  macLength?: number;
  isPss?: boolean;
}

const hmac = (hash: string, macLength: number) => ({ kty: "oct" as const, hash, macLength });
const ec = (hash: string, curve: string, length: number) => ({ kty: "EC" as const, hash, curve: [curve, length] as const });
const rsa = (hash: string, isPss: boolean) => ({ kty: "RSA" as const, hash, isPss });

export const ALGORITHMS = {
  HS256: hmac("sha256", 32),
  HS384: hmac("sha384", 48),
  HS512: hmac("sha512", 64),
  ES256: ec("sha256", "P-256", 32),
  ES384: ec("sha384", "P-384", 48),
  ES512: ec("sha512", "P-521", 66),
  EdDSA: { kty: "OKP" as const, hash: undefined, curve: ["Ed25519", 32] as const },
  RS256: rsa("sha256", false),
  RS384: rsa("sha384", false),
  RS512: rsa("sha512", false),
  PS256: rsa("sha256", true),
  PS384: rsa("sha384", true),
  PS512: rsa("sha512", true),
} satisfies Record<string, AlgorithmFacts>;

export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(ALGORITHMS, name);
}

export function factsOf(algorithm: Algorithm): AlgorithmFacts {
  return ALGORITHMS[algorithm];
}

/** Returns the algorithm of a curve. */
export function algorithmOfCurve(curve: string): Algorithm | undefined {
  const names = Object.keys(ALGORITHMS) as Algorithm[];
  return names.find((name) => factsOf(name).curve?.[0] === curve);
}

/** Returns true if `signature` is valid for `message`; an HMAC is compared in constant time. */
export function acceptsSignature(algorithm: Algorithm, key: KeyObject, message: Buffer, signature: Buffer): boolean {
  const { kty, hash, curve, isPss } = factsOf(algorithm);
  if (kty === "oct") {
    const mac = createHmac(hash ?? "", key).update(message).digest();
    return mac.length === signature.length && timingSafeEqual(mac, signature);
  }
  try {
    if (kty === "EC") {
      if (signature.length !== 2 * (curve?.[1] ?? 0)) return false;
      return verify(hash, message, { key, dsaEncoding: "ieee-p1363" }, signature);
    }
    if (kty === "OKP") return signature.length === 64 && verify(null, message, key, signature);
    const padding = isPss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
    const saltLength = isPss ? constants.RSA_PSS_SALTLEN_DIGEST : undefined;
    return verify(hash, message, { key, padding, ...(saltLength !== undefined && { saltLength }) }, signature);
  } catch {
    // OpenSSL reports a signature that cannot be one as an error
    return false;
  }
}
