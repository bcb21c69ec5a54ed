// The errors of tokens and keys. None of them holds text of a token or a key, so that all can be logged.

/** The reason why a token was refused, as one word for logs and metrics. */
export type Reason =
  | "too_long" | "form" | "encoding" | "header" | "critical" | "algorithm" | "unknown_key" | "signature"
  | "typ" | "claims" | "issuer" | "audience" | "not_yet_valid" | "lifetime";

/** The error for a token that is not valid, whether or not it has expired. */
export class InvalidToken extends Error {
  constructor(readonly reason: Reason) {
    super(`the access token is not valid: ${reason}`);
  }
}

/** The error for a token that has expired and is otherwise valid. */
export class ExpiredToken extends Error {
  constructor() {
    super("the access token has expired");
  }
}

export type KeyFault =
  | "malformed" | "short_secret" | "weak" | "mismatched" | "ambiguous_algorithm" | "wrong_use" | "private_key" | "key_id"
  | "duplicate_key_id" | "missing_key_id" | "mixed_set" | "too_many_keys";

/** The reason why a key or a key set was refused when it was loaded. */
export class KeyError extends Error {
  constructor(readonly fault: KeyFault, message: string) {
    super(message);
    this.name = "KeyError";
  }
}
