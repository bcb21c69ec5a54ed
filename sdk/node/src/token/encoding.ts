// Canonical base64url without padding, as JOSE uses it (RFC 7515 section 2).

/** Decodes canonical text; returns `undefined` for padding, white space, another alphabet and non-zero trailing bits. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Node skips what it does not know, so only text that is encoded to the same text was canonical
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** Encodes bytes without padding. */
export function encodeBase64url(bytes: Uint8Array | string): string {
  return Buffer.from(bytes as Uint8Array).toString("base64url");
}
