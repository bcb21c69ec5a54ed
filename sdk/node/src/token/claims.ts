// The claims of a verified access token, parsed strictly (RFC 9068).
import { InvalidToken } from "./errors.js";
import { Float, parseObject, toPlain, type Json, type JsonObject, type JsonValue } from "./json.js";

/** The assurance of a sign-in, from the lowest. */
export const ACRS = ["aal1", "aal2", "phr"] as const;
/** The assurance of a sign-in: one factor, two factors, or two with a key that cannot be phished. */
export type Acr = (typeof ACRS)[number];
/** A revision of the policy: a number, or a `bigint` where a number is not exact. */
export type Revision = number | bigint;

/** The end of the year 9999, after which no time is valid. */
const MAX_TIME = 253_402_300_799;
const MAX_I64 = 2n ** 63n - 1n;

export interface GlobalClaims {
  roles: string[];
  scope: string | undefined;
}

export interface Claims {
  iss: string;
  sub: string;
  subjectKind: "user" | "client";
  aud: string | string[];
  clientId: string;
  iat: number;
  nbf: number | undefined;
  exp: number;
  jti: string;
  sid: string | undefined;
  authTime: number | undefined;
  acr: Acr | undefined;
  amr: string[];
  stepUp: string[];
  username: string;
  roles: string[];
  scope: string | undefined;
  tenant: string | undefined;
  global: GlobalClaims | undefined;
  narrowed: boolean;
  rev: Revision;
  era: string;
  other: { [name: string]: JsonValue };
  /** The fingerprint of the key that verified the token. */
  key: string;
}

/** Parses the claims; `isForeign` accepts tokens of other software without `client_id` and `jti`. */
export function parseClaims(payload: Uint8Array, key: string, isForeign: boolean): Claims {
  let object: JsonObject;
  try {
    object = parseObject(payload);
  } catch {
    throw new InvalidToken("claims");
  }
  const claims = new Members(object);
  const sub = claims.required("sub");
  const subjectKind = claims.string("subject_kind") ?? "user";
  if (sub === "" || (subjectKind !== "user" && subjectKind !== "client")) throw new InvalidToken("claims");
  const [clientId, jti] = [claims.string("client_id") ?? "", claims.string("jti") ?? ""];
  const isOwn = claims.has("rev") || claims.has("era");
  if ((isOwn || !isForeign) && (clientId === "" || jti === "")) throw new InvalidToken("claims");
  return {
    iss: claims.required("iss"),
    sub,
    subjectKind,
    aud: claims.audience(),
    clientId,
    jti,
    iat: claims.requiredTime("iat"),
    nbf: claims.time("nbf"),
    exp: claims.requiredTime("exp"),
    sid: claims.string("sid"),
    authTime: claims.time("auth_time"),
    acr: claims.acr(),
    amr: claims.methods(),
    stepUp: claims.strings("step_up") ?? [],
    username: claims.string("username") ?? (subjectKind === "user" ? sub : ""),
    roles: claims.strings("roles") ?? [],
    scope: claims.string("scope"),
    tenant: claims.string("tenant"),
    global: claims.global(),
    narrowed: claims.boolean("narrowed"),
    rev: claims.revision("rev"),
    era: claims.string("era") ?? "",
    other: claims.rest(),
    key,
  };
}

/** Takes members out one by one; `rest` has those that were not taken. */
class Members {
  readonly #taken = new Set<string>();

  constructor(readonly members: JsonObject) {}

  has(name: string): boolean {
    return this.members.has(name);
  }

  #take(name: string): Json | undefined {
    this.#taken.add(name);
    return this.members.get(name);
  }

  string(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === "string") return value;
    throw new InvalidToken("claims");
  }

  required(name: string): string {
    return present(this.string(name));
  }

  strings(name: string): string[] | undefined {
    const value = this.#take(name);
    if (value === undefined || isStrings(value)) return value;
    throw new InvalidToken("claims");
  }

  boolean(name: string): boolean {
    const value = this.#take(name) ?? (this.members.has(name) ? null : false);
    if (typeof value !== "boolean") throw new InvalidToken("claims");
    return value;
  }

  revision(name: string): Revision {
    const value = this.#take(name);
    if (value === undefined) return 0;
    if ((typeof value === "number" || typeof value === "bigint") && value >= 0 && value <= MAX_I64) return value;
    throw new InvalidToken("claims");
  }

  /** Returns a `NumericDate` in whole seconds; a fraction is rounded down (RFC 7519 section 2). */
  time(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const number = value instanceof Float ? value.value : value;
    if (typeof number !== "number" || Object.is(number, -0)) throw new InvalidToken("claims");
    const seconds = Math.floor(number);
    if (seconds < 0 || seconds > MAX_TIME) throw new InvalidToken("claims");
    return seconds;
  }

  requiredTime(name: string): number {
    return present(this.time(name));
  }

  /** Returns the assurance; one that is not rolecall's stays a claim of the application. */
  acr(): Acr | undefined {
    const value = this.members.get("acr");
    if (value === undefined) return undefined;
    if (typeof value !== "string") throw new InvalidToken("claims");
    const acr = ACRS.find((one) => one === value);
    if (acr) this.#take("acr");
    return acr;
  }

  /** Returns the methods; another form stays a claim of the application, since nothing depends on it. */
  methods(): string[] {
    const value = this.members.get("amr");
    if (value === undefined || !isStrings(value)) return [];
    this.#take("amr");
    return value;
  }

  global(): GlobalClaims | undefined {
    const value = this.#take("global");
    if (value === undefined) return undefined;
    if (!(value instanceof Map)) throw new InvalidToken("claims");
    const members = new Members(value);
    return { roles: members.strings("roles") ?? [], scope: members.string("scope") };
  }

  audience(): string | string[] {
    const value = this.#take("aud");
    if (typeof value === "string") return value;
    if (value !== undefined && isStrings(value) && value.length > 0) return value;
    throw new InvalidToken("claims");
  }

  rest(): { [name: string]: JsonValue } {
    const rest = Object.create(null) as { [name: string]: JsonValue };
    for (const [name, value] of this.members) if (!this.#taken.has(name)) rest[name] = toPlain(value);
    return rest;
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new InvalidToken("claims");
  return value;
}

function isStrings(value: Json): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
