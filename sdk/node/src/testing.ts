// A test kit: an issuer without a server, and a test of the access matrix.
import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { ManualClock } from "./clock.js";
import { Denial } from "./denial.js";
import { Guard, type GuardOptions } from "./guard.js";
import { LiveState } from "./live.js";
import { AccessMatrix, admission, Caller, cellOf, OTHER_TENANT, permissionsOf, SOME_TENANT, type Cell, type Column } from "./matrix.js";
import { Policy, type PolicyDocument } from "./policy.js";
import { routesOf, type GuardedRoutes, type RouteAccess } from "./routes.js";
import { stepUp } from "./step-up.js";
import type { Acr } from "./token/claims.js";
import { encodeBase64url } from "./token/encoding.js";
import type { JsonValue } from "./token/json.js";
import { KeySet } from "./token/keys.js";

export { ManualClock } from "./clock.js";
export { AccessMatrix, Caller } from "./matrix.js";
export { LiveState } from "./live.js";

/** The start time of the clock of a {@link TestIssuer}: 2030-01-01T00:00:00Z. */
const START = Date.UTC(2030, 0, 1);
const LIFETIME = 30 * 60;
const ERA = "test";
const KID = "test";

/** The claims of a token that is not signed yet. */
export type TokenClaims = Record<string, JsonValue>;

/** An issuer of access tokens in memory, with a random key and its own clock. */
export class TestIssuer {
  /** The `iss` and `aud` of its tokens. */
  static readonly URL = "https://test.invalid";
  /** The clock of the issuer and its guards. */
  readonly clock = new ManualClock(START);
  /** The state of the guards, to raise floors, to change keys or era, or to make it stale. */
  readonly live: LiveState;
  readonly #key: KeyObject;
  readonly #jwks: { keys: Record<string, unknown>[] };

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }));
    const jwk = { ...publicKey.export({ format: "jwk" }), kid: KID, alg: "ES256", use: "sig" };
    this.#jwks = { keys: [jwk] };
    this.live = new LiveState(this.clock, KeySet.fromJwks(JSON.stringify(this.#jwks)), ERA);
    this.live.markFresh();
  }

  /** Builds a guard that accepts the tokens of this issuer and uses its clock. */
  guard(options: Partial<GuardOptions> = {}): Guard {
    return new Guard({ issuer: TestIssuer.URL, live: this.live, clock: this.clock, ...options });
  }

  /** Returns the public key as a JWK Set, for a server of a test that plays the issuer. */
  jwks(): { keys: Record<string, unknown>[] } {
    return structuredClone(this.#jwks);
  }

  /** Starts a token for a user, without roles and permissions. */
  token(username: string): TestToken {
    return new TestToken(this, username);
  }

  /** Signs a token with exactly the roles and permissions of a caller of the access matrix. */
  tokenOf(caller: Caller): string {
    const token = this.token("matrix").roles(...caller.roles).permissions(...caller.permissions).stepUp(...caller.stepUp).acr(caller.acr);
    if (caller.tenant !== undefined) token.tenant(caller.tenant);
    if (caller.isStale) token.signedInAgo(Infinity);
    return token.sign();
  }

  /** Signs any header and payload, for tests that need invalid tokens. */
  signRaw(header: object, payload: string | Uint8Array): string {
    const input = `${encodeBase64url(JSON.stringify(header))}.${encodeBase64url(payload)}`;
    return `${input}.${encodeBase64url(sign("sha256", Buffer.from(input), { key: this.#key, dsaEncoding: "ieee-p1363" }))}`;
  }
}

/** A token that is not signed yet. */
export class TestToken {
  readonly claims: TokenClaims;
  readonly #issuer: TestIssuer;

  /** @internal */
  constructor(issuer: TestIssuer, username: string) {
    this.#issuer = issuer;
    const now = Math.floor(issuer.clock.now() / 1000);
    this.claims = {
      iss: TestIssuer.URL, sub: username, subject_kind: "user", aud: TestIssuer.URL, client_id: "rolecall", iat: now,
      exp: now + LIFETIME, jti: `test-${username}`, sid: `session-${username}`, auth_time: now, acr: "aal1", amr: ["pwd"],
      username, roles: [], scope: "", rev: 0, era: issuer.live.era,
    };
  }

  /** Adds roles. */
  roles(...names: string[]): this {
    return this.#push("roles", names);
  }

  /** Adds permissions. */
  permissions(...names: string[]): this {
    this.claims["scope"] = join(this.claims["scope"], names);
    return this;
  }

  /** Issues the token for a tenant, in which the subject holds what the token carries. */
  tenant(name: string): this {
    this.claims["tenant"] = name;
    this.#global();
    return this;
  }

  /** Adds roles that the subject of a token for a tenant holds globally. */
  globalRoles(...names: string[]): this {
    this.#global().roles.push(...names);
    return this.roles(...names);
  }

  /** Adds permissions that the subject of a token for a tenant holds globally. */
  globalPermissions(...names: string[]): this {
    const global = this.#global();
    global.scope = join(global.scope, names);
    return this.permissions(...names);
  }

  /** Sets the assurance of the session. */
  acr(acr: Acr): this {
    return this.claim("acr", acr);
  }

  /** Adds roles that the session does not reach. */
  stepUp(...names: string[]): this {
    return this.#push("step_up", names);
  }

  /** Lets the user have signed in some seconds ago, for `fresh`; by default they did just now. */
  signedInAgo(seconds: number): this {
    const iat = this.claims["iat"] as number;
    return this.claim("auth_time", Math.max(0, Number.isFinite(seconds) ? iat - seconds : 0));
  }

  /** Makes the subject a client, so that the token has no user name and no session. */
  client(): this {
    const { sub } = this.claims;
    Object.assign(this.claims, { subject_kind: "client", client_id: sub });
    for (const name of ["username", "sid", "auth_time", "acr", "amr"]) delete this.claims[name];
    return this;
  }

  /** Sets the revision from which the token is issued, 0 by default. */
  rev(revision: number): this {
    return this.claim("rev", revision);
  }

  /** Makes the token expire now. */
  expired(): this {
    const now = Math.floor(this.#issuer.clock.now() / 1000);
    return this.claim("exp", now).claim("iat", now - LIFETIME);
  }

  /** Sets any claim, such as a profile field. */
  claim(name: string, value: JsonValue): this {
    this.claims[name] = value;
    return this;
  }

  /** Signs the token. */
  sign(): string {
    return this.#issuer.signRaw({ alg: "ES256", typ: "at+jwt", kid: KID }, JSON.stringify(this.claims));
  }

  /** Signs the token and returns the value for an `Authorization` header. */
  bearer(): string {
    return `Bearer ${this.sign()}`;
  }

  #push(name: string, values: string[]): this {
    if (values.length > 0) this.claims[name] = [...((this.claims[name] as string[] | undefined) ?? []), ...values];
    return this;
  }

  #global(): { roles: string[]; scope?: string } {
    const global = (this.claims["global"] ??= { roles: [] });
    return global as { roles: string[]; scope?: string };
  }
}

function join(scope: JsonValue | undefined, names: string[]): string {
  return [scope, ...names].filter((name) => typeof name === "string" && name !== "").join(" ");
}

/** The settings of {@link assertAccessMatrix}. */
export interface MatrixOptions {
  /** The permissions and juniors of each role; each role of it gets a column. */
  policy?: PolicyDocument;
  /** Builds tokens that the guard of the application accepts, if `app` does not take a guard. */
  issuer?: TestIssuer;
}

/**
 * Compares the access matrix of an application with the committed file, and requests every cell. No handler runs.
 *
 * `app` builds the application with a guard. `ROLECALL_BLESS=1` writes the file.
 */
export async function assertAccessMatrix(
  file: string,
  roles: readonly string[],
  app: (guard: Guard) => object | Promise<object>,
  { policy, issuer = new TestIssuer() }: MatrixOptions = {},
): Promise<void> {
  // the guard knows what the roles of the policy need
  if (policy) issuer.live.setPolicy(new Policy(policy));
  const routes = routesOf(await app(issuer.guard()));
  const matrix = new AccessMatrix(await collect(routes), roles, policy && new Policy(policy));
  // first, so that a matrix is never written for an application that does not behave accordingly
  for (const route of matrix.routes) await new RouteTest(matrix, routes, route, issuer).run();
  compare(file, matrix.toString());
}

/** Returns the routes of an application, after one request, for frameworks that finish their routes then. */
async function collect(routes: GuardedRoutes): Promise<RouteAccess[]> {
  await routes.probe({ method: "GET", path: "/rolecall-test-no-route", authorization: [] });
  return routes.routes();
}

/** Compares the lines that are no comments, which each language has its own of. */
function compare(file: string, now: string): void {
  const how = "If the change is intended, run the test with ROLECALL_BLESS=1 and commit the file.";
  if (process.env["ROLECALL_BLESS"] === "1") return writeFileSync(file, now);
  let committed: string;
  try {
    committed = readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}\n\nThe access matrix is now:\n\n${now}\n${how}`);
  }
  const linesOf = (text: string) => text.split("\n").filter((line) => !line.startsWith("#"));
  const [old, lines] = [linesOf(committed), linesOf(now)];
  if (old.join("\n") === lines.join("\n")) return;
  const difference = [...old.filter((line) => !lines.includes(line)).map((line) => `- ${line}`), ...lines.filter((line) => !old.includes(line)).map((line) => `+ ${line}`)];
  const text = difference.length > 0 ? difference.join("\n") : "the same lines in a different order or number";
  throw new Error(`${file} has changed (- committed, + now):\n\n${text}\n\n${how}`);
}

/** The requests to one route. */
class RouteTest {
  constructor(readonly matrix: AccessMatrix, readonly routes: GuardedRoutes, readonly route: RouteAccess, readonly issuer: TestIssuer) {}

  async run(): Promise<void> {
    for (const column of this.matrix.columns()) await this.#column(column);
    await this.#aroundRule();
    await this.#invalid();
  }

  async #column(column: Column): Promise<void> {
    const { rule } = this.route;
    const { caller, below, title } = column;
    const cell = cellOf(column, rule);
    if (!caller) return this.#expect(undefined, cell, title);
    if (below) await this.#below(below, cell, `${title} in a session of the lowest assurance`);
    if (cell !== "?") return this.#expect(caller, cell, title);
    const more = caller.with(permissionsOf(rule));
    await this.#expect(caller, "403", title);
    await this.#expect(more, admission(rule, more), `${title} with the permissions`);
  }

  async #below(below: Caller, cell: Cell, title: string): Promise<void> {
    const { rule } = this.route;
    if (cell !== "step-up") return this.#expect(below, admission(rule, below), title);
    const needed = stepUp(rule.maxAge, below, [below.acr, below.stepUp], this.routes.guard.policy, (holder) => rule.admits(holder, SOME_TENANT));
    await this.#expectDenial(below, needed ?? forbidden(this.route, below), title);
  }

  /** Requests as callers with all the names of the rule, with all but one of them, and with only one of them. */
  async #aroundRule(): Promise<void> {
    const { rule } = this.route;
    const { names } = rule;
    const sets = [names, ...names.map((name) => [name]), ...names.map((name) => names.filter((other) => other !== name))];
    for (const set of sets) {
      const caller = new Caller().with(set);
      await this.#expect(caller, admission(rule, caller), `a holder of [${set.join(", ")}]`);
    }
    if (rule.maxAge === undefined) return;
    const caller = new Caller().with(names);
    const admitted = [caller.change({ tenant: SOME_TENANT }), caller].find((one) => rule.admits(one, SOME_TENANT));
    if (!admitted) return;
    const denial = new Denial({ kind: "step_up", acr: undefined, maxAge: rule.maxAge });
    await this.#expectDenial(admitted.change({ isStale: true }), denial, "a sign-in that is too old");
  }

  async #invalid(): Promise<void> {
    const denial = this.route.rule.node.kind === "public" ? undefined : new Denial({ kind: "invalid_token" });
    await this.#request(["Bearer not.a.token"], denial, "a token that is not valid");
    const { method, path } = this.route;
    if (this.matrix.routes.some((one) => one.method === undefined || ["ALL", "OPTIONS"].includes(one.method))) return;
    // 405 comes before authentication: a preflight has no credentials
    const answer = await this.routes.probe({ method: "OPTIONS", path: fillParameters(path), authorization: [] });
    if (answer.status !== 405) throw new Error(`OPTIONS ${path}, which has ${method}: expected 405, got ${answer.status}`);
  }

  /** Compares the answer with a cell; a caller who is admitted asks with a token for each of several tenants. */
  async #expect(caller: Caller | undefined, cell: Cell, title: string): Promise<void> {
    const { rule } = this.route;
    if (!caller || cell === "401" || cell === "403") {
      const denial = cell === "401" ? new Denial({ kind: "not_authenticated" }) : forbidden(this.route, caller ?? new Caller());
      return this.#expectDenial(caller, cell === "ok" ? undefined : denial, title);
    }
    const callers: [Caller, string][] = [
      [caller.change({ tenant: SOME_TENANT }), "the path's tenant"],
      [caller.change({ tenant: OTHER_TENANT }), "another tenant"],
      [caller, "no tenant"],
    ];
    for (const [one, tenant] of callers) {
      const denial = rule.admits(one, SOME_TENANT) ? undefined : forbidden(this.route, one);
      await this.#expectDenial(one, denial, `${title} with a token for ${tenant}`);
    }
  }

  #expectDenial(caller: Caller | undefined, denial: Denial | undefined, title: string): Promise<void> {
    return this.#request(caller ? [`Bearer ${this.issuer.tokenOf(caller)}`] : [], denial, title);
  }

  async #request(authorization: string[], denial: Denial | undefined, title: string): Promise<void> {
    const { method = "GET", path } = this.route;
    const answer = await this.routes.probe({ method: method === "ALL" ? "GET" : method, path: fillParameters(path), authorization });
    const expected = `${denial?.status ?? 204} ${denial?.challenge ?? ""}`;
    const actual = `${answer.status} ${answer.headers["www-authenticate"] ?? ""}`;
    if (actual !== expected) throw new Error(`${method} ${path} for ${title}: expected ${expected}, got ${actual}`);
  }
}

function forbidden({ rule }: RouteAccess, caller: Caller): Denial {
  return new Denial({ kind: "forbidden", scope: rule.missingScope(caller) });
}

/** Returns a path that matches, with a value for each parameter and without its optional parts. */
function fillParameters(path: string): string {
  return path.replace(/\[[^\]]*\]/g, "").replace(/\{[^}]*\}/g, SOME_TENANT);
}
